"""How far two pictures are from each other, strip by strip, so that memory does not grow with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.metrics import psnr, ssim
from pixelmend.metrics.ssim import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.images import Upright
    from pixelmend.metrics.pictures import Picture

    Tell = Callable[[int, int], None]

_STRIP = 256
_ROUNDING = 1e-6
"""What 8 and 16 bits may differ by on the scale [0, 1] where they say the same; a step of 16 bits is 15 times that."""


@dataclass(frozen=True)
class Scores:
    """Of one picture against another: as displayed (sRGB, upright, on white), white = 1, no border left out.

    Attributes:
        psnr: Decibels over all pixels and channels; infinity where they are equal.
        ssim: 11×11 Gaussian window, mean over channels; None where it was not measured.
        lpips: AlexNet, 0.1, lower is nearer; None where it was not measured.
    """

    psnr: float
    ssim: float | None = None
    lpips: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Ready for JSON, which has no infinity: None stands for the PSNR of equal pictures."""
        return {"psnr": None if math.isinf(self.psnr) else self.psnr, "ssim": self.ssim, "lpips": self.lpips}


def whole_psnr(picture: Upright, reference: Upright) -> float:
    """`metrics.psnr` of the whole pictures, from that of their strips."""
    error = 0.0
    for top, strip in picture.strips(rows=_STRIP):
        other = reference.region(top, 0, *strip.shape[:2])
        part = psnr(np.where(np.abs(strip - other) < _ROUNDING, other, strip), other, data_range=1.0)
        error += 10 ** (-part / 10) * strip.shape[0] / picture.height
    return math.inf if error == 0 else -10 * math.log10(error)


def whole_ssim(picture: Upright, reference: Upright, tell: Tell = lambda _done, _total: None) -> float:
    """`metrics.ssim` of the whole pictures, from strips that overlap by a window, so that each window is seen once.

    Args:
        picture: What is measured.
        reference: Of the same size.
        tell: Is told how many rows are done, and of how many: this takes a second or two for each megapixel.

    Raises:
        MissingExtraError: scikit-image is not installed.
        DataError: The pictures are smaller than the window.
    """
    total, windows = 0.0, max(picture.height - WINDOW + 1, 1)
    for top, strip in picture.strips(rows=_STRIP, more=WINDOW - 1):
        rows = strip.shape[0] - WINDOW + 1
        if rows < 1 and top > 0:
            break
        total += ssim(strip, reference.region(top, 0, *strip.shape[:2]), data_range=1.0) * rows
        tell(min(top + _STRIP, picture.height), picture.height)
    return total / windows


def whole_lpips(measure: Callable[[Picture, Picture], float], picture: Upright, reference: Upright) -> float:
    """LPIPS of the whole pictures at once: its deepest layers look far."""
    whole = (0, 0, picture.height, picture.width)
    first, second = (np.ascontiguousarray(each.region(*whole)) for each in (picture, reference))
    return measure(first, second)
