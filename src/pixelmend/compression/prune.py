"""Structured pruning: channels are taken out for good, where a parameter costs least, and the rest learns to go on.

What a channel is worth is asked in one of two ways. ``taylor``: by how much the loss would change without it, to first
order, squared and averaged over batches of the recipe's own damage (Molchanov et al. 2019, eq. 8, for what reads the
channel), for each parameter that goes with it. ``norm``: the squares of all weights that go with it, relative to their
mean in its group. Groups of all layers then compete: the cheapest chunk of channels goes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from pixelmend.compression.graph import Graph
from pixelmend.errors import UsageError
from pixelmend.losses import LOSSES, balance_weights
from pixelmend.training.machine import choose_precision
from pixelmend.training.module import conditions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pixelmend.compression.graph import Dimension
    from pixelmend.models import Hybrid
    from pixelmend.training import Recipe
    from pixelmend.training.lessons import Lessons

    Recover = Callable[[Hybrid, Hybrid, float], None]
    Seen = Callable[[str, Hybrid], None]

Importance = Literal["taylor", "norm"]
TOLERANCE = 0.02
"""How far the share of parameters that is taken out may be from what was asked for."""
CROPS = 2
"""Crops that a gradient is averaged over before it is squared: of many, it is near zero for a trained network."""


@dataclass(frozen=True)
class PruneOptions:
    """How to prune.

    Attributes:
        share: Of the parameters, what is taken out, above 0 and below 1.
        importance: What channels are worth.
        rounds: In how many steps, with recovery after each.
        multiple: Widths are rounded to multiples of this: kernels of processors work on 8 or 16 channels at once.
        batches: Of the recipe, that the loss is looked at on.
    """

    share: float
    importance: Importance = "taylor"
    rounds: int = 1
    multiple: int = 8
    batches: int = 16


def prune(
    model: Hybrid, lessons: Lessons, recipe: Recipe, options: PruneOptions, recover: Recover, seen: Seen
) -> Hybrid:
    """Take out a share of the parameters, round by round.

    Args:
        model: The whole network, on the device of the lessons; it is not changed.
        lessons: Makes batches.
        recipe: Says which loss counts.
        options: How.
        recover: Trains the network that it is given first, in place, to do what the second one does, for a share of all
            the time there is.
        seen: Told of each network on the way, and what was done last: "pruned" or "recovered", and how much is gone.

    Returns:
        A smaller, dense network: what recovery left.

    Raises:
        UsageError: Nothing of it can be pruned, or not that much in such steps.
    """
    whole = sum(p.numel() for p in model.parameters())
    student = model
    shares = _shares_of_time(options.rounds)
    for number, time in enumerate(shares, 1):
        graph = Graph(student)
        worth = measure(graph, lessons, recipe, options, first=(number - 1) * options.batches)
        gone = options.share * number / options.rounds
        cut(graph, worth, round((1 - gone) * whole), whole, options)
        student = graph.network()
        label = f"{1 - graph.parameters / whole:.0%}"
        seen(f"pruned {label}", student)
        recover(student, model, time)
        seen(f"recovered {label}", student)
    return student


def _shares_of_time(rounds: int) -> list[float]:
    """The last round has half of the time, those before it share the rest."""
    return [1.0] if rounds == 1 else [0.5 / (rounds - 1)] * (rounds - 1) + [0.5]


def measure(
    graph: Graph, lessons: Lessons, recipe: Recipe, options: PruneOptions, *, first: int = 0
) -> dict[Dimension, Tensor]:
    """What each channel of each dimension is worth, (channels,).

    Args:
        graph: The network.
        lessons: Makes batches.
        recipe: Says which loss counts.
        options: Which importance, and on how many batches.
        first: Number of the first batch.
    """
    if options.importance == "norm":
        squares = {d: graph.per_channel(d, lambda p: p.detach().square()) for d in graph.dimensions}
        return {d: each / each.mean().clamp_min(1e-30) for d, each in squares.items()}
    total = {d: torch.zeros(d.channels, device=d.layer.weight.device) for d in graph.dimensions}
    device = graph.model.stem.weight.device
    half = choose_precision("auto", device) == "bf16"
    for step in range(first, first + options.batches):
        lesson = lessons(step, 0, 0)
        told = conditions_of(lesson, recipe.model.conditions)
        parts = [torch.split(each, CROPS) for each in (lesson.sigma01, lesson.clean, lesson.degraded, *told)]
        for level, clean, *given in zip(*parts, strict=True):
            graph.model.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                restored = graph.model(*given).float()
            balance = balance_weights(level, power=recipe.loss.balance)
            loss = (LOSSES[recipe.loss.pixel](restored, clean) * balance).mean()
            loss.backward()  # type: ignore[no-untyped-call] # torch's own annotation lacks it
            for d in graph.dimensions:
                total[d] += graph.per_channel(d, _change, readers=True).square()
    graph.model.zero_grad(set_to_none=True)
    return total


def _change(parameter: Tensor) -> Tensor:
    """What setting each weight to zero would change of the loss, to first order and but for its sign."""
    assert parameter.grad is not None  # noqa: S101 (for the type checker)
    return parameter.detach() * parameter.grad


def cut(graph: Graph, worth: dict[Dimension, Tensor], wanted: int, whole: int, options: PruneOptions) -> None:
    """Take out the cheapest chunks of channels, until a number of parameters is left, as near as chunks allow.

    Args:
        graph: Pruned in place.
        worth: What each channel is worth.
        wanted: Parameters that are to be left.
        whole: Parameters of the network that all began with.
        options: Which multiples; and whether what channels are worth is counted for each parameter.

    Raises:
        UsageError: What is left is further from what was wanted than it may be.
    """
    worth = dict(worth)
    while (excess := graph.parameters - wanted) > 0:
        found = [chunk for d in graph.dimensions if (chunk := _cheapest(graph, d, worth[d], options))]
        # At the end only what does not lead further away than it leads near.
        fitting = [chunk for chunk in found if chunk.freed < 2 * excess]
        if not fitting:
            break
        best = min(fitting, key=lambda chunk: chunk.price)
        graph.remove(best.dimension, best.channels)
        kept = [c for c in range(len(worth[best.dimension])) if c not in set(best.channels)]
        worth[best.dimension] = worth[best.dimension][kept]
    if abs(graph.parameters - wanted) > TOLERANCE * whole:
        raise UsageError(
            f"{1 - wanted / whole:.0%} of the parameters cannot be pruned, only {1 - graph.parameters / whole:.1%} in "
            f"steps of {options.multiple} channels: ask for less, or for smaller steps (--multiple)"
        )


@dataclass(frozen=True)
class _Chunk:
    dimension: Dimension
    channels: list[int]
    freed: int
    price: float


def _cheapest(graph: Graph, dimension: Dimension, worth: Tensor, options: PruneOptions) -> _Chunk | None:
    """The channels of a dimension that would go next; None where it is as narrow as it may be."""
    # What is left is a multiple.
    count = dimension.channels - (math.ceil(dimension.channels / options.multiple) - 1) * options.multiple
    if dimension.channels - count < max(dimension.least, min(options.multiple, dimension.channels)):
        return None
    channels = sorted(worth.argsort(stable=True)[:count].tolist())
    freed = count * graph.freed(dimension)
    total = float(worth[channels].sum())
    return _Chunk(dimension, channels, freed, total / (freed if options.importance == "taylor" else count))
