"""What runs a network: one interface, and the engines behind it. The best one that is installed is chosen."""

from pixelmend.inference.engines.base import PRECISIONS, USUAL, Engine, Wish
from pixelmend.inference.engines.choice import Choice, cached_engine, choose, unused_gpu
from pixelmend.inference.engines.onnx_runtime import OnnxEngine, devices

__all__ = [
    "PRECISIONS",
    "USUAL",
    "Choice",
    "Engine",
    "OnnxEngine",
    "Wish",
    "cached_engine",
    "choose",
    "devices",
    "unused_gpu",
]
