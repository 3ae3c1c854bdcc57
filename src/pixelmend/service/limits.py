"""Every bound of the service in one object: what one request, one job, one process and all of them may take."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from pixelmend.errors import UnknownNameError, UsageError
from pixelmend.images import READABLE_FORMATS

_LEAST_MEMORY = 2**28
_COUNTS = {"workers", "queue", "connections"}
"""How many of something: whole numbers."""
_FROM_ZERO = {"queue", "keep_seconds", "keep_bytes", "grace_seconds", "min_rate"}
"""What may be nothing at all."""


@dataclass(frozen=True)
class Limits:
    """What is allowed; impossible values are refused at once.

    Attributes:
        workers: Processes that restore; None for what suits the cores and the memory of this machine.
        queue: Jobs that wait; more are refused with 429.
        max_bytes: Of a body, picture and mask together.
        max_megapixels: Of a picture, by its header, before it is decoded; and of a mask.
        max_output_megapixels: Of a result.
        job_seconds: That one job may run, counted from when a process takes it.
        worker_memory: Bytes that a process may hold, at least 256 MB, which it needs for small pictures.
        keep_seconds: That a job and its result stay once it has ended.
        keep_bytes: Of results together on the disk; the oldest go first.
        header_seconds: In which the head of a request must be there.
        body_seconds: For which a body may stand still.
        min_rate: Bytes a second that a body must come with, over all of it, once `body_seconds` are over.
        idle_seconds: After which a connection without a request is closed.
        connections: Open at the same time; more are closed at once.
        grace_seconds: For which a stop waits for what was begun.
        formats: That are read, told by the first bytes; some of `pixelmend.images.READABLE_FORMATS`.

    Raises:
        UsageError: A value that no limit can have.
        UnknownNameError: A format that is not read.
    """

    workers: int | None = None
    queue: int = 128
    max_bytes: int = 64 * 2**20
    max_megapixels: float = 50.0
    max_output_megapixels: float = 200.0
    job_seconds: float = 600.0
    worker_memory: int = 3 * 2**30
    keep_seconds: float = 600.0
    keep_bytes: int = 2 * 2**30
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    min_rate: float = 1024.0
    idle_seconds: float = 15.0
    connections: int = 512
    grace_seconds: float = 60.0
    formats: tuple[str, ...] = READABLE_FORMATS

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "formats" and value is not None:
                _check(each.name, value)
        if self.worker_memory < _LEAST_MEMORY:
            raise UsageError(f"got worker memory {self.worker_memory}, wanted at least {_LEAST_MEMORY} bytes")
        if not self.formats:
            raise UsageError(f"got no formats, wanted some of: {', '.join(READABLE_FORMATS)}")
        for name in self.formats:
            if name not in READABLE_FORMATS:
                raise UnknownNameError("format", name, READABLE_FORMATS)


def _check(name: str, value: float) -> None:
    least = 0 if name in _FROM_ZERO else 1 if name in _COUNTS else None
    words = name.replace("_", " ")
    if not math.isfinite(value) or (value <= 0 if least is None else value < least):
        raise UsageError(f"got {words} {value:g}, wanted {'more than 0' if least is None else f'{least} or more'}")
    if name in _COUNTS and value != int(value):
        raise UsageError(f"got {words} {value:g}, wanted a whole number")
