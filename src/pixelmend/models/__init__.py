"""The networks: the hybrid, its blocks, and the baselines that it is measured against."""

from pixelmend.models.hybrid import SIZES, Hybrid, HybridConfig, sized
from pixelmend.models.weights import load_model, read_metadata, save_model

__all__ = ["SIZES", "Hybrid", "HybridConfig", "load_model", "read_metadata", "save_model", "sized"]
