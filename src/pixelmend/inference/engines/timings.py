"""How fast each engine is on this machine with one model: measured once, and kept in the user's cache.

The file is a convenience: where it is missing, broken or cannot be written, engines are measured again.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import PixelmendError, UnwritableError
from pixelmend.files import write_text
from pixelmend.inference import hardware
from pixelmend.inference.sizes import padded_length

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from pixelmend.catalog import Card
    from pixelmend.inference.engines.base import Engine, Wish
    from pixelmend.inference.engines.table import Kind

SIDE = 256
"""Height and width of what is measured on, pixels."""
_SECONDS, _RUNS = 0.8, 5
"""A measurement ends with the run that reaches either."""
_KEPT = 200
"""Measurements that the file holds; the oldest go first."""


@dataclass(frozen=True)
class Timing:
    """One engine with one model on this machine.

    Attributes:
        engine: Its name in the table of engines.
        device: The chip.
        precision: What it computed in.
        megapixels_per_second: Of what goes in, as many pieces at once as it takes; 0 where it failed.
        start_seconds: From importing it to the end of its first run, less one run.
        fault: Why it cannot run the model; "" where it can.
    """

    engine: str
    device: str = ""
    precision: str = ""
    megapixels_per_second: float = 0.0
    start_seconds: float = 0.0
    fault: str = ""

    def seconds_for(self, megapixels: float) -> float:
        """How long a picture takes from a cold start."""
        return self.start_seconds + megapixels / self.megapixels_per_second


def cache_file() -> Path:
    """Where timings are kept: below XDG_CACHE_HOME, or where the system keeps what can be made again."""
    home = Path.home()
    usual = {
        "win32": Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"),
        "darwin": home / "Library" / "Caches",
    }
    folder = os.environ.get("XDG_CACHE_HOME") or usual.get(sys.platform, home / ".cache")
    return Path(folder) / "pixelmend" / "engines.json"


def timings(card: Card, kinds: Sequence[Kind], wish: Wish, *, fresh: bool = False) -> tuple[Timing, ...]:
    """Measure engines with a model, or read what was measured before.

    Args:
        card: The model.
        kinds: Engines, all of them installed.
        wish: The device and precision.
        fresh: Measure again, whatever is known.

    Returns:
        One for each engine, in their order; also for those that cannot run the model.
    """
    if fresh:
        _remembered.cache_clear()
    return _remembered(_Question(_key(card, kinds, wish), fresh, card, tuple(kinds), wish))


@dataclass(frozen=True)
class _Question:
    """Engines and a model to measure; the key says it all."""

    key: str
    fresh: bool
    card: Card = field(compare=False)
    kinds: tuple[Kind, ...] = field(compare=False)
    wish: Wish = field(compare=False)


@lru_cache(maxsize=64)
def _remembered(asked: _Question) -> tuple[Timing, ...]:
    """Timings from the file, or measured; where the file cannot be written, they last as long as this process."""
    known = _read()
    if not asked.fresh and (found := _parsed(known.get(asked.key), asked.kinds)):
        return found
    # Once an engine is loaded, starting it takes less than it will take the next process: that is not kept. A chip
    # that is named has all of them loaded, to ask whether they know it.
    cold = asked.wish.device not in {"auto", "cpu"} or not any(_is_loaded(kind) for kind in asked.kinds[1:])
    measured = tuple(measure(asked.card, kind, asked.wish) for kind in asked.kinds)
    if cold:
        known.pop(asked.key, None)
        _write({**known, asked.key: [asdict(each) for each in measured]})
    return measured


def measure(card: Card, kind: Kind, wish: Wish) -> Timing:
    """Start one engine and run it some times; a failure is a part of the answer."""
    begin = time.perf_counter()
    try:
        engine = kind.load().of(card, wish.device, wish.precision, wish.lanes)
        side = _side(card)
        picture = np.random.default_rng(0).random((1, 3, side, side), np.float32)
        conditions = {name: np.full((1, 1, side, side), 0.1, np.float32) for name in card.conditions}
        runs = _runs(at_once(engine, picture, conditions))
    except PixelmendError as error:
        return Timing(kind.name, fault=" ".join(str(error).split()))
    seconds = statistics.median(runs)
    return Timing(
        kind.name,
        engine.device,
        engine.precision,
        megapixels_per_second=engine.lanes * side * side / 1e6 / seconds,
        start_seconds=max(0.0, time.perf_counter() - begin - sum(runs) - seconds),
    )


def _side(card: Card) -> int:
    return padded_length(SIDE, multiple_of=card.multiple_of, minimum=card.minimum)


def at_once(
    engine: Engine, picture: NDArray[np.float32], conditions: Mapping[str, NDArray[np.float32]]
) -> Callable[[], None]:
    """What restores as many pieces at once as an engine takes, as if more were to follow.

    Args:
        engine: It; its ``lanes`` says how many.
        picture: A piece, as for `Engine.run`; all are this one.
        conditions: What is told of it.
    """
    pool = ThreadPoolExecutor(engine.lanes)

    def run() -> None:
        begun = [pool.submit(engine.run, picture, conditions, left=engine.lanes) for _ in range(engine.lanes)]
        for each in begun:
            each.result()

    return run


def _runs(call: Callable[[], None]) -> list[float]:
    """Seconds of some calls after one to warm up."""
    taken: list[float] = []
    begin = time.perf_counter()
    call()
    while not taken or (len(taken) < _RUNS and time.perf_counter() - begin < _SECONDS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def _key(card: Card, kinds: Sequence[Kind], wish: Wish) -> str:
    """All that a measurement hangs on, readable."""
    machine = hardware.look()
    engines = ", ".join(f"{kind.name} {kind.version()}" for kind in kinds)
    chips = f"{machine.cpu}, {machine.cores} cores, {machine.gpu or 'no'} GPU"
    lanes = f", {wish.lanes} lanes" if wish.lanes else ""
    return f"{chips} | {engines} | {wish.device}, {wish.precision}{lanes} | {card.sha256}"


def _is_loaded(kind: Kind) -> bool:
    return kind.modules[0] in sys.modules


def _read() -> dict[str, Any]:
    """What the file holds; nothing where it is missing or broken."""
    try:
        content = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a user without a home
        return {}
    return content if isinstance(content, dict) else {}


def _parsed(values: object, kinds: Sequence[Kind]) -> tuple[Timing, ...]:
    """Timings of exactly these engines, or nothing where that is not what was stored."""
    try:
        found = tuple(Timing(**each) for each in values)  # type: ignore[attr-defined]
        usable = all(each.fault or each.megapixels_per_second > 0 <= each.start_seconds for each in found)
    except (TypeError, ValueError):
        return ()
    return found if usable and [each.engine for each in found] == [kind.name for kind in kinds] else ()


def _write(content: dict[str, Any]) -> None:
    kept = dict(list(content.items())[-_KEPT:])
    with contextlib.suppress(UnwritableError, OSError, RuntimeError):
        write_text(cache_file(), json.dumps(kept, indent=1) + "\n")
