"""Noise on the values of a picture, whatever their meaning: white, correlated, multiplicative, impulses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from pixelmend.degradations.base import Degradation, column, normal
from pixelmend.degradations.declare import Amount, amount, chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pixelmend.degradations.declare import Params
    from pixelmend.degradations.plan import Damage


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
        noise = normal(pictures, params["seed"])
        noise = torch.where(column(params["gray"], pictures) > 0, noise[:, :1], noise)
        return torch.addcmul(pictures, noise, column(params["sigma"] / 255, pictures))


def white_noise_level(plans: Sequence[Sequence[Damage]]) -> Tensor:
    """The level of white Gaussian noise that each picture got, all steps together: (N,) float32, sigma / 255."""
    levels = [
        math.hypot(*(float(step.params["sigma"]) for step in plan if step.kind == GaussianNoise.kind)) for plan in plans
    ]
    return torch.tensor(levels) / 255
