"""Convolution of each picture with its own kernel, small or large, in bounded memory, mirrored at the border."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelmend.degradations.curves import to_display, to_linear
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

LIGHTS = ("linear", "display")
"""Whether blur mixes linear light, as a lens does, or display values, as much of the literature does."""

_DIRECT = 21
"""Largest kernel that is convolved directly; from here on Fourier transforms are faster (16 × 3 × 128², two cores)."""
_TILE = 1024
"""Pictures beyond this are transformed in pieces, which bounds the memory."""


def convolve(pictures: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each picture with its own kernel, the picture mirrored at its border, its outermost pixel not repeated.

    A kernel is the image of a point of light: its right half carries light to the right.

    Args:
        pictures: (N, C, H, W), any float type; the border may be wider than the picture.
        kernels: (N, k, k), k odd; any device.

    Raises:
        UsageError: Not a kernel for each picture, or k is even.
    """
    if kernels.ndim != 3 or len(kernels) != len(pictures) or kernels.shape[1] % 2 == 0:
        raise UsageError(f"got {tuple(kernels.shape)} for {len(pictures)} pictures: wanted kernels (N, k, k), k odd")
    exact = pictures if pictures.dtype in (torch.float32, torch.float64) else pictures.float()
    radius = kernels.shape[1] // 2
    result = _convolve(padded(exact, radius), kernels.to(exact))
    return result.to(pictures.dtype)


def in_light(pictures: Tensor, blur: Callable[[Tensor], Tensor], light: str) -> Tensor:
    """Do this to linear light or to display values; see ``LIGHTS``."""
    return to_display(blur(to_linear(pictures))) if light == "linear" else blur(pictures)


def padded(pictures: Tensor, radius: int) -> Tensor:
    """Pictures with a mirrored border, as often mirrored as it takes."""
    height, width = pictures.shape[-2:]
    if radius < min(height, width):
        return F.pad(pictures, (radius,) * 4, mode="reflect") if radius else pictures
    rows, columns = (mirrored(side, radius).to(pictures.device) for side in (height, width))
    return pictures.index_select(-2, rows).index_select(-1, columns)


def mirrored(side: int, radius: int) -> Tensor:
    """For each place from -radius to side + radius - 1 the place inside that stands for it."""
    period = max(1, 2 * (side - 1))
    place = torch.arange(-radius, side + radius).remainder(period)
    return torch.minimum(place, period - place) if side > 1 else torch.zeros_like(place)


@lru_cache(maxsize=4096)
def fast_size(least: int) -> int:
    """The least even size from here on that Fourier transforms are fast at: 2, 3 and 5 its only factors."""
    size = least + least % 2
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 2


def _convolve(border: Tensor, kernels: Tensor) -> Tensor:
    """The part of a convolution that needs nothing beyond the border."""
    margin = kernels.shape[1] - 1
    if kernels.shape[1] <= _DIRECT:
        return _direct(border, kernels)
    height, width = border.shape[2] - margin, border.shape[3] - margin
    if max(height, width) <= _TILE:
        return _by_fourier(border, kernels)
    rows = []
    for top in range(0, height, _TILE):
        pieces = [
            _by_fourier(border[:, :, top : top + _TILE + margin, left : left + _TILE + margin], kernels)
            for left in range(0, width, _TILE)
        ]
        rows.append(torch.cat(pieces, 3))
    return torch.cat(rows, 2)


def _direct(border: Tensor, kernels: Tensor) -> Tensor:
    planes = border.shape[0] * border.shape[1]
    # PyTorch's convolution correlates, so kernels are turned around.
    weights = kernels.flip(1, 2).repeat_interleave(border.shape[1], 0)[:, None]
    flat = border.reshape(1, planes, *border.shape[2:])
    result = F.conv2d(flat, weights, groups=planes)
    return result.reshape(*border.shape[:2], *result.shape[2:])


def _by_fourier(border: Tensor, kernels: Tensor) -> Tensor:
    margin = kernels.shape[1] - 1
    height, width = border.shape[2], border.shape[3]
    size = fast_size(height), fast_size(width)
    spectrum = torch.fft.rfft2(border, s=size) * torch.fft.rfft2(kernels, s=size)[:, None]
    # What wraps around lies in the first `margin` lines, which are cut off.
    result: Tensor = torch.fft.irfft2(spectrum, s=size)[:, :, margin:height, margin:width]
    return result
