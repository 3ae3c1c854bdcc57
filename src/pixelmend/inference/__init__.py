"""Running a model on pictures of any size, depth and kind, without PyTorch."""

from pixelmend.inference.core import Options, Report, restore_picture
from pixelmend.inference.engines import Engine, OnnxEngine, cached_engine, devices
from pixelmend.inference.restorer import default_output, restore
from pixelmend.inference.sizes import crop, pad, padded_length

__all__ = [
    "Engine",
    "OnnxEngine",
    "Options",
    "Report",
    "cached_engine",
    "crop",
    "default_output",
    "devices",
    "pad",
    "padded_length",
    "restore",
    "restore_picture",
]
