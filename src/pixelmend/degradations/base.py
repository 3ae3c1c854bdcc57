"""What every kind of damage is: a frozen description, a draw for each picture, and an operation on a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pixelmend.degradations.declare import Drawn, declared

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pixelmend.degradations.declare import Declared, Params, Value

SEED = 2**31
"""Seeds of single pictures are below this number."""


@dataclass(frozen=True)
class Degradation(ABC):
    """One kind of damage.

    Pictures are float32 RGB, (N, 3, H, W) with H, W ≥ 1, in [0, 1], on any device; a grey picture has three equal
    channels. The result has the same type and device, and the same size unless the kind resizes. Where a kind may leave
    [0, 1], it says so; each kind takes such pictures too, since another may have come before it.

    ``sample`` draws the parameters for each picture; ``settle`` adds what follows from the picture's size; ``apply``
    does as they say and draws nothing more than what follows from a picture's own ``seed``. So a picture's damage is
    a function of its parameters alone, whatever else is in the batch. Seeded noise agrees between runs on one kind of
    device, not between a CPU and a GPU.

    Raises:
        UsageError: A parameter is out of range.
        UnknownNameError: A name does not exist.
    """

    kind: ClassVar[str]
    """The name in chains, recipes and records."""
    seeded: ClassVar[bool] = False
    """Whether more is drawn than the parameters say: noise, trajectories, places."""
    differentiable: ClassVar[bool] = True
    """Whether a gradient flows from the result to the picture; rounding passes it on unchanged."""
    settled: ClassVar[Mapping[str, Drawn]] = {}
    """Parameters that ``settle`` adds."""

    def __post_init__(self) -> None:
        for name, parameter in declared(type(self)).items():
            object.__setattr__(self, name, parameter.check(f"{self.kind}: {name}", getattr(self, name)))

    @classmethod
    def recorded(cls) -> dict[str, Declared]:
        """All parameters of a record."""
        seed: dict[str, Declared] = {"seed": Drawn(0, SEED - 1)} if cls.seeded else {}
        return {**declared(cls), **seed, **cls.settled}

    def sample(self, pictures: int, generator: torch.Generator) -> Params:
        """Draw the parameters of a batch, on the CPU; as many numbers are drawn whatever was asked for."""
        drawn = {
            name: parameter.draw(getattr(self, name), torch.rand(pictures, generator=generator, dtype=torch.float64))
            for name, parameter in declared(type(self)).items()
        }
        if self.seeded:
            drawn["seed"] = torch.randint(SEED, (pictures,), generator=generator)
        return drawn

    @classmethod
    def settle(
        cls,
        params: dict[str, Value],
        size: tuple[int, int],  # noqa: ARG003 (for kinds that resize)
        original: tuple[int, int],  # noqa: ARG003
    ) -> dict[str, Value]:
        """Add to one picture's parameters what follows from its size now and at the start of the chain, (H, W)."""
        return params

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:  # noqa: ARG003 (for kinds that need it)
        """Pictures are damaged together where this agrees."""
        return None

    @classmethod
    @abstractmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Damage a batch as the parameters say."""

    @classmethod
    def missing(cls, pictures: Tensor, params: Params) -> Tensor | None:  # noqa: ARG003 (for kinds that need it)
        """Where pixels are lost: (N, 1, H, W) float, 1 lost and 0 kept; None for kinds that lose none."""
        return None


def column(values: Tensor, like: Tensor) -> Tensor:
    """(N,) values as (N, 1, 1, 1), on the device and in the type of the pictures."""
    return values.to(like)[:, None, None, None]


def normal(pictures: Tensor, seeds: Tensor, *, salt: int = 0, channels: int | None = None) -> Tensor:
    """Standard normal noise for each picture from its own seed: (N, C, H, W), C that of the pictures if not given.

    Another salt gives independent noise.
    """
    shape = (channels or pictures.shape[1], *pictures.shape[2:])
    noise = torch.empty((len(pictures), *shape), device=pictures.device, dtype=pictures.dtype)
    for one, generator in zip(noise, generators(seeds, pictures.device, salt=salt), strict=True):
        one.normal_(generator=generator)
    return noise


def uniform(pictures: Tensor, seeds: Tensor, *, salt: int = 0, channels: int | None = None) -> Tensor:
    """Uniform numbers in [0, 1) for each picture from its own seed; see ``normal``."""
    shape = (channels or pictures.shape[1], *pictures.shape[2:])
    noise = torch.empty((len(pictures), *shape), device=pictures.device, dtype=pictures.dtype)
    for one, generator in zip(noise, generators(seeds, pictures.device, salt=salt), strict=True):
        one.uniform_(generator=generator)
    return noise


def generators(seeds: Tensor, device: torch.device | str = "cpu", *, salt: int = 0) -> list[torch.Generator]:
    """A generator for each seed; another salt gives independent ones."""
    return [torch.Generator(device).manual_seed(int(seed) + SEED * salt) for seed in seeds]
