"""Which engine runs a model: the one that is named, the only one that is installed, or the one that is done first."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pixelmend.errors import UsageError
from pixelmend.inference.engines.base import USUAL, Engine, Wish, check_file
from pixelmend.inference.engines.table import Kind, find_kind, installed
from pixelmend.inference.hardware import find_gpu

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card
    from pixelmend.inference.engines.timings import Timing

_KEPT = 16
"""Engines that are kept: as many as there are models that ship, so that a service that does now this, now that starts
each once. One takes about 6 MB of memory, 12 MB in the largest of those."""
USUAL_MEGAPIXELS = 1.0
"""How large a picture is taken to be where nobody says."""
GPU_ADVICE = {
    "NVIDIA": "an NVIDIA GPU is there, but no installed engine can use it: put onnxruntime-gpu in place of onnxruntime "
    "(pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'), or install PyTorch with CUDA",
    "Apple": "this Apple chip has a GPU, but no installed engine can use it: install PyTorch, which can "
    "(pip install 'pixelmend[train]')",
}


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        kind: The engine.
        timings: What was measured, where there was a choice.
    """

    kind: Kind
    timings: tuple[Timing, ...] = ()


def choose(card: Card, wish: Wish = USUAL, megapixels: float | None = None) -> Choice:
    """Choose the engine for a model.

    Starting an engine takes its time too, so what is best for a large picture may not be for a small one.

    Args:
        card: The model.
        wish: What the user asks for.
        megapixels: Size of the picture that goes in.

    Raises:
        UnknownNameError: No such engine.
        MissingExtraError: It is not installed.
        UsageError: No engine has that device, or that precision for this model.
        ModelError: The model is missing.
    """
    check_file(card.path)
    _check_precision(card, wish)
    named = wish.named_engine
    if named != "auto":
        kind = find_kind(named)
        kind.load()
        return Choice(kind)
    kinds = _able(card, wish)
    if len(kinds) == 1:
        return Choice(kinds[0])
    # not needed by those who have one engine, and the start counts
    from pixelmend.inference.engines.timings import timings

    measured = timings(card, kinds, wish)
    best = fastest(measured, USUAL_MEGAPIXELS if megapixels is None else megapixels)
    if best is None:  # the model is broken: the first engine says how
        return Choice(kinds[0], measured)
    return Choice(next(kind for kind in kinds if kind.name == best.engine), measured)


def fastest(measured: tuple[Timing, ...], megapixels: float) -> Timing | None:
    """Which engine is done first with a picture of this size, from a cold start; None where none can run the model."""
    able = [each for each in measured if not each.fault]
    return min(able, key=lambda each: each.seconds_for(megapixels), default=None)


def cached_engine(card: Card, wish: Wish = USUAL, megapixels: float | None = None) -> Engine:
    """The engine that is chosen for a model, kept for the next call; changed files are read anew.

    Args:
        card: The model.
        wish: What the user asks for.
        megapixels: Size of the picture that goes in.

    Raises:
        UsageError: See `choose`.
        ModelError: The model is missing or broken.
    """
    kind = choose(card, wish, megapixels).kind
    stat = card.path.stat()
    stamp = (stat.st_mtime_ns, stat.st_size)
    return _cached(_Order(card.path.resolve(), stamp, kind, wish, card))


def unused_gpu(card: Card, wish: Wish = USUAL, megapixels: float | None = None) -> str:
    """What to say where a GPU is there, the choice was free, and no engine started on it; "" where nothing is.

    Args:
        card: The model.
        wish: As for `cached_engine`.
        megapixels: As for `cached_engine`.

    Raises:
        UsageError: See `choose`.
        ModelError: The model is missing or broken.
    """
    maker = find_gpu() if wish.device == wish.named_engine == "auto" else ""
    if not maker:
        return ""
    measured = choose(card, wish, megapixels).timings
    used = {cached_engine(card, wish, megapixels).device, *(each.device for each in measured if not each.fault)}
    return "" if used - {"cpu"} else GPU_ADVICE[maker]


@dataclass(frozen=True)
class _Order:
    """What tells one started engine from another; the card says nothing more than the path does."""

    path: Path
    stamp: tuple[int, int]
    kind: Kind
    wish: Wish
    card: Card = field(compare=False)


@lru_cache(maxsize=_KEPT)
def _cached(order: _Order) -> Engine:
    wish = order.wish
    return order.kind.load().of(order.card, wish.device, wish.precision, wish.lanes)


def _check_precision(card: Card, wish: Wish) -> None:
    if wish.precision == "int8" and card.precision != "int8":
        raise UsageError(
            f"{card.name} computes in float32, so it cannot run in int8: leave precision at 'auto', or name weights "
            'whose card says "precision": "int8"'
        )


def _able(card: Card, wish: Wish) -> tuple[Kind, ...]:
    """Installed engines that have the device, and the precision for this model."""
    kinds = [
        kind
        for kind in installed()
        if wish.precision == "auto" or card.precision == "float32" or wish.precision in kind.precisions
    ]
    if wish.device not in {"auto", "cpu"}:  # every engine runs on a processor; others tell once they are imported
        offers = {kind: _devices(kind) for kind in kinds}
        kinds = [kind for kind in kinds if wish.device in offers[kind]]
        if not kinds:
            known = dict.fromkeys(name for each in offers.values() for name in each if name != "cpu")
            choices = ", ".join(("auto", *known, "cpu"))
            raise UsageError(f"device {wish.device!r} is not available here: choose one of: {choices}")
    return tuple(kinds)


def _devices(kind: Kind) -> tuple[str, ...]:
    try:
        return kind.load().devices()
    except UsageError:  # it does not load: the others may do
        return ()
