"""Smaller networks from trained ones: channels pruned, weights in fewer bits, and what it costs measured."""

from pixelmend.compression.compress import Compressed, CompressOptions, compress
from pixelmend.compression.measure import Figures, table
from pixelmend.compression.prune import PruneOptions, prune

__all__ = ["CompressOptions", "Compressed", "Figures", "PruneOptions", "compress", "prune", "table"]
