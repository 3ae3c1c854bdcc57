"""What every metric does to its two pictures first: check them, pick the channels, leave out the frame."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pixelmend.errors import DataError, UnknownNameError, UsageError

Color = Literal["rgb", "y", "gray"]
Picture = npt.NDArray[Any]  # any real dtype; the metrics compute in float64

# ITU-R BT.601, studio range: black is 16 and white is 235 of 255.
_Y_WEIGHTS = np.array([65.481, 128.553, 24.966])
_Y_OFFSET = 16.0


def as_displayed(restored: Picture, *, data_range: float = 1.0) -> npt.NDArray[np.float64]:
    """What a viewer would see: clamped to [0, ``data_range``] and rounded to 8 bits, on the same scale.

    Args:
        restored: A picture of any shape on the scale [0, ``data_range``], which it may leave.
        data_range: The value of white.

    Returns:
        A float64 array of the same shape that holds at most 256 different values.

    Raises:
        DataError: The picture holds a value that is not finite.
        UsageError: ``data_range`` is not a positive number.
    """
    _check_range(data_range)
    _check_finite("restored", restored)
    unit = np.clip(np.asarray(restored, dtype=np.float64) / data_range, 0.0, 1.0)
    return np.asarray(np.round(unit * 255.0) * (data_range / 255.0), dtype=np.float64)


def comparable(
    restored: Picture, clean: Picture, *, data_range: float, crop_border: int, color: Color
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The two pictures as float64 (H, W, C), C = 3 for "rgb" and 1 for "y" and "gray", without their frame.

    Raises:
        DataError: The shapes differ, do not fit ``color`` or leave nothing inside the frame, or a value is
            not finite.
        UsageError: ``data_range`` is not a positive number or ``crop_border`` is negative.
        UnknownNameError: ``color`` is none of "rgb", "y", "gray".
    """
    _check_range(data_range)
    if color not in get_args(Color):
        raise UnknownNameError("color", str(color), get_args(Color))
    if restored.shape != clean.shape:
        raise DataError(f"restored is {restored.shape} and clean is {clean.shape}: give two pictures of one shape")
    height, width = _plane_size(clean, color)
    if crop_border < 0:
        raise UsageError(f"crop_border is {crop_border}: give a number of pixels, 0 or more")
    if min(height, width) <= 2 * crop_border:
        raise DataError(f"a picture of {height}×{width} has nothing inside a border of {crop_border} pixels")
    _check_finite("restored", restored)
    _check_finite("clean", clean)
    inside = (slice(crop_border, height - crop_border), slice(crop_border, width - crop_border))
    return _channels(restored[inside], data_range, color), _channels(clean[inside], data_range, color)


def _plane_size(picture: Picture, color: Color) -> tuple[int, int]:
    """Height and width, once the shape is known to fit ``color``."""
    shape = picture.shape
    gray = len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)
    colour = len(shape) == 3 and shape[2] == 3
    if not (gray if color == "gray" else colour):
        wanted = "(H, W) or (H, W, 1)" if color == "gray" else "(H, W, 3)"
        raise DataError(f"color={color!r} needs pictures of shape {wanted}, got {shape}")
    return int(shape[0]), int(shape[1])


def _channels(picture: Picture, data_range: float, color: Color) -> npt.NDArray[np.float64]:
    values = np.asarray(picture, dtype=np.float64)
    if color == "y":
        # On the unit scale Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255, as MATLAB's rgb2ycbcr has it;
        # neither the weights nor the result are rounded.
        values = (_Y_OFFSET * data_range + values @ _Y_WEIGHTS) / 255.0
    return values if values.ndim == 3 else values[..., np.newaxis]


def _check_range(data_range: float) -> None:
    if not (math.isfinite(data_range) and data_range > 0):
        raise UsageError(f"data_range is {data_range}: give the value of white, 1.0 or 255")


def _check_finite(name: str, picture: Picture) -> None:
    if not np.isfinite(picture).all():
        raise DataError(f"the {name} picture holds values that are not finite: no score can be given for it")
