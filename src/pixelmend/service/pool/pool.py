"""Jobs and the processes that do them, as the event loop sees both."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixelmend.errors import PixelmendError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.inference.engines import Wish
    from pixelmend.service.job import Job, Task
    from pixelmend.service.limits import Limits


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
        rss: Bytes that each process holds, where the system tells.
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


class Pool:
    """Several processes that do jobs, one each at a time. All of it is used in one event loop, that of `start`.

    Args:
        limits: What is allowed.
        wish: Engine, device and precision; how many cores a job gets is decided here.
        spool: A folder of the server's own, in which results are written; whoever made it removes it at the end.
        observe: Told of each job once, when it has ended.
        clock: Seconds since 1970; results expire by it.

    Attributes:
        workers: How many processes.
    """

    def __init__(
        self, limits: Limits, wish: Wish, spool: Path, *,
        observe: Callable[[Job], None] = lambda _job: None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.workers = 1

    @property
    def stats(self) -> Stats:
        """How it is now."""
        return Stats()

    @property
    def stopping(self) -> bool:
        """Whether it takes no more jobs."""
        return False

    async def start(self) -> None:
        """Start all processes, and wait until each is ready to restore.

        Raises:
            UsageError: What was wished of the engine cannot be.
            ModelError: The installation is damaged, or a process does not start.
        """

    async def stop(self, grace: float) -> None:
        """Take no more jobs, let those that run and wait come to their end, then end the processes.

        Results stay until the spool folder is removed, so `get` goes on. May be called again with less grace, while
        the first call waits.

        Args:
            grace: Seconds; jobs that are not done by then fail with the problem "stopping".
        """

    def submit(self, task: Task, owner: str = "") -> Job:
        """Let a job wait for its turn; it never blocks.

        Where it raises, the files of the task remain the caller's.

        Raises:
            QueueFullError: Too many wait.
            StoppingError: `stop` was called.
        """
        raise NotImplementedError

    def get(self, job_id: str, owner: str = "") -> Job | None:
        """A job; None where there is none, it was released or has expired, or belongs to another owner."""

    def cancel(self, job: Job) -> None:
        """End a job: one that waits goes, one that runs is stopped at once; both become "cancelled" and stay known.

        One that has ended is released.
        """

    def release(self, job: Job) -> None:
        """Forget a job now, and delete its files; one that has not ended is cancelled first."""
