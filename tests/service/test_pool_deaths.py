"""What the pool does where a process dies, by its own hand or another's: one job is concerned, and others go on."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.inference import Options, Settings
from tests.images import samples
from tests.service.pools import Pools, is_alive, png, until_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixelmend.service.job import Job
    from pixelmend.service.pool import Pool

SLOW = Settings("denoise", options=Options(sigma=15.0))
NEVER_DONE = Settings("denoise", size="base", options=Options(sigma=15.0))
"""With the large picture: for tests that do not wait for its end."""


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """Two processes."""
    with Pools(tmp_path_factory.mktemp("spool"), workers=2) as made:
        yield made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A noisy picture that is done at once."""
    return png(tmp_path_factory.mktemp("small") / "small.png", 48, 64)


@pytest.fixture(scope="module")
def middle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One that takes about a second."""
    return png(tmp_path_factory.mktemp("middle") / "middle.png", 400, 400)


@pytest.fixture(scope="module")
def large() -> bytes:
    """One that takes a while."""
    return samples.pil(np.zeros((3000, 3000, 3), np.uint8), "PNG")


async def cancel(pool: Pool, job: Job) -> None:
    pool.cancel(job)


async def release(pool: Pool, job: Job) -> None:
    pool.release(job)


def test_a_job_whose_process_is_killed_is_begun_once_more(pools: Pools, middle: bytes) -> None:
    job = pools.submit(pools.task(middle, SLOW))
    pools.kill(job)
    pools.wait(job)
    assert (job.state, job.tries, job.problem) == ("done", 2, None)
    assert job.result is not None
    assert job.result.exists()


def test_a_job_that_kills_twice_fails_and_others_go_on(pools: Pools, large: bytes, small: bytes) -> None:
    bad = pools.submit(pools.task(large, NEVER_DONE))
    others = [pools.submit(pools.task(small)) for _ in range(4)]
    pools.kill(bad)
    pools.kill(bad)
    pools.wait(bad, *others)
    assert bad.problem is not None
    assert (bad.state, bad.tries, bad.problem.status, bad.problem.code) == ("failed", 2, 500, "worker-died")
    assert [(job.state, job.tries) for job in others] == [("done", 1)] * 4
    until_gone(bad.task.source)
    assert pools.do(pools.task(small)).state == "done"


def test_a_process_that_dies_idle_costs_no_job(pools: Pools, small: bytes) -> None:
    job = pools.submit(pools.task(small))
    pid = pools.until_running(job)
    pools.wait(job)
    restarts = pools.pool.stats.restarts
    os.kill(pid, signal.SIGKILL)
    pools.run(until(lambda: pools.pool.stats.restarts > restarts))
    again = pools.do(pools.task(small))
    assert (again.state, again.tries) == ("done", 1)


def test_a_running_job_that_is_cancelled_stops_at_once(pools: Pools, large: bytes, small: bytes) -> None:
    job = pools.submit(pools.task(large, NEVER_DONE))
    pid = pools.until_running(job)
    pools.run(cancel(pools.pool, job))
    assert job.state == "cancelled"
    assert pools.pool.get(job.id) is job
    until_gone(pid)
    assert pools.do(pools.task(small)).state == "done"
    pools.run(until(lambda: not pools.pool.stats.running))
    until_gone(job.task.source)
    until_gone(pools.spool / "jobs" / job.id)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not true():
        await asyncio.sleep(0.01)


def test_a_running_job_that_is_released_is_forgotten(pools: Pools, large: bytes) -> None:
    job = pools.submit(pools.task(large, NEVER_DONE))
    pid = pools.until_running(job)
    pools.run(release(pools.pool, job))
    assert job.state == "cancelled"
    assert pools.pool.get(job.id) is None
    until_gone(pid)


def test_processes_do_not_listen_to_what_ends_a_service(pools: Pools, small: bytes) -> None:
    """Of a terminal and of a service manager, which tell all processes of a service."""
    job = pools.submit(pools.task(small))
    pid = pools.until_running(job)
    pools.wait(job)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    restarts = pools.pool.stats.restarts
    assert [each.state for each in (pools.do(pools.task(small)), pools.do(pools.task(small)))] == ["done", "done"]
    assert is_alive(pid)
    assert pools.pool.stats.restarts == restarts


def test_a_job_may_not_run_for_ever(tmp_path: Path, large: bytes, small: bytes) -> None:
    with Pools(tmp_path, job_seconds=1.0) as pools:
        long, short = pools.submit(pools.task(large, NEVER_DONE)), pools.submit(pools.task(small))
        pools.wait(long, short)
        assert long.problem is not None
        assert (long.problem.status, long.problem.code, long.tries) == (413, "too-long", 1)
        assert "more than 1 s" in long.problem.detail
        assert short.state == "done"


def test_a_job_may_not_take_all_memory(tmp_path: Path, large: bytes, small: bytes) -> None:
    with Pools(tmp_path, worker_memory=2**28) as pools:
        greedy, modest = pools.submit(pools.task(large, NEVER_DONE)), pools.submit(pools.task(small))
        pools.wait(greedy, modest)
        assert greedy.problem is not None
        assert (greedy.problem.status, greedy.problem.code, greedy.tries) == (413, "too-much-memory", 1)
        assert modest.state == "done"


def test_a_stop_at_once_fails_what_is_not_done(tmp_path: Path, small: bytes, large: bytes) -> None:
    with Pools(tmp_path) as pools:
        jobs = [pools.submit(pools.task(large, NEVER_DONE)), pools.submit(pools.task(small))]
        pools.until_running(jobs[0])

        async def twice() -> None:
            patient = asyncio.create_task(pools.pool.stop(100))
            await asyncio.sleep(0)
            await pools.pool.stop(0)
            await patient

        pools.run(twice())
        assert [job.problem and job.problem.code for job in jobs] == ["stopping"] * 2
        for job in jobs:
            until_gone(job.task.source)


def test_nothing_is_left_of_a_pool_that_has_stopped(tmp_path: Path, large: bytes) -> None:
    with Pools(tmp_path, workers=1) as pools:
        job = pools.submit(pools.task(large, NEVER_DONE))
        pid = pools.until_running(job)
        pools.run(pools.pool.stop(0))
        assert not is_alive(pid)
        assert job.state == "failed"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
