"""The networks: the hybrid, its blocks, and the baselines that it is measured against."""

from pixelmend.models.architectures import ARCHITECTURES, AnyConfig, Network, NetworkConfig, build
from pixelmend.models.hybrid import SIZES, Hybrid, HybridConfig, sized
from pixelmend.models.weights import load_hybrid, load_model, read_metadata, save_model

__all__ = [
    "ARCHITECTURES",
    "SIZES",
    "AnyConfig",
    "Hybrid",
    "HybridConfig",
    "Network",
    "NetworkConfig",
    "build",
    "load_hybrid",
    "load_model",
    "read_metadata",
    "save_model",
    "sized",
]
