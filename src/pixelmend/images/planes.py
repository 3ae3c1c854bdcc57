"""Pixels of NumPy as images of libvips: between the two, between depths, and larger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images.values import DTYPES, full_scale
from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    from pixelmend.images.picture import Pixels

BANDS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
"""Types of libvips by those of NumPy."""


def to_vips(pixels: Pixels) -> Any:
    """An image over the same memory; a memory-mapped array is read from the disk as it is written out.

    Raises:
        UsageError: Another shape than (H, W), (H, W, 1) or (H, W, 3), or another type than `BANDS` has.
    """
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in {1, 3} or pixels.size == 0 or pixels.dtype not in DTYPES:
        got = f"got shape {pixels.shape} of {pixels.dtype}"
        raise UsageError(f"{got}, wanted (H, W), (H, W, 1) or (H, W, 3) of uint8, uint16 or float32")
    height, width, bands = pixels.shape
    data = np.ascontiguousarray(pixels)
    return pyvips.Image.new_from_memory(data, width, height, bands, BANDS[pixels.dtype.name])


def in_depth(image: Any, have: np.dtype[Any], depth: np.dtype[Any]) -> Any:
    """An image in another depth, full scale to full scale, and called grey or RGB as its bands are."""
    if have != depth:
        image = image.linear(full_scale(depth) / full_scale(have), 0)
        # cast cuts the fraction off, and clamps
        image = image.cast("float") if depth == np.float32 else image.rint().cast(BANDS[depth.name])
    names = {"uint8": ("b-w", "srgb"), "uint16": ("grey16", "rgb16"), "float32": ("b-w", "scrgb")}[depth.name]
    return image.copy(interpretation=names[image.bands == 3])


def enlarged(image: Any, dtype: np.dtype[Any], width: int, height: int) -> Any:
    """An image at a whole multiple of its size, bicubic, within the range of its type.

    Raises:
        UsageError: It is no whole multiple.
    """
    scale = width // image.width
    if scale < 1 or (width, height) != (image.width * scale, image.height * scale):
        raise UsageError(f"got {width}×{height} pixels, wanted {image.width}×{image.height} or a whole multiple of it")
    if scale == 1:
        return image
    # Not resize: it moves what it enlarges by half a pixel of the result.
    shift, bicubic = 0.5 - 0.5 / scale, pyvips.Interpolate.new("bicubic")
    larger = image.affine(
        [scale, 0, 0, scale], idx=shift, idy=shift, oarea=[0, 0, width, height], interpolate=bicubic,
        extend="copy", premultiplied=True,
    )  # fmt: skip
    # whole numbers are clamped by the type itself
    return larger.clamp(min=0, max=full_scale(dtype)) if dtype == np.float32 else larger
