"""Where a published blur kernel lies: turned and shifted to where it explains its pair of pictures best.

The pictures of Levin and others (CVPR 2009) were taken by a real camera, clean and blurred ones by separate exposures:
they are a few pixels apart, and copies of the kernels are stored as they are or turned by 180°. A method that is told
such a kernel as it is would be judged by that, and not by how it restores.
"""

from __future__ import annotations

import itertools
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import MissingExtraError

if TYPE_CHECKING:
    from pixelmend.evaluation.problem import Pixels

_FARTHEST = 8
"""Pixels that a picture may be off by, either way."""


def registered_kernel(kernel: Pixels, clean: Pixels, degraded: Pixels) -> Pixels:
    """The kernel as it takes this clean picture to this blurred one, by convolution.

    Both ways round are tried, and for each the shift with the least squared misfit, to parts of a pixel.

    Args:
        kernel: (k, k), k odd, sums to 1.
        clean: (H, W).
        degraded: (H, W), blurred by the kernel or the kernel turned by 180°, and shifted by up to 8 px.

    Returns:
        float32 (k + 20, k + 20), none of it negative, sums to 1: its middle is where a pixel stays.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    try:
        convolve = import_module("scipy.signal").fftconvolve
        shift = import_module("scipy.ndimage").shift
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "scipy") from error
    roomy = np.pad(kernel.astype(np.float64), _FARTHEST + 2)
    margin = roomy.shape[0] // 2
    found = []
    for turned in (roomy, roomy[::-1, ::-1]):
        blurred = convolve(clean.astype(np.float64), turned, mode="same")
        misfit, offset = _best_shift(blurred, degraded, margin)
        found.append((misfit, shift(turned, offset, order=3)))
    _, best = min(found, key=lambda each: each[0])
    kept = np.clip(best, 0, None)
    registered: Pixels = (kept / kept.sum()).astype(np.float32)
    return registered


def _best_shift(blurred: Any, degraded: Pixels, margin: int) -> tuple[float, Any]:
    """The mean squared misfit inside the margin at the best shift, and that shift: down, right, pixels."""
    inside = (slice(margin, -margin), slice(margin, -margin))
    wanted = degraded[inside].astype(np.float64)
    down, right = (np.fft.fftfreq(n) for n in blurred.shape)
    spectrum = np.fft.fft2(blurred)

    def misfit(offset: Any) -> float:
        phase = np.exp(-2j * np.pi * (offset[0] * down[:, np.newaxis] + offset[1] * right))
        return float(np.square(np.fft.ifft2(spectrum * phase).real[inside] - wanted).mean())

    def whole(offset: tuple[int, int]) -> float:
        return float(np.square(np.roll(blurred, offset, axis=(0, 1))[inside] - wanted).mean())

    reach = range(-_FARTHEST, _FARTHEST + 1)
    start = min(itertools.product(reach, reach), key=whole)
    found = import_module("scipy.optimize").minimize(misfit, start, method="Nelder-Mead", options={"xatol": 0.01})
    return float(found.fun), found.x
