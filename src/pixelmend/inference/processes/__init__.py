"""Processes of our own that do work: they take orders over a pipe, and answer over another."""
