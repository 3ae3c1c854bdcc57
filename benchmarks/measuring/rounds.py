"""Taking turns, so that what a shared machine does meanwhile meets every system alike; and what follows from it."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence


@dataclass(frozen=True)
class Spread:
    """The median over rounds, and the least and the greatest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value.

    >>> spread([3.0, 1.0, 2.0])
    Spread(median=2.0, low=1.0, high=3.0)
    """
    return Spread(statistics.median(values), min(values), max(values))


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """How many times one thing is the other, round by round.

    >>> ratio([2.0, 8.0, 6.0], [1.0, 2.0, 2.0])
    Spread(median=3.0, low=2.0, high=4.0)

    Raises:
        ValueError: They were not measured in the same rounds.
    """
    return spread([a / b for a, b in zip(over, under, strict=True)])


def take_turns(
    turns: Mapping[str, Callable[[], float]], rounds: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[float, ...]]:
    """Let each have one turn in each round, in order, every second round in the opposite order.

    Args:
        turns: Each measures one figure.
        rounds: How many.
        tell: Is told the name of each when its turn begins.

    Returns:
        The figures of each, a round after the other.
    """
    found: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds):
        order = list(turns)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            tell(f"round {number + 1} of {rounds}: {name}")
            found[name].append(turns[name]())
    return {name: tuple(each) for name, each in found.items()}


def seconds_of(call: Callable[[], object], least: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that a call takes: the median over about ``least`` seconds of them, after one that does not count.

    A call that takes longer than that is made once, and counts: what the one before it left in the caches is little
    to it.
    """
    first = _timed(call, clock)
    if first >= least:
        return first
    taken: list[float] = []
    while sum(taken) < least:
        taken.append(_timed(call, clock))
    return statistics.median(taken)


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """By which power of a size a cost grows: the slope of its logarithm, by least squares; 1 is in proportion.

    >>> round(slope([1, 10, 100], [2, 20, 200]), 6)
    1.0

    Raises:
        ValueError: Fewer than two sizes.
    """
    if len(set(sizes)) < 2:
        raise ValueError(f"got {len(set(sizes))} sizes, wanted 2 or more")
    line = statistics.linear_regression([math.log(each) for each in sizes], [math.log(each) for each in costs])
    return line.slope


def fastest(forms: Mapping[str, Hashable], seconds: Mapping[str, Sequence[float]]) -> frozenset[str]:
    """Of things that are one system in several forms, the name of the one with the least median each.

    Args:
        forms: What system each name is a form of.
        seconds: Of each name, on pictures of one size within a system.
    """
    found: dict[Hashable, str] = {}
    for name, system in forms.items():
        best = found.setdefault(system, name)
        if statistics.median(seconds[name]) < statistics.median(seconds[best]):
            found[system] = name
    return frozenset(found.values())


def _timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start
