"""Which parts of a network suffer from rounding, and which of them are better left in floating point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from pixelmend.compression.rounding import Rounder
from pixelmend.models.blocks import ContextBlock, ResidualBlock
from pixelmend.models.rounding import points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from pixelmend.models import Hybrid

_SMALLEST = 1e-5
"""Mean squared error that is there at least: that of rounding to 8 bits."""
_LEAST_WORK = 0.01
"""Of all multiplications, what leaving a part in floating point costs at least: features change their type."""
_FIRST_HALF = {"point_normed1", "point_change1", "point_sum1"}
"""Points of a context block that belong to its attention; the others belong to its feed-forward."""


@dataclass(frozen=True)
class Lesson:
    """Pictures that rounding is judged on.

    Attributes:
        clean: (N, 3, H, W).
        degraded: The same, damaged.
        conditions: What the network is told of them.
        wanted: What the network gives in floating point.
        counted: (N, 1, H, W), 1 where the result is used; None where all of it is. Where a picture is filled in, what
            is known stays as it was, whatever the network gives.
    """

    clean: Tensor
    degraded: Tensor
    conditions: tuple[Tensor, ...]
    wanted: Tensor
    counted: Tensor | None = None

    def error(self, difference: Tensor) -> Tensor:
        """(N,) mean squares of a difference from the pictures, where it counts."""
        squares = difference.square()
        if self.counted is None:
            return squares.mean(dim=(1, 2, 3))
        counted = self.counted.expand_as(squares)
        return (squares * counted).sum(dim=(1, 2, 3)) / counted.sum(dim=(1, 2, 3)).clamp_min(1)


@dataclass(frozen=True)
class Part:
    """Points that are rounded together or not at all.

    Attributes:
        name: "encoder.0.0", "context.1.attention", "head".
        points: Their names in the network.
        macs: Multiplications of the layers between them, for each pixel that goes in. Products of attention are not in
            it: they are in floating point whatever is rounded.
        behind: The same of the layer of another part that takes what this one gives: while that is not rounded, the
            layer is computed in floating point as well.
    """

    name: str
    points: tuple[str, ...]
    macs: float
    behind: float = 0.0


def parts(model: Hybrid) -> tuple[Part, ...]:
    """The parts of a network, in the order in which their points are defined."""
    grouped: dict[str, list[str]] = {}
    for name in points(model):
        holder, _, last = name.rpartition(".")
        if holder.endswith(".attention") or last in _FIRST_HALF:
            holder = f"{holder.removesuffix('.attention')}.attention"
        elif isinstance(model.get_submodule(holder), ContextBlock):
            holder = f"{holder}.feed_forward"
        elif holder.startswith("ups."):
            holder = name
        elif not holder:
            holder = last.removeprefix("point_")
        grouped.setdefault(holder, []).append(name)
    takers = _takers(model)
    return tuple(Part(name, tuple(found), _macs(model, name), takers.get(name, 0.0)) for name, found in grouped.items())


def _takers(model: Hybrid) -> dict[str, float]:
    """Multiplications of the layer that takes what a part gives as it is, for each pixel that goes in.

    The first layers of other blocks, and those that halve the picture, take what has passed a point of their own.
    """
    found: dict[str, float] = {}

    def take(giver: str, layer: str, level: int) -> None:
        found[giver] = _work(model, [model.get_submodule(layer)], level)

    def through(blocks: Iterable[nn.Module], room: str, level: int, giver: str) -> str:
        for number, block in enumerate(blocks):
            name = f"{room}.{number}"
            if isinstance(block, ResidualBlock):
                take(giver, f"{name}.conv1", level)
            giver = f"{name}.feed_forward" if isinstance(block, ContextBlock) else name
        return giver

    giver = "stem"
    for level, blocks in enumerate(model.encoder):
        giver = through(blocks.children(), f"encoder.{level}", level, f"downs.{level - 1}" if level else "stem")
    giver = through(model.context.children(), "context", len(model.downs), giver)
    for level in reversed(range(len(model.decoder))):
        take(giver, f"ups.{level}.conv", level + 1)
        giver = through(model.decoder[level].children(), f"decoder.{level}", level, f"ups.{level}.point_sum")
    take(giver, "head", 0)
    return found


def _macs(model: Hybrid, name: str) -> float:
    """Of the layers of a part, for each pixel that goes in."""
    room, _, rest = name.partition(".")
    number = int(rest.split(".")[0]) if rest else 0
    coarsest = len(model.config.widths) - 1
    level = {"context": coarsest, "downs": number + 1, "ups": number + 1}.get(room, number)
    holder, _, last = name.rpartition(".")
    inside = [name]
    if last == "feed_forward":
        inside = [f"{holder}.expand", f"{holder}.reduce"]
    elif last == "point_change":
        inside = [f"{holder}.conv"]
    elif last == "point_sum":
        inside, level = [f"{holder}.fuse"] if model.config.skips == "concatenate" else [], number
    return _work(model, [module for each in inside for module in model.get_submodule(each).modules()], level)


def _work(model: Hybrid, modules: Iterable[nn.Module], level: int) -> float:
    """Multiplications of layers at a level, for each pixel that goes in."""
    weights = sum(module.weight.numel() for module in modules if isinstance(module, (nn.Conv2d, nn.Linear)))
    return float(weights / (model.config.unshuffle**2 * 4.0**level))


def mode(model: nn.Module, names: Iterable[str], *, rounds: bool) -> None:
    """Round at these points from now on, or do not."""
    chosen = set(names)
    for name, point in points(model).items():
        if name in chosen and isinstance(point, Rounder):
            point.mode = "round" if rounds else "pass"


@torch.inference_mode()
def loss_db(model: nn.Module, lessons: Sequence[Lesson]) -> float:
    """What rounding loses in PSNR, dB, mean over the pictures.

    Estimated from the error that it adds, as if that had nothing to do with the error that is there: what is measured
    directly on few pictures hangs more on their noise.
    """
    losses = []
    for lesson in lessons:
        added = lesson.error(model(lesson.degraded, *lesson.conditions) - lesson.wanted)
        there = lesson.error(lesson.wanted - lesson.clean).clamp_min(_SMALLEST)
        losses.append(10 * torch.log10(1 + added / there))
    return float(torch.cat(losses).mean())


def choose(model: Hybrid, lessons: Sequence[Lesson], *, target_db: float, most: float) -> tuple[Part, ...]:
    """Leave parts in floating point until the loss is small enough, in place; first what suffers most for its work.

    Args:
        model: With a ``Rounder`` at each point, whose numbers are chosen.
        lessons: What it is judged on.
        target_db: The loss that is small enough.
        most: Of all multiplications, the share that may be left in floating point.

    Returns:
        The parts that are left so; all others round from now on.
    """
    everything = parts(model)
    mode(model, points(model), rounds=False)
    suffer = {}
    for part in everything:
        mode(model, part.points, rounds=True)
        suffer[part.name] = loss_db(model, lessons)
        mode(model, part.points, rounds=False)
    mode(model, points(model), rounds=True)
    total = sum(part.macs for part in everything)
    room = most * total
    spared: list[Part] = []
    cost = {part.name: part.macs + part.behind + _LEAST_WORK * total for part in everything}
    for part in sorted(everything, key=lambda each: -suffer[each.name] / cost[each.name]):
        if loss_db(model, lessons) <= target_db:
            break
        if part.macs <= room:
            room -= part.macs
            spared.append(part)
            mode(model, part.points, rounds=False)
    return tuple(spared)
