"""Losses that compare pixels: one value for each picture of the batch, so that they can be weighted before the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def l1(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute difference: (N, C, H, W) twice in, (N,) out."""
    return (restored - clean).abs().mean(dim=(1, 2, 3))


def charbonnier(restored: Tensor, clean: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """Smooth L1, √(d² + ε²) (Charbonnier et al. 1994): (N, C, H, W) twice in, (N,) out; ε in units of [0, 1]."""
    return ((restored - clean).square() + epsilon**2).sqrt().mean(dim=(1, 2, 3))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "charbonnier": charbonnier}
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
