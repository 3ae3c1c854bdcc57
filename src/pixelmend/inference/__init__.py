"""Running a model on pictures of any size, depth and kind, without PyTorch."""

from pixelmend.inference.core import restore_picture
from pixelmend.inference.engines import Choice, Engine, OnnxEngine, Wish, cached_engine, choose, devices
from pixelmend.inference.masks import read_mask
from pixelmend.inference.options import Options
from pixelmend.inference.report import Report
from pixelmend.inference.restorer import default_output, restore
from pixelmend.inference.settings import Settings
from pixelmend.inference.sizes import crop, pad, padded_length
from pixelmend.inference.weights import MixedEngine, Weights, find_weights
from pixelmend.inference.work import Work, begin, restore_file

__all__ = [
    "Choice",
    "Engine",
    "MixedEngine",
    "OnnxEngine",
    "Options",
    "Report",
    "Settings",
    "Weights",
    "Wish",
    "Work",
    "begin",
    "cached_engine",
    "choose",
    "crop",
    "default_output",
    "devices",
    "find_weights",
    "pad",
    "padded_length",
    "read_mask",
    "restore",
    "restore_file",
    "restore_picture",
]
