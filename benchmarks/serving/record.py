"""What a run of benchmarks/service.py measured, as it lies in docs/results/service.json, and what must be reached."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.goals import Goal
from benchmarks.measuring.stored import read_figures, write_figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WINDOWS = 30
"""Stretches that a run is cut into. Memory goes up and down with each picture: of each stretch the median counts."""
_WARM_UP = 0.2
"""Share of a run before memory has to be flat."""


@dataclass(frozen=True)
class Overhead:
    """The same picture by a request and by a call, taking turns.

    Attributes:
        side: Height and width, pixels.
        served: Seconds of each request.
        plain: Seconds of each call.
        outside: Of each request, seconds that its picture was not being restored, by what the server says of itself.
    """

    side: int
    served: tuple[float, ...]
    plain: tuple[float, ...]
    outside: tuple[float, ...]

    @property
    def milliseconds(self) -> float:
        """How much longer a request takes: the median of the differences of each round."""
        return 1e3 * statistics.median(a - b for a, b in zip(self.served, self.plain, strict=True))


@dataclass(frozen=True)
class Moment:
    """Memory in a second: its end, from the start, and what server and all workers held (medians), 10⁶ bytes."""

    second: float
    server: float
    workers: float


@dataclass(frozen=True)
class Load:
    """Many clients that wait for their pictures.

    Attributes:
        clients: How many at once.
        workers: Processes that restored.
        took: Seconds.
        alone: Seconds of a request before, while nothing else was asked.
        alone_after: The same afterwards.
        statuses: How often each came.
        lost: What went wrong, and how often.
        seconds: Of each request but the first of each client.
        moments: Memory, each second.
    """

    clients: int
    workers: int
    took: float
    alone: float
    alone_after: float
    statuses: dict[str, int]
    lost: dict[str, int]
    seconds: tuple[float, ...]
    moments: tuple[Moment, ...]

    @property
    def throughput(self) -> float:
        """Pictures a second."""
        return self.statuses.get("200", 0) / self.took

    @property
    def over_alone(self) -> float | None:
        """The median request over what as many requests, one after the other, would take alone; None without any."""
        alone = statistics.mean((self.alone, self.alone_after))
        return percentile(self.seconds, 50) / (alone * self.clients) if self.seconds else None


@dataclass(frozen=True)
class Mix:
    """Clients that wait, that come back for a job, and that go away; more than the queue takes; workers are killed.

    Attributes:
        clients: How many at once.
        took: Seconds.
        statuses: How often each came as the answer to a picture.
        lost: What went wrong, and how often.
        done: Jobs that were followed, fetched and deleted.
        killed: Workers that were killed, one after the other.
        retried: Jobs that were begun once more, since their worker was killed over them.
        away: Requests whose client went away.
        replaced: Whether there are as many workers as before, without those that were killed.
        settled: Seconds after the last request until nothing was left.
        left_bytes: Of temporary files, then.
        alone_after: Seconds of a request afterwards, while nothing else was asked.
        moments: Memory, each second.
    """

    clients: int
    took: float
    statuses: dict[str, int]
    lost: dict[str, int]
    done: int
    killed: int
    retried: int
    away: int
    replaced: bool
    settled: float
    left_bytes: int
    alone_after: float
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class Report:
    """Everything that one run measured.

    Attributes:
        machine: What it ran on, in words, by what they tell.
        busy: What else ran on it when the run began: processes that were ready to run, over the last minute.
        seconds: That the load was asked to last.
        overhead: Of one request.
        load: Of many that wait.
        mix: Of all kinds.
    """

    machine: dict[str, str]
    busy: float
    seconds: float
    overhead: Overhead
    load: Load
    mix: Mix

    def write(self, path: Path) -> None:
        """Write the file at once or not at all.

        Raises:
            UnwritableError: The folder cannot be written to, or the disk is full.
        """
        write_figures(path, _rounded(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Report:
        """The inverse of ``write``, but that times and memory are rounded there.

        Raises:
            DataError: The file is not there or is not one of ours.
        """
        return read_figures(path, cls._of, "measured service", "benchmarks/service.py")

    @classmethod
    def _of(cls, stored: dict[str, Any]) -> Report:
        for name, kind in (("overhead", Overhead), ("load", Load), ("mix", Mix)):
            values: dict[str, Any] = {
                key: tuple(each) if isinstance(each, list) else each for key, each in stored[name].items()
            }
            if "moments" in values:
                values["moments"] = tuple(Moment(**each) for each in values["moments"])
            stored[name] = kind(**values)
        return cls(**stored)


def _rounded(value: Any) -> Any:
    """The same with numbers of four digits behind the point, so that the file stays small."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, tuple) else value


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that so many percent of them do not exceed.

    >>> percentile([3.0, 1.0, 2.0, 4.0], 50)
    2.0
    """
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def unevenness(memory: Sequence[float]) -> float | None:
    """How far memory strays after the warm-up: the greatest distance of a stretch from the median, percent of it.

    >>> unevenness([*[1.0] * 100, *[2.0] * 300, *[2.1] * 100])
    5.0

    Returns:
        None where there are too few moments.
    """
    warm = memory[int(_WARM_UP * len(memory)) :]
    length = max(1, len(memory) // _WINDOWS)
    stretches = [statistics.median(warm[at : at + length]) for at in range(0, len(warm) - length + 1, length)]
    if len(stretches) < 3:
        return None
    middle = statistics.median(stretches)
    return round(100 * max(abs(each - middle) for each in stretches) / middle, 3)


def goals(report: Report) -> tuple[Goal, ...]:
    """Every bound."""
    load, mix = report.load, report.mix
    depth = f"{load.clients} × {1e3 * statistics.mean((load.alone, load.alone_after)):.0f} ms"
    failed = sum(count for answers in (load, mix) for status, count in answers.statuses.items() if status >= "500")
    server = unevenness([each.server for each in load.moments])
    workers = unevenness([each.workers for each in load.moments])
    return (
        Goal("a request of 512×512 over the plain call", report.overhead.milliseconds, 15, "ms"),
        Goal("median of all requests over as many alone", load.over_alone, 1.2, "×", beside=depth),
        Goal("lost or wrong under load", sum(load.lost.values()), 0),
        Goal("memory of the server strays by", server, 5, "%"),
        Goal("memory of the workers strays by", workers, 5, "%"),
        Goal("lost or wrong among jobs, full queue, workers killed", sum(mix.lost.values()), 0),
        Goal("answers of 500 or more", failed, 0),
        Goal("workers that were not replaced", 0 if mix.replaced else 1, 0),
        Goal("temporary files left behind", mix.left_bytes, 0, "bytes"),
    )
