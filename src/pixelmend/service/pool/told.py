"""What a pool tells of itself: how it is, and why it takes no job."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pixelmend.errors import PixelmendError


class QueueFullError(PixelmendError):
    """No more jobs are taken for now.

    Attributes:
        retry_after: Whole seconds after which there is probably room, at least 1.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many jobs wait: try again in {retry_after} s")
        self.retry_after = retry_after


class StoppingError(PixelmendError):
    """No more jobs are taken at all."""

    def __init__(self) -> None:
        super().__init__("the server is stopping: try again later")


@dataclass(frozen=True)
class Stats:
    """How the pool is.

    Attributes:
        queued: Jobs that wait.
        running: Jobs that run.
        workers: Processes that are there and ready.
        restarts: How often a process was replaced.
        rss: Bytes that each process holds; 0 where there is none just now, or the system does not tell.
        outcomes: How many jobs ended as "done", "cancelled", or with the code of a problem.
        kept: Jobs that have ended and are still there.
        kept_bytes: That their results take on the disk.
    """

    queued: int = 0
    running: int = 0
    workers: int = 0
    restarts: int = 0
    rss: tuple[int, ...] = ()
    outcomes: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    kept_bytes: int = 0
