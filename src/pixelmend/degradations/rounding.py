"""Rounding that lets gradients through, as if it were not there (Bengio et al. 2013, straight-through estimator)."""

from __future__ import annotations

import torch
from torch import Tensor


def rounded(values: Tensor) -> Tensor:
    """Whole numbers; the gradient passes unchanged."""
    return replaced(values, values.detach().round())


def replaced(values: Tensor, result: Tensor) -> Tensor:
    """``result``, with the gradient of ``values``."""
    if not (torch.is_grad_enabled() and values.requires_grad):
        return result
    return values + (result - values).detach()


def to_levels(pictures: Tensor) -> Tensor:
    """Pictures in [0, 1] as whole numbers 0–255, clipped and rounded as a file with 8 bits does."""
    return rounded((pictures * 255).clamp(0, 255))
