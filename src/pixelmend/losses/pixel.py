"""Losses that compare pixels: one value for each picture of the batch, so that they can be weighted before the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def l1(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute difference: (N, C, H, W) twice in, (N,) out."""
    return (restored - clean).abs().mean(dim=(1, 2, 3))


def charbonnier(restored: Tensor, clean: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """Smooth L1, √(d² + ε²) (Charbonnier et al. 1994): (N, C, H, W) twice in, (N,) out; ε in units of [0, 1]."""
    return ((restored - clean).square() + epsilon**2).sqrt().mean(dim=(1, 2, 3))


def l2(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean squared difference: (N, C, H, W) twice in, (N,) out."""
    return (restored - clean).square().mean(dim=(1, 2, 3))


def frequency(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute difference of the pictures' 2-D Fourier coefficients, real and imaginary parts alike.

    The multi-scale frequency reconstruction loss of MIMO-UNet (Cho et al. 2021), at one scale: a fine texture that is
    missing everywhere is small in every pixel, but large in a few coefficients. The transform is orthonormal, so that
    at any size of picture a difference of Gaussian white noise costs 1/√2 of what it costs in ``l1``; it is taken over
    the half of the coefficients that a real picture has (``torch.fft.rfft2``).

    Args:
        restored: (N, C, H, W), any float type; the transform is taken in float32, also under autocast.
        clean: The same.

    Returns:
        (N,) float32.
    """
    coefficients = torch.fft.rfft2(restored.float() - clean.float(), norm="ortho")
    return torch.view_as_real(coefficients).abs().mean(dim=(1, 2, 3, 4))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "l2": l2,
    "charbonnier": charbonnier,
    "frequency": frequency,
}
"""The pixel losses by the name that a recipe uses."""


def balance_weights(sigma01: Tensor, *, power: float) -> Tensor:
    """Weights that let every noise level count alike in decibels.

    The error left after denoising grows with about sigma^0.55, so that a plain mean is ruled by the noisiest pictures,
    while PSNR is a logarithm: 0.1 dB at sigma 10 is worth as much as at sigma 70. Each picture is divided by
    (sigma + 2)^power, 2 because 8-bit pictures and their compression carry about that much themselves.

    Args:
        sigma01: (N,) noise levels, sigma / 255.
        power: 0 for a plain mean, about 0.55 for an equal say in decibels.

    Returns:
        (N,) weights, 1 at sigma 25; never normalized by the batch, so a picture's say does not hang on its neighbours.
    """
    return ((sigma01 + 2 / 255) / (27 / 255)).pow(-power)
