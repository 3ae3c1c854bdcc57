"""BM3D: like patches stacked, their transform coefficients thresholded, then a Wiener filter led by that first result.

K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering",
IEEE TIP 2007; colour as in their CBM3D (ICIP 2007), which finds like patches in luminance. Computed by the authors' own
package ``bm3d``, which is free for research only: something to be measured against, never a part of what is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import MissingExtraError
from pixelmend.evaluation.method import Method
from pixelmend.evaluation.methods.classical import noise_level

if TYPE_CHECKING:
    from pixelmend.evaluation.problem import Pixels, Problem

_LEAST_SIGMA = 0.1
"""On the 0–255 scale: at 0 the package divides by the level."""


class Bm3d(Method):
    """BM3D for gray pictures, CBM3D for colour; the authors' normal profile."""

    name = "bm3d"
    label = "BM3D"
    tasks = frozenset({"denoise", "photo"})

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``.

        Raises:
            MissingExtraError: The package bm3d is not installed.
        """
        try:
            bm3d = import_module("bm3d")
        except ModuleNotFoundError as error:
            raise MissingExtraError("bm3d", "peers") from error
        profile = bm3d.BM3DProfile()
        # With more threads patches are added up in another order each time, and so are their rounding errors.
        profile.num_threads = 1
        sigma01 = max(noise_level(problem), _LEAST_SIGMA) / 255
        # Of its two colour transforms the package's own choice, "opp", was best at sigma 15, 25 and 50 on validation
        # pictures: 0.03 to 1.1 dB above "YCbCr".
        run = bm3d.bm3d if problem.is_gray else bm3d.bm3d_rgb
        restored: Pixels = np.asarray(run(problem.degraded, sigma01, profile), np.float32)
        return restored
