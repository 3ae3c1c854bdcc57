"""Peak signal-to-noise ratio of one picture."""

from __future__ import annotations

import math

import numpy as np

from pixelmend.metrics.pictures import Color, Picture, comparable


def psnr(
    restored: Picture,
    clean: Picture,
    *,
    data_range: float,
    crop_border: int = 0,
    color: Color = "rgb",
) -> float:
    """Peak signal-to-noise ratio, 10·log10(data_range² / mean squared error), higher is nearer.

    The error is averaged over all pixels and channels of this one picture. A score of a set is the mean of
    its pictures' scores, never the score of the pooled error, which is lower.

    Args:
        restored: (H, W, 3), or (H, W) or (H, W, 1) for ``color="gray"``; on the scale [0, ``data_range``].
            It is taken as it is: nothing is clamped or rounded here (see ``as_displayed``).
        clean: The reference, of the same shape and scale.
        data_range: The value of white: 1.0 for float pictures, 255 for 8 bits. Never guessed.
        crop_border: Pixels left out at each side.
        color: "rgb" for all three channels, "y" for BT.601 studio-range luminance of an RGB picture, "gray"
            for one channel.

    Returns:
        Decibels; infinity where the pictures are equal.

    Raises:
        DataError: The shapes differ or do not fit ``color``, or a value is not finite.
        UsageError: ``data_range`` is not positive, ``crop_border`` is negative or ``color`` is unknown.
    """
    first, second = comparable(restored, clean, data_range=data_range, crop_border=crop_border, color=color)
    error = float(np.mean(np.square(first - second)))
    return math.inf if error == 0.0 else 10.0 * math.log10(data_range * data_range / error)
