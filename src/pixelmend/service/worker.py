"""The process that decodes and restores for the service, one picture after the other as the server says.

The server itself never looks into a picture: whatever a file does to a library, it does here, where the limits of
`Begin` hold, and where nothing but this process is lost.
"""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pixelmend.diagnosis import advise, diagnose
from pixelmend.diagnosis.words import command, lines
from pixelmend.images import Upright, decode, encode, suffix_for
from pixelmend.inference import Settings, Wish, begin, choose, find_weights
from pixelmend.inference.processes import Tell, obey
from pixelmend.memory import trim
from pixelmend.service.problems import Problem, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.images import Picture

_TELL_EVERY = 0.2
"""Seconds between two messages about how far a picture is."""
_WARM = "denoise"
"""The task whose weights are loaded before the first picture comes."""
_MANY = 1000.0
"""Megapixels that an engine is chosen for: it is started once, and then runs for long."""
_PREVIEW_QUALITY = 90
_RESULT_PIXELS, _SEEN_PIXELS = 4_000_000, 2_000_000
"""Of previews: of a result, and of a picture that was diagnosed."""
_SHOWN = {"jpeg", "png", "webp", "gif", "avif", "bmp"}
"""Formats that browsers show by themselves."""
_MEDIA = {
    "png": "image/png", "jpeg": "image/jpeg", "tiff": "image/tiff", "webp": "image/webp", "avif": "image/avif",
}  # fmt: skip
_SPARE = 2**29
"""Bytes over what is allowed from which on the system refuses memory: the server looks first, this is for the rest."""


@dataclass(frozen=True)
class Begin:
    """The first order: what is allowed.

    Attributes:
        wish: Engine, device and precision.
        max_megapixels: Of a picture, and of a mask.
        max_output_megapixels: Of a result.
        memory: Bytes that the process may hold.
        formats: That are read.
    """

    wish: Wish
    max_megapixels: float
    max_output_megapixels: float
    memory: int
    formats: tuple[str, ...]


@dataclass(frozen=True)
class Ready:
    """The answer: what runs the networks here.

    Attributes:
        engine: Its key in the table of engines.
        device: The chip.
        chosen: Whether there was a choice: the process may have tried other engines, and still hold their libraries.
    """

    engine: str
    device: str
    chosen: bool


@dataclass(frozen=True)
class Order:
    """A job.

    Attributes:
        source: The picture.
        settings: How to restore it, with the mask as a path; None to diagnose it.
        folder: Where the result goes, and the preview; it is there.
        preview: Whether one is wanted.
        lanes: See `Wish`.
    """

    source: Path
    settings: Settings | None
    folder: Path
    preview: bool
    lanes: int


@dataclass(frozen=True)
class Step:
    """How far a job is: a share, 0 to 1."""

    share: float


@dataclass(frozen=True)
class Done:
    """The last answer to an order that was carried out; attributes as those of `pixelmend.service.job.Job`."""

    report: dict[str, Any]
    result: Path | None = None
    media_type: str = ""
    preview: Path | None = None


@dataclass(frozen=True)
class Failed:
    """The last answer to one that was not.

    Attributes:
        problem: What may be said of it.
        log: What is for the server's own log alone: a traceback; "" where the picture or the wish is at fault.
    """

    problem: Problem
    log: str = ""


class _UnwantedError(Exception):
    """A format that is not on the list."""


def main() -> None:
    """Be that process."""
    # A service manager tells every process of a service to end; the server lets this one finish first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    obey(_begin)


def _begin(first: Begin) -> tuple[Ready, Callable[[Order, Tell], None]]:
    """Settle on an engine, load the weights that are asked for most, and let nothing be heard from now on."""
    weights = find_weights(_WARM)
    choice = choose(weights.card, first.wish, _MANY)
    wish = replace(first.wish, engine=choice.kind.name)
    engine = weights.engine(wish)
    _bound(first.memory)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return Ready(wish.engine, engine.device, bool(choice.timings)), _Bench(replace(first, wish=wish)).work


def _bound(memory: int) -> None:
    """Let the system refuse more memory than is ever needed, and leave no picture behind in a core dump."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = memory + memory // 2 + _SPARE
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


class _Bench:
    """Where orders are carried out, one after the other."""

    def __init__(self, limits: Begin) -> None:
        self._limits = limits

    def work(self, order: Order, tell: Tell) -> None:
        """Carry out an order, and leave no more memory behind than before."""
        tell(self._answer(order, tell))
        gc.collect()
        trim()

    def _answer(self, order: Order, tell: Tell) -> Done | Failed:
        try:
            if order.settings is None:
                return self._diagnose(order)
            return self._restore(order, order.settings, tell)
        except _UnwantedError as error:
            return Failed(Problem.of("unsupported-format", str(error)))
        except Exception as error:  # noqa: BLE001  (a fault in one picture must not end the service)
            problem = problem_of(error, _names(order))
            return Failed(problem, traceback.format_exc() if problem.status >= 500 else "")

    def _restore(self, order: Order, settings: Settings, tell: Tell) -> Done:
        limits, last = self._limits, 0.0

        def progress(done: int, total: int) -> None:
            nonlocal last
            if time.perf_counter() - last > _TELL_EVERY:
                last = time.perf_counter()
                tell(Step(done / total))

        picture = self._open(order.source, "picture")
        mask = settings.options.mask
        options = replace(settings.options, mask=None if mask is None else self._open(mask, "mask"))
        wish = replace(limits.wish, lanes=order.lanes)
        work = begin(picture, replace(settings, options=options, wish=wish))
        target = order.folder / f"result{suffix_for(work.form)}"
        work.check(target, max_megapixels=limits.max_output_megapixels)
        pixels, report = work.run(progress)
        report = replace(report, notes=(*report.notes, *work.save(pixels, target)))
        seen = _preview(Upright.result(pixels, picture), order.folder, _RESULT_PIXELS) if order.preview else None
        told = {**report.to_dict(), "output_format": work.form, "bytes": target.stat().st_size}
        return Done(told, target, _MEDIA[work.form], seen)

    def _diagnose(self, order: Order) -> Done:
        picture = self._open(order.source, "picture")
        found = diagnose(picture)
        advice = advise(found)
        upright = Upright.of(picture)
        wanted = order.preview and picture.format not in _SHOWN
        told = {
            "diagnosis": found.to_dict(),
            "advice": asdict(advice),
            "words": [list(each) for each in lines(found)],
            "command": command(f"picture.{picture.format}", advice),
            "shown": [upright.width, upright.height],
        }
        return Done(told, preview=_preview(upright, order.folder, _SEEN_PIXELS) if wanted else None)

    def _open(self, path: Path, what: str) -> Picture:
        picture = decode(path, max_megapixels=self._limits.max_megapixels)
        if picture.format not in self._limits.formats:
            raise _UnwantedError(
                f"got a {what} of the format {picture.format}, wanted one of: {', '.join(self._limits.formats)}"
            )
        return picture


def _preview(upright: Upright, folder: Path, most: int) -> Path:
    """What a browser can show of a picture."""
    path = folder / "preview.webp"
    path.write_bytes(encode(upright.whole(max_pixels=most), "webp", quality=_PREVIEW_QUALITY))
    return path


def _names(order: Order) -> dict[str, str]:
    """What stands for the places that an error may name."""
    mask = None if order.settings is None else order.settings.options.mask
    names = {str(order.folder): "the server", tempfile.gettempdir(): "the server", str(order.source): "the picture"}
    names |= {str(order.folder / f"result{suffix_for(form)}"): "the result" for form in _MEDIA}
    return names if mask is None else {**names, str(mask): "the mask"}
