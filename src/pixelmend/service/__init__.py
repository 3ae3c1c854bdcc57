"""The HTTP service: pictures come in, and restored ones go out."""
