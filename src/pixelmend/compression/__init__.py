"""Smaller networks from trained ones: channels pruned, weights quantized, and what it costs measured."""
