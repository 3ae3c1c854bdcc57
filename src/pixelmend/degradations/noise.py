"""Noise on the values of a picture, whatever their meaning: white, correlated, multiplicative, impulses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F

from pixelmend.degradations.base import Degradation, column, normal, uniform
from pixelmend.degradations.declare import Amount, amount, chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pixelmend.degradations.declare import Params
    from pixelmend.degradations.plan import Damage

_LARGEST_GRAIN = 3.0
_MARGIN = 9
"""Pixels: three times the largest kernel sigma."""


@dataclass(frozen=True)
class GaussianNoise(Degradation):
    """White Gaussian noise of one level for each picture.

    The sum is not clipped: the result may leave [0, 1], which is the protocol of the field's tables.

    Attributes:
        sigma: Standard deviation, 0–255 scale.
        gray: Probability that all three channels carry one and the same noise.
    """

    kind: ClassVar[str] = "noise"
    seeded: ClassVar[bool] = True

    sigma: Amount = amount((0, 75), 0, 255, "0–255 scale")
    gray: float = chance(0)

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Add it."""
        return torch.addcmul(pictures, _white(pictures, params), column(params["sigma"] / 255, pictures))


@dataclass(frozen=True)
class CorrelatedNoise(Degradation):
    """Gaussian noise whose neighbours and channels belong together: film grain, and what processing makes of noise.

    White noise n is filtered by a Gaussian whose squares sum to 1 (so each value keeps its variance, which near the
    borders holds because the noise goes on beyond them), then mixed over the channels by the symmetric root of the
    matrix with 1 on the diagonal and ``correlation`` elsewhere. Two pixels d apart are correlated by
    exp(-d² / (4 grain²)). Not clipped.

    Attributes:
        sigma: Standard deviation of each value, 0–255 scale.
        correlation: Between any two channels; 1 gives grey noise, -0.5 noise of colour alone.
        grain: Kernel sigma of the filter, pixels; below 0.3 the noise is white.
    """

    kind: ClassVar[str] = "correlated_noise"
    seeded: ClassVar[bool] = True

    sigma: Amount = amount((0, 50), 0, 255, "0–255 scale")
    correlation: Amount = amount((0, 1), -0.5, 1, "between channels")
    grain: Amount = amount((0, 1.5), 0, _LARGEST_GRAIN, "kernel sigma in pixels")

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Add it."""
        height, width = pictures.shape[2:]
        # One margin for all, so that a picture's noise does not depend on what else is in the batch.
        wide = pictures.new_empty(()).expand(len(pictures), 3, height + 2 * _MARGIN, width + 2 * _MARGIN)
        noise = _filtered(normal(wide, params["seed"]), params["grain"])
        own = (1 - params["correlation"]).sqrt()
        common = ((1 + 2 * params["correlation"]).clamp(min=0).sqrt() - own) / 3
        sigma = params["sigma"] / 255
        shared = noise.sum(dim=1, keepdim=True) * column(sigma * common, pictures)
        return torch.addcmul(pictures + shared, noise, column(sigma * own, pictures))


@dataclass(frozen=True)
class Speckle(Degradation):
    """Noise in proportion to the value, as of coherent light (radar, ultrasound): x (1 + sigma/255 n), n normal.

    MATLAB's imnoise takes n uniform, of the same variance. Not clipped.

    Attributes:
        sigma: Standard deviation at white, 0–255 scale.
        gray: Probability that all three channels carry one and the same noise.
    """

    kind: ClassVar[str] = "speckle"
    seeded: ClassVar[bool] = True

    sigma: Amount = amount((0, 75), 0, 255, "0–255 scale")
    gray: float = chance(0.5)

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Multiply by it."""
        return torch.addcmul(pictures, _white(pictures, params) * pictures, column(params["sigma"] / 255, pictures))


@dataclass(frozen=True)
class SaltAndPepper(Degradation):
    """Values replaced by white or black: dead and hot pixels, errors of transmission.

    Where is not told as missing: finding out is part of the task.

    Attributes:
        share: Of pixels (or of single values) that are replaced.
        salt: Share of white among them.
        color: Probability that each channel is hit on its own; whole pixels otherwise.
    """

    kind: ClassVar[str] = "salt_pepper"
    seeded: ClassVar[bool] = True

    share: Amount = amount((0, 0.2), 0, 1, "share of pixels")
    salt: Amount = amount(0.5, 0, 1, "share of white among them")
    color: float = chance(0.5)

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Replace them."""
        places = uniform(pictures, params["seed"])
        places = torch.where(column(params["color"], pictures) > 0, places, places[:, :1])
        white = places < column(params["share"] * params["salt"], pictures)
        return torch.where(places < column(params["share"], pictures), white.to(pictures), pictures)


def _white(pictures: Tensor, params: Params) -> Tensor:
    """White noise, one and the same in all channels where ``gray`` was drawn."""
    noise = normal(pictures, params["seed"])
    return torch.where(column(params["gray"], pictures) > 0, noise[:, :1], noise)


def _filtered(noise: Tensor, grain: Tensor) -> Tensor:
    """White noise with a margin, filtered by each picture's own Gaussian: (N, C, H, W) without the margin."""
    count, channels, height, width = noise.shape
    distances = torch.arange(-_MARGIN, _MARGIN + 1, dtype=torch.float64)
    kernels = torch.exp(-0.5 * (distances / grain.double().clamp(min=0.1)[:, None]) ** 2)
    kernels = (kernels / kernels.square().sum(dim=1, keepdim=True).sqrt()).to(noise).repeat_interleave(channels, dim=0)
    planes = noise.reshape(1, count * channels, height, width)
    planes = F.conv2d(planes, kernels[:, None, :, None], groups=count * channels)
    return F.conv2d(planes, kernels[:, None, None, :], groups=count * channels).reshape(
        count, channels, *planes.shape[2:3], -1
    )


def white_noise_level(plans: Sequence[Sequence[Damage]]) -> Tensor:
    """The level of white Gaussian noise that each picture got, all steps together: (N,) float32, sigma / 255."""
    levels = [
        math.hypot(*(float(step.params["sigma"]) for step in plan if step.kind == GaussianNoise.kind)) for plan in plans
    ]
    return torch.tensor(levels) / 255
