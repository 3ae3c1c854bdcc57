"""Film grain: what a model took away and a photographer may want back, without the damage that it also took away.

Of the difference between input and result, only that comes back which is grain as the eye knows it:

- luminance alone: noise in colour looks like dirt, never like film;
- fine alone: what is smooth over more than a few pixels is blotches and banding, and stays away;
- no stronger than the noise of the picture: edges of JPEG blocks and of blur stand out from noise, and are limited to
  it. A picture without noise has no grain, whatever else was repaired in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixelmend.images import LUMA
from pixelmend.inference.enlarge import enlarged

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEIGHTS = np.array(LUMA, np.float32)
_IN_LUMA = float(np.sqrt(np.square(_WEIGHTS).sum()))
"""What is left of white noise in red, green and blue, all alike, in their weighted mean."""
_LIMIT = 2.0
"""In standard deviations of the noise: grain that is stronger comes ever nearer to this, and never beyond."""
_RADIUS, _WIDTH = 4, 1.5
"""Of the Gaussian that what is smooth is told by, in pixels: reach, and standard deviation."""


def grain(
    degraded: NDArray[np.float32], restored: NDArray[np.float32], *, sigma: float, scale: int
) -> NDArray[np.float32]:
    """The fine grain that a model took away, to be added to its result.

    Args:
        degraded: (H, W, C), C in {1, 3}, what it was shown, sRGB on the [0, 1] scale.
        restored: (H·scale, W·scale, C), what it made of that.
        sigma: The noise of the input, 0-255 scale.
        scale: Where the model enlarges, grain is looked for at the size of the input, and enlarged too.

    Returns:
        (H·scale, W·scale, 1), about 0.
    """
    taken = _luma(degraded) - _reduced(_luma(restored), scale)
    limit = np.float32(_LIMIT * sigma / 255 * (_IN_LUMA if degraded.shape[2] == 3 else 1))
    if limit == 0:
        return np.zeros((*restored.shape[:2], 1), np.float32)
    limited = limit * np.tanh(taken / limit)
    fine: NDArray[np.float32] = limited - _smooth(_smooth(limited, axis=0), axis=1)
    return enlarged(fine, scale)


def _luma(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 1)."""
    if unit.shape[2] == 1:
        return unit
    luma: NDArray[np.float32] = (unit @ _WEIGHTS)[:, :, np.newaxis]
    return luma


def _reduced(luma: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    if scale == 1:
        return luma
    height, width = luma.shape[0] // scale, luma.shape[1] // scale
    mean: NDArray[np.float32] = luma.reshape(height, scale, width, scale, 1).mean(axis=(1, 3))
    return mean


def _smooth(luma: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """A Gaussian along one side; the border is repeated outwards."""
    length = luma.shape[axis]
    widths = [(0, 0)] * luma.ndim
    widths[axis] = (_RADIUS, _RADIUS)
    padded = np.moveaxis(np.pad(luma, widths, mode="edge"), axis, 0)
    taps = np.exp(-0.5 * np.square(np.arange(-_RADIUS, _RADIUS + 1) / _WIDTH))
    taps /= taps.sum()
    total = np.zeros_like(padded[:length])
    for first, tap in enumerate(taps):
        total += padded[first : first + length] * np.float32(tap)
    return np.moveaxis(total, 0, axis)
