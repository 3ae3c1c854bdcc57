"""Features and weights rounded to eight bits while PyTorch still computes in floating point.

What is simulated is what a runtime does with whole numbers (Jacob et al. 2018): features are uint8 with one scale and
one zero for each place, weights int8 with one scale for each output channel. Ranges of features learn with the weights
(LSQ, Esser et al. 2020): rounding lets gradients pass as if it were not there, clipping does not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pixelmend.models.blocks import Point
from pixelmend.models.rounding import HIGHEST, points, replace_points

if TYPE_CHECKING:
    from pixelmend.models import Hybrid
    from pixelmend.models.rounding import Rounding

LEVELS = 127
"""Weights take the whole numbers from minus this to plus this."""
Mode = Literal["pass", "watch", "round"]
_KEPT = 1 << 15
"""Values that a watched place remembers of each batch."""


class Rounder(Point):
    """Stands at a ``Point``; passes features, watches them, or rounds them.

    Attributes:
        mode: What it does.
        log_scale: Natural logarithm of what one step is worth; learns.
        zero: The whole number that stands for 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "pass"
        self.log_scale = nn.Parameter(torch.zeros(()))
        # A number and no tensor: `clamp` halves gradients at its ends where those are tensors.
        self.zero = 0
        self._seen: list[Tensor] = []

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        if self.mode == "watch":
            self._remember(features.detach())
        elif self.mode == "round":
            scale = self.log_scale.exp()
            # Clipped before it is rounded, since what is rounded for gradients is not whole to the last bit.
            return _nearest((features.float() / scale).clamp(-self.zero, HIGHEST - self.zero)) * scale
        return features

    @property
    def scale(self) -> float:
        """What one step is worth."""
        return math.exp(float(self.log_scale.detach()))

    def fit(self) -> None:
        """Choose scale and zero that round what was watched with the smallest squared error; forget it."""
        values = torch.cat(self._seen)
        self._seen = []
        low, high = float(values.min().clamp(max=0)), float(values.max().clamp(min=0))
        ranges = [(bottom, top) for bottom in _shares(low) for top in _shares(high)]
        tried = []
        for bottom, top in ranges:
            scale = max((top - bottom) / HIGHEST, 1e-8)
            zero = round(-bottom / scale)
            steps = ((values / scale).round() + zero).clamp(0, HIGHEST) - zero
            tried.append((float((steps * scale - values).square().mean()), scale, zero))
        _, scale, zero = min(tried)
        self.log_scale.data.fill_(math.log(scale))
        self.zero = zero

    def _remember(self, features: Tensor) -> None:
        flat = features.float().flatten()
        step = max(1, flat.numel() // _KEPT)
        # Both ends are always among what is kept.
        self._seen.append(torch.cat([flat[::step], flat.aminmax().min[None], flat.aminmax().max[None]]))


class RoundedWeight(nn.Module):
    """Parametrization of a weight: int8 times a scale for each output channel, the largest value at 127."""

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "pass"

    def forward(self, weight: Tensor) -> Tensor:
        """A weight of any shape, channels first, in; the same out."""
        if self.mode != "round":
            return weight
        rest = tuple(range(1, weight.ndim))
        scale = weight.detach().abs().amax(dim=rest, keepdim=True).clamp_min(1e-12) / LEVELS
        return _nearest(weight / scale) * scale


def _nearest(values: Tensor) -> Tensor:
    """Whole numbers, through which gradients pass."""
    return values + (values.round() - values).detach()


def _shares(end: float) -> list[float]:
    return [0.0] if end == 0 else [end * share for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)]


def attach(model: Hybrid) -> None:
    """Put a ``Rounder`` at every point of a network and a ``RoundedWeight`` on every layer but the first, in place.

    Nothing is rounded before ``rounding`` says so.
    """
    replace_points(model, {name: Rounder() for name in points(model)})
    for module in list(model.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module is not model.stem:
            parametrize.register_parametrization(module, "weight", RoundedWeight())


def settle(model: Hybrid) -> Rounding:
    """Take away, in place, what ``attach`` put there; weights keep the values that they learned, unrounded.

    Returns:
        Where features were rounded last, and how.
    """
    rounding = {
        name: (point.scale, point.zero)
        for name, point in points(model).items()
        if isinstance(point, Rounder) and point.mode == "round"
    }
    replace_points(model, {name: Point() for name in points(model)})
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            for each in module.modules():
                if isinstance(each, RoundedWeight):
                    each.mode = "pass"
            parametrize.remove_parametrizations(module, "weight")
    return rounding
