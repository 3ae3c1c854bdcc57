"""Chains: steps one after the other, in random order, or one of several. Sampling gives a plan for each picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pixelmend.degradations.plan import perform, unbatch
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from pixelmend.degradations.base import Degradation
    from pixelmend.degradations.plan import Degraded, Plan


@dataclass(frozen=True)
class Part(ABC):
    """A part of a chain.

    Attributes:
        p: How probable it is that it happens; inside ``OneOf`` its weight against the others.

    Raises:
        UsageError: ``p`` is out of range.
    """

    p: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise UsageError(f"p={self.p:g} is out of range: a probability lies in 0..1")

    @abstractmethod
    def sample(self, pictures: int, generator: torch.Generator) -> list[Plan]:
        """A plan for each of so many pictures, as if this part were sure to happen; all plans are equally long."""


@dataclass(frozen=True)
class Step(Part):
    """One kind of damage."""

    degradation: Degradation

    def sample(self, pictures: int, generator: torch.Generator) -> list[Plan]:
        """Draw its parameters."""
        params = self.degradation.sample(pictures, generator)
        return [(damage,) for damage in unbatch(self.degradation.kind, params, pictures)]


@dataclass(frozen=True)
class Sequence(Part):
    """Parts one after the other."""

    parts: tuple[Part, ...]

    def sample(self, pictures: int, generator: torch.Generator) -> list[Plan]:
        """Draw each part, and for each picture whether it happens."""
        drawn = _draw(self.parts, pictures, generator)
        return [tuple(damage for plans in drawn for damage in plans[row]) for row in range(pictures)]


@dataclass(frozen=True)
class Shuffle(Part):
    """Parts one after the other, in another order for each picture."""

    parts: tuple[Part, ...]

    def sample(self, pictures: int, generator: torch.Generator) -> list[Plan]:
        """Draw each part, and the order for each picture."""
        drawn = list(zip(*_draw(self.parts, pictures, generator), strict=True))
        orders = torch.rand(pictures, len(self.parts), generator=generator).argsort(dim=1).tolist()
        return [
            tuple(damage for place in order for damage in plans[place])
            for plans, order in zip(drawn, orders, strict=True)
        ]


@dataclass(frozen=True)
class OneOf(Part):
    """One of several parts, another for each picture, by their weights ``p``.

    Raises:
        UsageError: All weights are 0.
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(part.p for part in self.parts):
            raise UsageError("one(...): wanted a part with p above 0")

    def sample(self, pictures: int, generator: torch.Generator) -> list[Plan]:
        """Draw each part, and which one each picture takes."""
        drawn = [part.sample(pictures, generator) for part in self.parts]
        ends = torch.tensor([part.p for part in self.parts], dtype=torch.float64).cumsum(0)
        places = torch.rand(pictures, generator=generator, dtype=torch.float64) * ends[-1]
        chosen = torch.searchsorted(ends, places, right=True).clamp(max=len(drawn) - 1).tolist()
        length = max(len(plans[0]) for plans in drawn)
        return [drawn[place][row] + (None,) * (length - len(drawn[place][row])) for row, place in enumerate(chosen)]


def degrade(pictures: Tensor, chain: Part, *, seed: int, gray: Tensor | None = None) -> Degraded:
    """Damage a batch: sample the chain and do it.

    Args:
        pictures: (N, 3, H, W) float32 in [0, 1], any device.
        chain: What to draw from, such as ``parse_chain("noise(sigma=25) | jpeg(quality=20)")``.
        seed: Any integer ≥ 0; another seed gives another damage of the same chain.
        gray: See ``perform``.

    Raises:
        UsageError: See ``perform``.
    """
    generator = torch.Generator().manual_seed(seed)
    return perform(pictures, chain.sample(len(pictures), generator), gray=gray)


def _draw(parts: tuple[Part, ...], pictures: int, generator: torch.Generator) -> list[list[Plan]]:
    """Plans of each part for each picture; where it does not happen, as many empty steps."""
    drawn = []
    for part in parts:
        plans = part.sample(pictures, generator)
        happens = (torch.rand(pictures, generator=generator, dtype=torch.float64) < part.p).tolist()
        drawn.append([plan if yes else (None,) * len(plan) for plan, yes in zip(plans, happens, strict=True)])
    return drawn
