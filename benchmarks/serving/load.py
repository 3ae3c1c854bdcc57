"""Clients of every kind, all at once, for as long as is asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks.serving.client import Connection, LostError
from benchmarks.serving.record import Load, Mix, Moment
from pixelmend.service.pool.pool import BEGUN_AGAIN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.serving.client import Answer
    from benchmarks.serving.samples import Sample
    from benchmarks.serving.server import Server

RESTORE = "/v1/restore?task=denoise"
_LOOKS = 8
"""Looks at memory in each second."""
_KILLS = 5
"""Processes that are killed, one after the other, while clients of all kinds ask."""
_SETTLED = 60.0
"""Seconds after which what clients left behind must be gone."""


@dataclass
class Tally:
    """What clients came to.

    Attributes:
        statuses: How often each came as the answer to a picture.
        seconds: Of each request that was restored, but the first of each client, in the order of their ends.
        lost: What went wrong, in words, and how often: no answer, a wrong picture, a job that failed.
        done: Jobs that were fetched.
        away: Clients that went away.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    done: int = 0
    away: int = 0


@dataclass(frozen=True)
class Visit:
    """What every client knows.

    Attributes:
        server: Whom they ask.
        samples: What they send, one after the other.
        tally: What they add to.
        until: When they stop, by `time.monotonic`.
    """

    server: Server
    samples: Sequence[Sample]
    tally: Tally
    until: float

    def over(self) -> bool:
        """Whether no more is to be asked."""
        return time.monotonic() >= self.until

    def sample(self, number: int) -> Sample:
        """The one that comes next for a client."""
        return self.samples[number % len(self.samples)]


async def restored(visit: Visit, first: int) -> None:
    """A client that posts a picture, waits for the answer, and posts the next."""
    async with Connection(visit.server.port) as connection:
        for number in count():
            if visit.over():
                return
            sample = visit.sample(first + number)
            answer = await _accepted(visit, connection, RESTORE, sample)
            if answer is None:
                continue
            if not sample.is_right(answer.body):
                visit.tally.lost["a wrong picture"] += 1
            elif number:
                visit.tally.seconds.append(answer.seconds)


async def fetched(visit: Visit, first: int) -> None:
    """A client that posts a picture, follows its job to the end, fetches the result and deletes it."""
    async with Connection(visit.server.port) as connection:
        for number in count():
            if visit.over():
                return
            sample = visit.sample(first + number)
            answer = await _accepted(visit, connection, f"{RESTORE}&wait=0", sample)
            if answer is not None:
                try:
                    await _followed(visit, connection, answer, sample)
                except LostError as error:
                    visit.tally.lost[str(error)] += 1


async def _followed(visit: Visit, connection: Connection, accepted: Answer, sample: Sample) -> None:
    tally, place = visit.tally, accepted.headers["location"]
    seen = [each async for each in Connection(visit.server.port).events(f"{place}/events")]
    job: dict[str, Any] = seen[-1] if seen else {}
    if job.get("state") != "done":
        tally.lost[f"a job that ended as {job.get('state')} ({(job.get('problem') or {}).get('code')})"] += 1
        return
    result = await connection.ask("GET", f"{place}/result")
    if not sample.is_right(result.body):
        tally.lost[f"a wrong picture of a job ({result.status})"] += 1
        return
    deleted = await connection.ask("DELETE", place)
    if deleted.status != 204:
        tally.lost[f"a job that is not deleted ({deleted.status})"] += 1
    tally.done += 1


async def left(visit: Visit, first: int) -> None:
    """A client that never waits for its answer."""
    for number in count(first):
        if visit.over():
            return
        connection = Connection(visit.server.port)
        await connection.hang_up(RESTORE, visit.sample(number).data, 0.3 + 0.1 * (number % 10), "image/png")
        visit.tally.away += 1


async def _accepted(visit: Visit, connection: Connection, path: str, sample: Sample) -> Answer | None:
    """An answer of 200 or 202; where the queue is full, after as long as the server says. None where there is none."""
    while True:
        try:
            answer = await connection.ask("POST", path, sample.data, content_type="image/png")
        except LostError as error:
            visit.tally.lost[str(error)] += 1
            return None
        visit.tally.statuses[answer.status] += 1
        if answer.status in {200, 202}:
            return answer
        if answer.status != 429:
            visit.tally.lost[f"an answer of {answer.status}"] += 1
            return None
        await asyncio.sleep(float(answer.headers["retry-after"]))
        if visit.over():
            return None


