"""Every method measured in the same way: suites, scores that can be resumed, tables."""
