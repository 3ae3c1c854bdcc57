"""Structural similarity of one picture (Wang, Bovik, Sheikh and Simoncelli, 2004)."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from pixelmend.errors import DataError, MissingExtraError
from pixelmend.metrics.pictures import Color, Picture, comparable

WINDOW = 11  # pixels; the Gaussian of sigma 1.5 is cut off at a radius of 5
_WINDOW_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def ssim(
    restored: Picture,
    clean: Picture,
    *,
    data_range: float,
    crop_border: int = 0,
    color: Color = "rgb",
) -> float:
    """Mean structural similarity as its authors published it: higher is nearer, 1 is equal.

    An 11×11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, averaged over the
    places where the whole window lies inside the picture, each channel on its own, then over the channels.
    A window that also runs across channels scores some 0.14 higher on the same noisy pictures, so the two
    are not to be compared.

    Args:
        restored: (H, W, 3), or (H, W) or (H, W, 1) for ``color="gray"``; on the scale [0, ``data_range``].
        clean: The reference, of the same shape and scale.
        data_range: The value of white: 1.0 for float pictures, 255 for 8 bits. Never guessed.
        crop_border: Pixels left out at each side.
        color: As for ``psnr``.

    Returns:
        A number of at most 1.

    Raises:
        DataError: The shapes differ or do not fit ``color``, a value is not finite, or the picture is smaller
            than the window.
        UsageError: ``data_range`` is not positive, ``crop_border`` is negative or ``color`` is unknown.
        MissingExtraError: scikit-image is not installed.
    """
    first, second = comparable(restored, clean, data_range=data_range, crop_border=crop_border, color=color)
    height, width, _ = first.shape
    if min(height, width) < WINDOW:
        raise DataError(f"SSIM needs at least {WINDOW}×{WINDOW} pixels inside the border, got {height}×{width}")
    try:
        # Imported by name: it is a part of the learn half, and it pulls in SciPy.
        structural_similarity = import_module("skimage.metrics").structural_similarity
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-image") from error
    # scikit-image's mean leaves out the border of half a window, so it is over the valid region.
    scores = [
        structural_similarity(
            first[..., channel],
            second[..., channel],
            data_range=data_range,
            gaussian_weights=True,
            sigma=_WINDOW_SIGMA,
            win_size=WINDOW,
            use_sample_covariance=False,
            K1=_K1,
            K2=_K2,
        )
        for channel in range(first.shape[2])
    ]
    return float(np.mean(scores))
