"""Jobs and the processes that do them, as the event loop sees both."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import shutil
import sys
import time
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from pixelmend.inference.folders.share import how_many
from pixelmend.inference.hardware import cores
from pixelmend.inference.processes import DiedError
from pixelmend.service.job import Job
from pixelmend.service.pool.shelf import Shelf
from pixelmend.service.pool.slot import Slot
from pixelmend.service.pool.told import QueueFullError, Stats, StoppingError
from pixelmend.service.problems import Problem, problem_of
from pixelmend.service.worker import Begin, Failed, Order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.errors import PixelmendError
    from pixelmend.inference.engines import Wish
    from pixelmend.service.job import State, Task
    from pixelmend.service.limits import Limits
    from pixelmend.service.worker import Done, Ready

_TRIES = 2
"""How often a job is begun, where its process dies over it."""
BEGUN_AGAIN = "is begun once more"
"""What the log says of a job whose process died over it for the first time."""
_LOOK_EVERY = 0.25
"""Seconds between two looks at what the processes take."""
_IDLE_SHARE = 0.6
"""Of the memory that is allowed: a process that holds as much while it has nothing to do is replaced."""
_FIRST_MEAN, _WEIGHT = 2.0, 0.1
"""Seconds that a job takes until one is known, and what the latest counts for in the mean."""
_LONGEST_RETRY = 3600
_LOG = logging.getLogger("pixelmend.service")


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
        self.workers = how_many(limits.workers, sys.maxsize)
        self._limits, self._wish, self._spool = limits, wish, spool
        self._observe, self._clock = observe, clock
        self._slots: list[Slot] = []
        self._queue: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._shelf = Shelf(spool, limits.keep_bytes)
        self._outcomes: Counter[str] = Counter()
        self._mean = _FIRST_MEAN
        self._starting: dict[Slot, asyncio.Future[Ready]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._stopping, self._deadline = False, math.inf
        self._moved = asyncio.Event()

    @property
    def stats(self) -> Stats:
        """How it is now."""
        return Stats(
            queued=len(self._queue),
            running=len(self._running),
            workers=sum(slot.ready for slot in self._slots),
            restarts=sum(slot.restarts for slot in self._slots),
            rss=tuple(slot.rss for slot in self._slots),
            outcomes=self._outcomes.copy(),
            kept=len(self._shelf),
            kept_bytes=self._shelf.bytes,
        )

    @property
    def stopping(self) -> bool:
        """Whether it takes no more jobs."""
        return self._stopping

    @property
    def _running(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.job is not None]

    async def start(self) -> None:
        """Start all processes, and wait until each is ready to restore.

        Raises:
            UsageError: What was wished of the engine cannot be.
            ModelError: The installation is damaged, or a process does not start.
        """
        limits = self._limits
        begin = Begin(
            self._wish, limits.max_megapixels, limits.max_output_megapixels, limits.worker_memory, limits.formats
        )
        try:
            (ready,) = await self._start(begin, 1)  # settles on an engine for all, so that results do not differ
            if ready.device != "cpu" and limits.workers is None:
                self.workers = 1  # one chip, whose memory they would share
            if ready.chosen:
                await self._end()
            begin = replace(begin, wish=replace(begin.wish, engine=ready.engine))
            await self._start(begin, self.workers - len(self._slots))
        except BaseException:
            await self._end()
            raise
        self._watcher = asyncio.create_task(self._watch())

    async def _start(self, begin: Begin, number: int) -> list[Ready]:
        loop = asyncio.get_running_loop()
        for _ in range(number):
            slot = Slot(begin, self._spool / "scratch" / str(len(self._slots)), self, loop)
            self._slots.append(slot)
            self._starting[slot] = loop.create_future()
            slot.start()
        try:
            return await asyncio.gather(*self._starting.values())
        finally:
            self._starting.clear()

    async def stop(self, grace: float) -> None:
        """Take no more jobs, let those that run and wait come to their end, then end the processes.

        Results stay until the spool folder is removed, so `get` goes on. May be called again with less grace, while
        the first call waits.

        Args:
            grace: Seconds; jobs that are not done by then fail with the problem "stopping".
        """
        self._stopping = True
        self._deadline = min(self._deadline, time.monotonic() + grace)
        self._moved.set()
        while (self._queue or self._running) and (left := self._deadline - time.monotonic()) > 0:
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()
        for job in (*self._queue, *(slot.job for slot in self._running)):
            if job is not None and not job.final:
                self._finish(job, "failed", Problem.of("stopping", "it was not done in time: send it again later"))
        self._queue.clear()
        await self._end()

    async def _end(self) -> None:
        """End all processes, and wait for that."""
        if self._watcher is not None:
            self._watcher.cancel()
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.end()
        await asyncio.gather(*(asyncio.to_thread(slot.join) for slot in slots))
        for slot in slots:
            if slot.job is not None:
                self._shelf.clear_input(slot.job)
                self._shelf.clear_results(slot.job)
        await asyncio.to_thread(self._shelf.wait)

    def submit(self, task: Task, owner: str = "") -> Job:
        """Let a job wait for its turn; it never blocks.

        Where it raises, the files of the task remain the caller's.

        Raises:
            QueueFullError: Too many wait.
            StoppingError: `stop` was called.
        """
        self.check_room()
        job = Job(task, owner, self._clock)
        self._jobs[job.id] = job
        self._queue.append(job)
        self._dispatch()
        return job

    def check_room(self) -> None:
        """Refuse a job that would be refused now, before its picture is there.

        Raises:
            QueueFullError: See `submit`.
            StoppingError: The same.
        """
        if self._stopping:
            raise StoppingError
        free = sum(slot.idle for slot in self._slots)
        if len(self._queue) >= self._limits.queue + free:
            raise QueueFullError(self._retry_after())

    def _retry_after(self) -> int:
        """Seconds until about one of those that wait has begun."""
        jobs = len(self._queue) + len(self._running)
        return max(1, min(_LONGEST_RETRY, math.ceil(self._mean * jobs / self.workers)))

    def get(self, job_id: str, owner: str = "") -> Job | None:
        """A job; None where there is none, it was released or has expired, or belongs to another owner."""
        self._sweep()
        job = self._jobs.get(job_id)
        return job if job is not None and job.owner == owner else None

    def cancel(self, job: Job) -> None:
        """End a job: one that waits goes, one that runs is stopped at once; both become "cancelled" and stay known.

        One that has ended is released.
        """
        if job.final:
            self.release(job)
            return
        slot = next((slot for slot in self._running if slot.job is job), None)
        if slot is None:
            self._queue.remove(job)
            self._finish(job, "cancelled")
            self._tell_ahead()
        else:
            slot.kill()
            self._finish(job, "cancelled")

    def release(self, job: Job) -> None:
        """Forget a job now, and delete its files; one that has not ended is cancelled first."""
        if not job.final:
            self.cancel(job)
        self._jobs.pop(job.id, None)
        self._shelf.drop(job)

    def _dispatch(self) -> None:
        """Give jobs to those who have none."""
        for slot in self._slots:
            if not self._queue:
                break
            if slot.idle and not slot.renew_if_dead():
                self._give(slot, self._queue.popleft())
        self._tell_ahead()

    def _give(self, slot: Slot, job: Job) -> None:
        """Begin a job, with all cores where it is the only one."""
        alone = self.workers == 1 or not (self._queue or self._running)
        folder = self._shelf.folder(job)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _LOG.error("no folder for job %s: %s", job.id, error.strerror)
            self._finish(job, "failed", problem_of(error))
            return
        job.state, job.progress, job.ahead = "running", 0.0, 0
        job.tries += 1
        job.started = self._clock()
        task, lanes = job.task, 0 if alone else max(1, cores() // self.workers)
        slot.give(job, Order(task.source, task.settings, folder, task.preview, lanes))
        job.tell()

    def _tell_ahead(self) -> None:
        for ahead, job in enumerate(self._queue):
            if job.ahead != ahead:
                job.ahead = ahead
                job.tell()

    def _finish(self, job: Job, state: State, problem: Problem | None = None) -> None:
        """A job comes to its end."""
        job.state, job.problem, job.ended = state, problem, self._clock()
        job.expires = job.ended + self._limits.keep_seconds
        job.ahead = 0
        if state == "done":
            job.progress = 1.0
        self._outcomes[state if problem is None else problem.code] += 1
        for each in self._shelf.add(job):
            self._jobs.pop(each.id, None)
        if not any(slot.job is job for slot in self._slots):  # else its process may still look at them
            self._shelf.clear_input(job)
        self._observe(job)
        job.tell()
        self._moved.set()

    # what a slot tells

    def on_ready(self, slot: Slot, ready: Ready) -> None:
        """See `Listener`."""
        if (waiting := self._starting.get(slot)) is not None and not waiting.done():
            waiting.set_result(ready)
        self._dispatch()

    def on_refused(self, slot: Slot, error: PixelmendError) -> None:
        """See `Listener`."""
        if (waiting := self._starting.get(slot)) is not None and not waiting.done():
            waiting.set_exception(error)
        else:
            _LOG.error("a process does not start: %s", error)

    def on_step(self, slot: Slot, job: Job, share: float) -> None:
        """See `Listener`."""
        if slot.job is job and not job.final:
            job.progress = min(1.0, share)
            job.tell()

    def on_answer(self, slot: Slot, job: Job, answer: Done | Failed | DiedError) -> None:
        """See `Listener`."""
        if slot not in self._slots:
            return
        why = slot.why
        slot.free(died=isinstance(answer, DiedError))
        if job.final:  # cancelled, or forgotten, while it ran
            self._shelf.clear_input(job)
            self._shelf.clear_results(job)
        elif isinstance(answer, DiedError):
            self._bury(job, answer, why)
        elif isinstance(answer, Failed):
            if answer.log:
                _LOG.error("job %s failed: %s", job.id, answer.log)
            self._finish(job, "failed", answer.problem)
        else:
            job.report, job.result = answer.report, answer.result
            job.media_type, job.preview = answer.media_type, answer.preview
            self._mean += _WEIGHT * (job.work_seconds - self._mean)
            self._finish(job, "done")
        self._moved.set()
        self._dispatch()

    def _bury(self, job: Job, died: DiedError, why: Problem | None) -> None:
        """The process died over a job: by our hand, for the first time, or once more."""
        if why is not None:
            self._finish(job, "failed", why)
        elif job.tries < _TRIES:
            _LOG.warning("job %s %s: %s", job.id, BEGUN_AGAIN, died)
            shutil.rmtree(self._shelf.folder(job), ignore_errors=True)
            job.state, job.progress = "queued", 0.0
            self._queue.appendleft(job)
            job.tell()
        else:
            _LOG.error("job %s is given up: %s", job.id, died)
            self._finish(job, "failed", Problem.of("worker-died", f"it was tried {_TRIES} times, and died each time"))

    async def _watch(self) -> None:
        """Look after limits of time and memory, dead processes, and what has expired."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for slot in self._slots:
                if slot.job is not None:
                    self._hold(slot)
                elif slot.idle and slot.since and slot.rss > _IDLE_SHARE * self._limits.worker_memory:
                    slot.renew()
                else:
                    slot.renew_if_dead()
            self._sweep()

    def _hold(self, slot: Slot) -> None:
        """Kill a process that takes more than is allowed."""
        limits = self._limits
        if time.monotonic() - slot.since > limits.job_seconds:
            most = f"it took more than {limits.job_seconds:g} s"
            slot.kill(Problem.of("too-long", f"{most}: give a smaller picture, or a part of it"))
        elif slot.rss > limits.worker_memory:
            most = f"it took more than {limits.worker_memory / 1e6:.0f} MB"
            slot.kill(Problem.of("too-much-memory", f"{most}: give a smaller picture, or a part of it"))

    def _sweep(self) -> None:
        for job in self._shelf.expired(self._clock()):
            self._jobs.pop(job.id, None)
