"""Between stored values and [0, 1]: the depth decides the range, the pixels never do.

>>> import numpy as np
>>> float(to_unit(np.full((1, 1, 3), 65535, np.uint16)).max())
1.0
>>> from_unit(np.full((1, 1, 3), 0.5, np.float32), np.dtype(np.uint8))[0, 0].tolist()
[128, 128, 128]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Float pictures may leave [0, 1]: noise that was not clipped, highlights. Beyond this it is another scale
# (0-255, 0-65535).
FLOAT_LIMIT = 16.0

LUMA = (0.299, 0.587, 0.114)
"""BT.601 weights of red, green and blue in grey: those of the denoising literature (MATLAB's rgb2gray) and of JPEG."""

_FULL = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}

DTYPES = tuple(_FULL)


def full_scale(dtype: np.dtype[Any]) -> float:
    """The stored value that means white: 255, 65535, or 1 for float32."""
    return _FULL[np.dtype(dtype)]


def to_unit(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Stored values as a new float32 array, white = 1; float pictures are not clipped.

    Args:
        pixels: uint8, uint16 or float32, any shape.
    """
    unit = pixels.astype(np.float32)
    if pixels.dtype != np.float32:
        unit *= np.float32(1 / full_scale(pixels.dtype))
    return unit


def from_unit(unit: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values on the [0, 1] scale as a new array of a stored type: clamped, and rounded to nearest.

    Args:
        unit: float32, any shape, may leave [0, 1].
        dtype: uint8, uint16 or float32.
    """
    clamped = np.clip(unit, 0.0, 1.0)
    if np.dtype(dtype) == np.float32:
        return clamped
    clamped *= full_scale(dtype)
    return np.rint(clamped, out=clamped).astype(dtype)


def float_fault(pixels: NDArray[np.float32]) -> str | None:
    """What keeps a float32 array from being a picture on the [0, 1] scale, or None where nothing does."""
    low, high = float(np.min(pixels)), float(np.max(pixels))
    if not (np.isfinite(low) and np.isfinite(high)):
        return "it holds NaN or infinite values; replace them first"
    if max(abs(low), abs(high)) > FLOAT_LIMIT:
        return f"its values run from {low:.6g} to {high:.6g}; wanted the [0, 1] scale: divide first"
    return None
