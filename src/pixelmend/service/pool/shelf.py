"""Jobs that have ended, and their results, until they are fetched, expire, or take too much of the disk.

Files are deleted in a thread of their own, one after the other: a disk may take its time, and no request waits for it.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.service.job import Job

_LEAST = 2**14
"""Bytes that a job counts for at least: what is known of it is kept as well."""


class Shelf:
    """Such jobs, the oldest first.

    Args:
        spool: Files below it are deleted; others are somebody else's.
        max_bytes: Of the results of all; the newest may take more.

    Attributes:
        bytes: That all take.
    """

    def __init__(self, spool: Path, max_bytes: int) -> None:
        self._spool, self._max_bytes = spool, max_bytes
        self._sizes: dict[Job, int] = {}
        self._thread = ThreadPoolExecutor(1, "pixelmend-files")
        self.bytes = 0

    def __len__(self) -> int:
        """How many."""
        return len(self._sizes)

    def folder(self, job: Job) -> Path:
        """Where the results of a job lie."""
        return self._spool / "jobs" / job.id

    def add(self, job: Job) -> list[Job]:
        """Keep a job that has ended; which others had to go for it."""
        files = [path for path in (job.result, job.preview) if path is not None]
        self._sizes[job] = _LEAST + sum(_size(path) for path in files)
        self.bytes += self._sizes[job]
        gone = []
        while self.bytes > self._max_bytes and len(self._sizes) > 1:
            gone.append(next(iter(self._sizes)))
            self.drop(gone[-1])
        return gone

    def expired(self, now: float) -> list[Job]:
        """Let go of all whose time is over."""
        gone = list(itertools.takewhile(lambda job: job.expires is not None and job.expires <= now, self._sizes))
        for job in gone:
            self.drop(job)
        return gone

    def drop(self, job: Job) -> None:
        """Let go of a job, where it is here, and delete what belongs to it."""
        self.bytes -= self._sizes.pop(job, 0)
        self.clear_input(job)
        self.clear_results(job)

    def clear_input(self, job: Job) -> None:
        """Delete what was sent."""
        for path in (job.task.source, job.task.mask):
            if path is not None and path.is_relative_to(self._spool):
                self._thread.submit(_unlink, path)

    def clear_results(self, job: Job) -> None:
        """Delete what was made."""
        job.result = job.preview = None
        self._thread.submit(shutil.rmtree, self.folder(job), ignore_errors=True)

    def wait(self) -> None:
        """Wait until all that was let go of is deleted; not for the event loop."""
        self._thread.submit(lambda: None).result()


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
