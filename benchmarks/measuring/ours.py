"""Our denoisers as they ship, in every engine and precision that runs here: the engines of the product themselves.

What is tried of each engine, and how it is started, stands in ``FORMS`` and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring.machine import has_bf16
from pixelmend.inference.engines.table import installed
from pixelmend.inference.engines.timings import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelmend.catalog import Card
    from pixelmend.inference.engines import Engine

    Array = np.ndarray[Any, np.dtype[np.float32]]
    Call = Callable[[], object]

_SIGMA = 25
AS_INSTALLED = "onnxruntime"
"""The engine that every installation has; without another, it is what ``--engine auto`` chooses."""


@dataclass(frozen=True)
class Forms:
    """What is measured of an engine.

    Attributes:
        precisions: What it computes in, for a file that computes in "int8" or "float32".
        start: Gets a card, what is asked of the engine as its precision, and threads; makes the engine.
    """

    precisions: Callable[[str], tuple[str, ...]]
    start: Callable[[Card, str, int], Engine]


def default_form(card: Card) -> tuple[str, str]:
    """Engine and precision that ``pixelmend restore`` chooses by itself as it is installed: those of ``forms``."""
    return AS_INSTALLED, card.precision


def forms(card: Card) -> list[tuple[str, str]]:
    """Every form of a model that can be run here: the engine's name in the table of engines, and its precision."""
    return [(kind.name, each) for kind in installed() for each in FORMS[kind.name].precisions(card.precision)]


def start(card: Card, engine: str, precision: str, threads: int, side: int) -> Call:
    """Make what restores one picture of a side at a call, as ``pixelmend restore`` would restore one of one piece.

    Args:
        card: The model.
        engine: A name in the table of engines.
        precision: "int8", "float32" or "bfloat16", which engines take by themselves where they have it.
        threads: That may be used.
        side: Height and width of the picture, pixels.

    Raises:
        RuntimeError: The engine computes in something else.
    """
    running = _started(card, engine, precision, threads)
    degraded, conditions = inputs_of(card, side)
    return lambda: running.run(degraded, conditions)


def start_many(card: Card, engine: str, precision: str, threads: int, side: int) -> tuple[Call, int]:
    """Make what restores pieces of a large picture at a call, as many at once as ``pixelmend restore`` would.

    Args:
        card: As for ``start``; so are the others.
        engine: See there.
        precision: See there.
        threads: That may be used by all of them together.
        side: Height and width of a piece, pixels.

    Returns:
        It, and how many pieces it restores at a call.

    Raises:
        RuntimeError: The engine computes in something else.
    """
    running = _started(card, engine, precision, threads)
    return at_once(running, *inputs_of(card, side)), running.lanes


def inputs_of(card: Card, side: int) -> tuple[Array, dict[str, Array]]:
    """A picture with noise, and what is told of it, as an engine takes them: (1, 3, side, side), (1, 1, side, side)."""
    pixels = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    level = np.full((1, 1, side, side), _SIGMA / 255, np.float32)
    return pixels, ({"noise_level": level} if "noise_level" in card.conditions else {})


def _started(card: Card, engine: str, precision: str, threads: int) -> Engine:
    running = FORMS[engine].start(card, "auto" if precision == "bfloat16" else precision, threads)
    if running.precision != precision:
        raise RuntimeError(f"{running.title} computes {card.name} in {running.precision}, wanted {precision}")
    return running


def _int8_also(shipped: str) -> tuple[str, ...]:
    return ("int8", "float32") if shipped == "int8" else ("float32",)


def _int8_only(shipped: str) -> tuple[str, ...]:
    # A file in int8 is run as it is; from others it makes bfloat16.
    return ("int8",) if shipped == "int8" else _floating(shipped)


def _floating(_: str) -> tuple[str, ...]:
    return ("bfloat16", "float32") if has_bf16() else ("float32",)


def _onnxruntime(card: Card, wanted: str, threads: int) -> Engine:
    from pixelmend.inference.engines import OnnxEngine

    return OnnxEngine(card.path, "cpu", threads, wanted)


def _openvino(card: Card, wanted: str, threads: int) -> Engine:
    from pixelmend.inference.engines.open_vino import OpenVinoEngine

    return OpenVinoEngine(card.path, "cpu", threads, wanted)


def _torch(card: Card, wanted: str, threads: int) -> Engine:
    from pixelmend.export.from_onnx import rebuild
    from pixelmend.export.torch_engine import TorchEngine

    return TorchEngine(rebuild(card), card.conditions, "cpu", precision=wanted, threads=threads)


FORMS: Mapping[str, Forms] = {
    AS_INSTALLED: Forms(_int8_also, _onnxruntime),
    "openvino": Forms(_int8_only, _openvino),
    "torch": Forms(_floating, _torch),
}
"""By the names of the table of engines."""
