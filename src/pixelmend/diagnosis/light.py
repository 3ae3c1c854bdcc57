"""How bright a picture is, and whether pixels of it are lost: stuck at black or white among others that are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pixelmend.diagnosis.sampling import Sample

_END = 1.5
"""Values so near to 0 or 255 are black or white."""
_FAR = 64.0
"""A value that differs by more from all that surrounds it stands alone."""
_FEWEST = 5e-4
"""Share of pixels; fewer are hot pixels or sparkles, which no picture is without."""
_OUTWEIGH = 3.0
"""Noise and foliage make values between black and white stand alone as well; lost pixels outweigh those by so much."""


@dataclass(frozen=True)
class Brightness:
    """How light a picture is, all 0–1, as it is stored (display values, not light).

    Attributes:
        mean: Mean luma.
        dark: What 5 % of the pixels are darker than.
        middle: The median.
        bright: What 5 % of the pixels are brighter than.
    """

    mean: float
    dark: float
    middle: float
    bright: float


def brightness(sample: Sample) -> Brightness:
    """Measure it."""
    dark, middle, bright = np.quantile(np.clip(sample.luma, 0, 255), (0.05, 0.5, 0.95)) / 255
    return Brightness(float(np.clip(sample.luma, 0, 255).mean()) / 255, float(dark), float(middle), float(bright))


def lost_share(sample: Sample) -> float:
    """The share of pixels that are black or white in a channel and stand alone; 0 where that may be noise.

    Args:
        sample: Of any size; below 3×3 nothing stands alone.
    """
    if min(sample.luma.shape[1:]) < 3:
        return 0.0
    values = 255 * sample.colour
    middle = values[:, 1:-1, 1:-1]
    around = np.stack([values[:, 1 + down : values.shape[1] - 1 + down, 1 + right : values.shape[2] - 1 + right]
                       for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1))])  # fmt: skip
    # Not the nearest of the four, which may be lost as well, but the second nearest on either side.
    ordered = np.sort(around, axis=0)
    apart = np.maximum(ordered[1] - middle, middle - ordered[2])
    alone = apart > _FAR
    end = (middle <= _END) | (middle >= 255 - _END)
    lost = (alone & end).any(axis=3)
    share = float(lost.mean())
    others = float((alone & ~end).any(axis=3).mean())
    return share if share >= _FEWEST and share >= _OUTWEIGH * others else 0.0
