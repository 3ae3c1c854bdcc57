"""The process that restores pictures for a folder, one after the other as its parent says.

Its messages are values of this module's classes.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pixelmend.errors import PixelmendError, UnwritableError
from pixelmend.files import make_folder
from pixelmend.images import decode
from pixelmend.inference.engines import choose
from pixelmend.inference.folders.crops import read_whole, save_crops
from pixelmend.inference.folders.manifest import Stamp, shorten
from pixelmend.inference.processes import obey, readable
from pixelmend.inference.work import restore_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.images import Picture, Pixels
    from pixelmend.inference.processes import Tell
    from pixelmend.inference.report import Report
    from pixelmend.inference.settings import Settings

_TELL_EVERY = 0.2
"""Seconds between two messages about how far a picture is."""
_LITTLE = 2**20
"""A disk with fewer bytes free is full."""
_FULL = {errno.ENOSPC, errno.EROFS, *([errno.EDQUOT] if hasattr(errno, "EDQUOT") else [])}


@dataclass(frozen=True)
class Begin:
    """The first order: how pictures are restored.

    Attributes:
        settings: For all of them.
        megapixels: About so much is to be done by one process, which an engine is chosen for.
        page: Where a page of crops will be; None for none.
    """

    settings: Settings
    megapixels: float
    page: Path | None


@dataclass(frozen=True)
class Ready:
    """The answer: what runs the networks here.

    Attributes:
        engine: Its key in the table of engines.
        runs: What decides the last bits of a result beside the settings: engine and version, device, precision.
    """

    engine: str
    runs: dict[str, str]


@dataclass(frozen=True)
class Order:
    """A picture to restore.

    Attributes:
        source: The file.
        target: Where to.
        name: What the manifest and the page call it.
        done: Whether the result is there, and only the page lacks its crops.
    """

    source: Path
    target: Path
    name: str
    done: bool = False


@dataclass(frozen=True)
class Step:
    """How far a picture is: a share, 0 to 1."""

    share: float


@dataclass(frozen=True)
class Result:
    """What became of it.

    Attributes:
        seconds: That it took.
        before: The picture as it was read.
        after: The result; None where there is none.
        report: In short.
        error: Why there is none, on one line; "" where there is one.
        misuse: Whether what was asked for cannot be done, whatever the picture.
        full: Whether there is no room on the disk.
        died: Whether the process ended over it.
    """

    seconds: float
    before: Stamp | None
    after: Stamp | None = None
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    misuse: bool = False
    full: bool = False
    died: bool = False


def main() -> None:
    """Be that process."""
    obey(_start)


def _start(begin: Begin) -> tuple[Ready, Callable[[Order, Tell], None]]:
    """Settle on an engine, start it, and say what runs."""
    settings, weights = begin.settings, begin.settings.weights()
    kind = choose(weights.parts[0][1], settings.wish, begin.megapixels).kind
    settings = replace(settings, wish=replace(settings.wish, engine=kind.name))
    engine = weights.engine(settings.wish, begin.megapixels)
    title = f"{kind.title} {kind.version()}"

    def work(order: Order, tell: Tell) -> None:
        tell(_restore(order, settings, begin.page, tell))

    return Ready(kind.name, {"engine": title, "device": engine.device, "precision": engine.precision}), work


def _restore(order: Order, settings: Settings, page: Path | None, tell: Tell) -> Result:
    """Restore one picture; whatever fails is told of this one alone."""
    begin, last = time.perf_counter(), 0.0
    crops: dict[str, Any] = {}

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.perf_counter() - last > _TELL_EVERY:
            last = time.perf_counter()
            tell(Step(done / total))

    def see(picture: Picture, pixels: Pixels, _report: Report | None) -> None:
        if page is not None:
            with contextlib.suppress(PixelmendError):  # the result is there all the same
                crops.update(save_crops(picture, pixels, page, order.name))

    before = None
    try:
        before = Stamp.of(order.source, whole=True)
        picture = decode(order.source)
        if order.done:
            see(picture, read_whole(order.target), None)
            return Result(time.perf_counter() - begin, before, report=crops)
        make_folder(order.target.parent)
        report = restore_file(picture, order.target, settings, progress=progress, see=see)
        after = Stamp.of(order.target, whole=True)
    except Exception as error:  # noqa: BLE001  (a fault in one picture must not end the run)
        misuse = isinstance(error, PixelmendError) and error.exit_code == 2
        seconds, full = time.perf_counter() - begin, _is_full(order.target.parent, error)
        return Result(seconds, before, error=_words(error), misuse=misuse, full=full)
    return Result(time.perf_counter() - begin, before, after, {**shorten(report.to_dict()), **crops})


def _words(error: Exception) -> str:
    """Why a picture failed, on one line."""
    if isinstance(error, PixelmendError):
        return readable(str(error))
    if isinstance(error, MemoryError):
        return readable(f"out of memory ({error}): give --tile 256, or --jobs 1")
    if isinstance(error, OSError):
        return readable(error.strerror or str(error))
    return readable(f"a fault of pixelmend's own, please report it: {type(error).__name__}: {error}")


def _is_full(folder: Path, error: Exception) -> bool:
    """Whether an error comes from a disk on which nothing more can be written."""
    cause = error.__cause__ if isinstance(error, UnwritableError) else error
    if isinstance(cause, OSError) and cause.errno in _FULL:
        return True
    try:
        return isinstance(error, (UnwritableError, OSError)) and shutil.disk_usage(folder).free < _LITTLE
    except OSError:
        return False
