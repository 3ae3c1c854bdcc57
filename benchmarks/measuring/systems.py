"""Everything that is timed side by side, ours and others', each under a name by which a fresh process finds it too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.measuring.ours import default_form, forms, start, start_many
from benchmarks.measuring.peers import PEERS, counts
from pixelmend import catalog
from pixelmend.inference.engines.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

OURS = ("nano", "small", "base")
"""Our denoisers by size."""


@dataclass(frozen=True)
class Candidate:
    """One system that can be run here.

    Attributes:
        name: What tells it apart.
        kind: "ours" or "peer".
        network: What it runs.
        engine: What runs it.
        precision: What it computes in; "" for a filter.
        layout: Of a peer's features in memory: "contiguous" or "channels last"; "" for ours and for filters.
        default: Whether ``pixelmend restore``, as it is installed, runs it when it is told nothing.
        side: Height and width of the picture that it is timed on, pixels.
        start: Gets threads and side; makes what restores one picture of that side at a call.
        start_many: The same for what restores the pieces of a large picture, and how many of them at a call.
        counts: Bytes of its weights, and multiplications with an addition each for a pixel; None where it has none.
    """

    name: str
    kind: str
    network: str
    engine: str
    precision: str
    layout: str
    default: bool
    side: int
    start: Callable[[int, int], Call]
    start_many: Callable[[int, int], tuple[Call, int]]
    counts: Callable[[], tuple[int | None, float | None]]


def candidates() -> tuple[Candidate, ...]:
    """All that can be run here; nothing heavy is imported before one of them starts."""
    there = (kind for kind in PEERS if find_spec(kind.package) is not None)
    peers = (
        Candidate(
            kind.name,
            "peer",
            kind.network,
            kind.engine,
            "" if kind.build is None else "float32",
            kind.layout,
            False,
            kind.side,
            kind.start,
            partial(_one, kind.start),
            partial(counts, kind),
        )
        for kind in there
    )
    return (*(each for size in OURS for each in _ours(size)), *peers)


def _one(start: Callable[[int, int], Call], threads: int, side: int) -> tuple[Call, int]:
    """Others' programs restore one picture at a time."""
    return start(threads, side), 1


def absent() -> dict[str, str]:
    """Others' systems and engines of ours that are not installed, and what would bring them."""
    missing = {k.network: k.package for k in PEERS if find_spec(k.package) is None}
    missing |= {kind.title: kind.missing() for kind in KINDS.values() if not kind.is_installed()}
    return {name: f"the package {package} is not installed" for name, package in missing.items()}


def by_name(name: str) -> Candidate:
    """The system of this name.

    Raises:
        KeyError: There is none.
    """
    return {each.name: each for each in candidates()}[name]


def _ours(size: str) -> list[Candidate]:
    card = catalog.by_name(f"denoise-{size}")
    return [
        Candidate(
            f"{size}, {KINDS[engine].title} {precision}",
            "ours",
            size,
            KINDS[engine].title,
            precision,
            "",
            (engine, precision) == default_form(card),
            card.tile,
            partial(start, card, engine, precision),
            partial(start_many, card, engine, precision),
            lambda: (card.path.stat().st_size, card.macs_per_pixel),
        )
        for engine, precision in forms(card)
    ]