async def _watch(server: Server, moments: list[Moment]) -> None:
    """Memory of each second: the median of some looks, since one alone may meet a picture just being written."""
    start = time.monotonic()
    while True:
        looks = []
        for _ in range(_LOOKS):
            looks.append(server.memory())
            await asyncio.sleep(1 / _LOOKS)
        own, workers = (statistics.median(each) for each in zip(*looks, strict=True))
        moments.append(Moment(time.monotonic() - start, own, workers))


async def _together(
    visit: Visit, clients: Sequence[Callable[[Visit, int], Awaitable[None]]]
) -> tuple[list[Moment], float]:
    """Let clients run until each is through; memory meanwhile, and seconds."""
    moments: list[Moment] = []
    watching = asyncio.create_task(_watch(visit.server, moments))
    start = time.monotonic()
    try:
        await asyncio.gather(*(client(visit, number) for number, client in enumerate(clients)))
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    return moments, time.monotonic() - start


async def _alone(server: Server, all_samples: Sequence[Sample], rounds: int) -> float:
    """Seconds of a request while nothing else is asked: the median."""
    async with Connection(server.port) as connection:
        taken = []
        for number in range(rounds):
            sample = all_samples[number % len(all_samples)]
            answer = await connection.ask("POST", RESTORE, sample.data, content_type="image/png")
            if answer.status != 200 or not sample.is_right(answer.body):
                raise RuntimeError(f"got {answer.status} while nothing else was asked: {answer.body[:500]!r}")
            taken.append(answer.seconds)
    return statistics.median(taken)


def load(server: Server, found: Sequence[Sample], clients: int, seconds: float) -> Load:
    """Clients that all post pictures and wait for them.

    Args:
        server: That runs.
        found: What is posted.
        clients: How many at once.
        seconds: How long.
    """
    alone = asyncio.run(_alone(server, found, 20))
    tally = Tally()
    visit = Visit(server, found, tally, time.monotonic() + seconds)
    moments, took = asyncio.run(_together(visit, [restored] * clients))
    return Load(
        clients=clients,
        workers=len(server.workers()),
        took=took,
        alone=alone,
        alone_after=asyncio.run(_alone(server, found, 20)),
        statuses={str(status): number for status, number in sorted(tally.statuses.items())},
        lost=dict(tally.lost),
        seconds=tuple(tally.seconds),
        moments=tuple(moments),
    )


def mix(server: Server, found: Sequence[Sample], clients: int, seconds: float) -> Mix:
    """Clients of all kinds, more than the queue takes; now and then a process that restores is killed.

    Args:
        server: That runs, with a queue shorter than there are clients.
        found: What is posted.
        clients: How many at once.
        seconds: How long.
    """
    kinds = [left if n % 10 == 0 else restored if n % 2 else fetched for n in range(clients)]
    workers = len(server.workers())
    killed: list[int] = []

    async def kill(_visit: Visit, _number: int) -> None:
        while len(killed) < _KILLS:
            await asyncio.sleep(seconds / (_KILLS + 1))
            killed.append(_kill_one(server))

    tally = Tally()
    visit = Visit(server, found, tally, time.monotonic() + seconds)
    moments, took = asyncio.run(_together(visit, [*kinds, kill]))
    settled = _settle(server, workers)
    after = server.workers()
    return Mix(
        clients=clients,
        took=took,
        statuses={str(status): number for status, number in sorted(tally.statuses.items())},
        lost=dict(tally.lost),
        done=tally.done,
        killed=len(killed),
        retried=server.said(BEGUN_AGAIN),
        away=tally.away,
        replaced=len(after) == workers and not set(after) & set(killed),
        settled=settled,
        left_bytes=server.files(),
        alone_after=asyncio.run(_alone(server, found, 3)),
        moments=tuple(moments),
    )


def _kill_one(server: Server) -> int:
    """Kill a process that restores, without warning; its number."""
    while True:  # those whose client goes away are ended, and replaced, all the time
        with contextlib.suppress(OSError, IndexError):
            found = server.workers()[0]
            os.kill(found, signal.SIGKILL)
            return found


def _settle(server: Server, workers: int) -> float:
    """Seconds until nothing lies about any more; `_SETTLED` where that does not come."""
    start = time.monotonic()
    while (passed := time.monotonic() - start) < _SETTLED:
        if server.files() == 0 and len(server.workers()) == workers:
            return passed
        time.sleep(0.2)
    return _SETTLED
