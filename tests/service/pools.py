"""A pool with its event loop, and pictures for it, for tests that take one from a fixture."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images import save
from pixelmend.inference import Options, Settings, Wish
from pixelmend.service.job import Job, Task
from pixelmend.service.limits import Limits
from pixelmend.service.pool import Pool
from tests.service.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from types import TracebackType
    from typing import Self

NANO = Settings("denoise", size="nano", options=Options(sigma=15.0))


class Pools:
    """A pool of some limits, used as a context; what it does is run to its end before a test goes on.

    Args:
        spool: Its folder.
        limits: Other than the usual ones.

    Attributes:
        pool: It.
        now: The clock that its results expire by.
        seen: Jobs that it told of.
    """

    def __init__(self, spool: Path, **limits: Any) -> None:
        self.spool, self.now, self.seen = spool, 1000.0, list[Job]()
        self.pool = Pool(
            Limits(**{"workers": 1, **limits}), Wish(), spool, observe=self.seen.append, clock=lambda: self.now
        )
        self._runner = asyncio.Runner()
        self._number = 0

    def __enter__(self) -> Self:
        """Itself, once it is ready."""
        self.run(self.pool.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing of it is left."""
        self.run(self.pool.stop(0))
        self._runner.close()

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the loop of the pool."""
        return self._runner.run(asyncio.wait_for(what, PATIENCE))

    def task(self, picture: bytes, settings: Settings | None = NANO, *, preview: bool = False) -> Task:
        """A task whose picture lies in the spool folder, under a name that tells nothing."""
        self._number += 1
        path = self.spool / f"sent-{self._number}"
        path.write_bytes(picture)
        return Task(path, settings, preview=preview)

    def submit(self, task: Task, owner: str = "") -> Job:
        """Submit a task, from the loop."""

        async def submit() -> Job:
            return self.pool.submit(task, owner)

        job: Job = self.run(submit())
        return job

    def wait(self, *jobs: Job) -> None:
        """Wait for the end of jobs."""

        async def wait() -> None:
            for job in jobs:
                await job.wait()

        self.run(wait())

    def until_running(self, job: Job) -> int:
        """Wait until a job runs; the number of its process."""

        async def running() -> int:
            async for each in job.changes():
                if (pid := next((slot.pid for slot in self.pool._slots if slot.job is each), None)) is not None:
                    return pid
            raise AssertionError(f"the job ended first: {job}")

        pid: int = self.run(running())
        return pid

    def do(self, task: Task) -> Job:
        """Submit a task, and wait for its end."""
        job = self.submit(task)
        self.wait(job)
        return job

    def kill(self, job: Job) -> None:
        """Kill the process that does a job, as soon as it does, and wait until that has been seen."""
        tries, restarts = job.tries, self.pool.stats.restarts
        os.kill(self.until_running(job), signal.SIGKILL)

        async def seen() -> None:
            while self.pool.stats.restarts == restarts and job.tries in {tries, tries + 1}:
                await asyncio.sleep(0.01)

        self.run(seen())


def png(path: Path, height: int, width: int, *, seed: int = 0) -> bytes:
    """The bytes of a noisy picture, which is written on the way."""
    rng = np.random.default_rng(seed)
    steps = np.linspace(40, 200, width)[None, :, None] + rng.normal(0, 15, (height, width, 3))
    save(np.clip(steps, 0, 255).astype(np.uint8), path)
    data = path.read_bytes()
    path.unlink()
    return data


def is_alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_gone(what: int | Path) -> None:
    """Wait until a process or a file is there no more."""
    until(lambda: not (is_alive(what) if isinstance(what, int) else what.exists()))
