"""A place for one process that restores, and the thread that waits for its answers.

A process that died is replaced by the next one. Everything but the thread's own loop is called in the event loop, and
the thread tells that loop alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from pixelmend.errors import PixelmendError
from pixelmend.files import make_folder
from pixelmend.inference.processes import ONE_THREAD, DiedError, Process
from pixelmend.service.worker import Step

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.service.job import Job
    from pixelmend.service.problems import Problem
    from pixelmend.service.worker import Begin, Done, Failed, Order, Ready

_WORKER = "pixelmend.service.worker"
_ENV = {name: value for name, value in ONE_THREAD.items() if name != "VIPS_CONCURRENCY"}
"""A picture that has the machine for itself is read and written as fast as anywhere."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
"""Seconds until a process that did not start is tried again; twice as long each time."""


class Listener(Protocol):
    """Who hears of a slot, in the event loop."""

    def on_ready(self, slot: Slot, ready: Ready) -> None:
        """Its process is there and waits for an order."""

    def on_refused(self, slot: Slot, error: PixelmendError) -> None:
        """Its process did not start; it is tried again until the slot is ended."""

    def on_step(self, slot: Slot, job: Job, share: float) -> None:
        """A job is so far."""

    def on_answer(self, slot: Slot, job: Job, answer: Done | Failed | DiedError) -> None:
        """A job is over, or its process is."""


class Slot:
    """Such a place.

    Args:
        begin: First order of each process.
        scratch: A folder for what its libraries put aside; emptied with each process.
        listener: Who hears of it.
        loop: Where.

    Attributes:
        job: What it does; None where it does nothing.
        since: When the last one was begun, `time.monotonic`; 0 where the process is new.
        why: Why its process was killed, where that was for the sake of a limit.
        restarts: How many processes came after the first.
    """

    def __init__(self, begin: Begin, scratch: Path, listener: Listener, loop: AbstractEventLoop) -> None:
        self._begin, self._scratch, self._listener, self._loop = begin, scratch, listener, loop
        self.job: Job | None = None
        self.since = 0.0
        self.why: Problem | None = None
        self.restarts = 0
        self._process: Process | None = None
        self._killed = False
        self._orders: SimpleQueue[tuple[Job, Order] | None] = SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True, name="pixelmend-worker")

    @property
    def idle(self) -> bool:
        """Whether it can be given a job."""
        return self.job is None and self.ready

    @property
    def ready(self) -> bool:
        """Whether its process is there."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def rss(self) -> int:
        """Bytes that its process holds; 0 where there is none, or the system does not tell."""
        try:
            with open(f"/proc/{self.pid}/statm", "rb") as file:  # noqa: PTH123  (looked at all the time)
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            return 0

    def start(self) -> None:
        """Start a process."""
        self._thread.start()

    def renew_if_dead(self) -> bool:
        """Replace a process that died while it had nothing to do; whether it had."""
        dead = self.idle and self._process is not None and not self._process.alive
        if dead:
            self.renew()
        return dead

    def give(self, job: Job, order: Order) -> None:
        """Let an idle slot do a job."""
        self.job, self.since, self.why, self._killed = job, time.monotonic(), None, False
        self._orders.put((job, order))

    def kill(self, why: Problem | None = None) -> None:
        """End the process over its job; what comes of that is told as an answer."""
        if self._process is not None and not self._killed:
            self._killed, self.why = True, why
            self._process.kill()

    def free(self, *, died: bool) -> None:
        """The job is over: be idle, or begin with another process where this one has ended."""
        self.job = None
        if died or self._killed:
            self.renew()

    def renew(self) -> None:
        """Begin with another process, and end this one."""
        self._process = None
        self.since = 0.0
        self.restarts += 1
        self._orders.put(None)

    def end(self) -> None:
        """End the process, at once, and the thread."""
        self._ended.set()
        if self._process is not None:
            self._process.kill()
        self._orders.put(None)

    def join(self) -> None:
        """Wait for the end, which `end` brought; not for the event loop."""
        self._thread.join()

    # what follows runs in the thread

    def _live(self) -> None:
        wait = _FIRST_WAIT
        while not self._ended.is_set():
            try:
                process = self._started()
            except (PixelmendError, OSError) as error:
                known = error if isinstance(error, PixelmendError) else PixelmendError(str(error))
                if not self._ended.is_set():
                    self._say(self._listener.on_refused, self, known)
                self._ended.wait(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            self._say(self._arrived, process)
            self._work(process)
            process.stop(now=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _started(self) -> Process:
        shutil.rmtree(self._scratch, ignore_errors=True)
        make_folder(self._scratch)
        return Process(_WORKER, self._begin, {**_ENV, "TMPDIR": str(self._scratch)})

    def _arrived(self, process: Process) -> None:
        """In the event loop."""
        self._process = process
        self._listener.on_ready(self, process.ready)

    def _work(self, process: Process) -> None:
        """Do one job after the other, until another process is wanted."""
        while (given := self._orders.get()) is not None and not self._ended.is_set():
            job, order = given
            answer = self._ask(process, job, order)
            self._say(self._listener.on_answer, self, job, answer)

    def _ask(self, process: Process, job: Job, order: Order) -> Any:
        try:
            process.send(order)
            while isinstance(answer := process.receive(), Step):
                self._say(self._listener.on_step, self, job, answer.share)
        except DiedError as died:
            return died
        return answer

    def _say(self, what: Callable[..., None], *values: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(what, *values)
