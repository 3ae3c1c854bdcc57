"""A job: what it tells of itself, and to those who watch it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pixelmend.errors import (
    ModelError,
    TooLargeError,
    TooLargeResultError,
    UnknownNameError,
    UnreadableError,
    UnwritableError,
    UsageError,
)
from pixelmend.inference import Options, Settings
from pixelmend.service.job import Job, Task
from pixelmend.service.problems import Problem, problem_of

if TYPE_CHECKING:
    from pixelmend.service.job import Kind


def job(kind: Kind = "restore", **other: Any) -> Job:
    return Job(Task(Path("picture"), Settings() if kind == "restore" else None), clock=lambda: 100.0, **other)


def test_a_job_has_a_name_that_nobody_guesses() -> None:
    names = {job().id for _ in range(100)}
    assert len(names) == 100
    assert min(map(len, names)) >= 20


def test_a_mask_is_found_among_the_options() -> None:
    settings = Settings("inpaint", options=Options(mask=Path("mask")))
    assert Task(Path("picture"), settings).mask == Path("mask")
    assert Task(Path("picture")).mask is None


def test_what_it_tells_is_json_and_no_path_of_the_server() -> None:
    one = job(result=Path("/spool/result.png"), preview=Path("/spool/preview.webp"))
    one.state, one.started, one.ended, one.expires = "done", 101.0, 103.5, 703.5
    told = one.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["state"], told["queued_seconds"], told["work_seconds"], told["expires"]) == ("done", 1.0, 2.5, 703.5)
    assert told["links"]["result"] == f"/v1/jobs/{one.id}/result"
    assert "spool" not in json.dumps(told)


def test_links_lead_only_to_what_there_may_be() -> None:
    assert set(job("diagnose").to_dict()["links"]) == {"self", "events"}
    with_preview = Job(Task(Path("picture"), Settings(), preview=True))
    assert set(with_preview.to_dict()["links"]) == {"self", "events", "result", "preview"}


def test_changes_are_told_until_the_final_one() -> None:
    async def watch() -> list[tuple[str, float]]:
        one = job()
        seen: list[tuple[str, float]] = []
        async for each in one.changes():
            seen.append((each.state, each.progress))
            if each.state == "queued":
                one.state = "running"
            elif each.progress < 0.5:
                one.progress += 0.25
            else:
                one.state = "done"
            one.tell()
        return seen

    expected = [("queued", 0.0), ("running", 0.0), ("running", 0.25), ("running", 0.5), ("done", 0.5)]
    assert asyncio.run(watch()) == expected


def test_a_slow_watcher_misses_steps_but_not_the_end() -> None:
    async def watch() -> list[float]:
        one = job(state="running")
        seen = []

        async def run() -> None:
            for step in range(1, 1000):
                one.progress = step / 1000
                one.tell()
                if step % 100 == 0:
                    await asyncio.sleep(0)
            one.state, one.progress = "done", 1.0
            one.tell()

        running = asyncio.create_task(run())
        async for each in one.changes():
            seen.append(each.progress)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await running
        return seen

    seen = asyncio.run(watch())
    assert seen[-1] == 1.0
    assert len(seen) < 20
    assert seen == sorted(seen)


def test_many_may_watch_and_all_hear_the_end() -> None:
    async def watch() -> list[bool]:
        one = job()
        waiting = [asyncio.create_task(one.wait()) for _ in range(5)]
        await asyncio.sleep(0)
        one.state = "cancelled"
        one.tell()
        return await asyncio.gather(*waiting)

    assert asyncio.run(watch()) == [True] * 5


def test_waiting_has_an_end() -> None:
    async def wait() -> tuple[bool, bool]:
        one = job()
        before = await one.wait(0.01)
        one.state = "failed"
        return before, await one.wait(0)

    assert asyncio.run(wait()) == (False, True)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("no"), 422, "not-possible"),
        (UnknownNameError("task", "denois", ["denoise"]), 422, "unknown-name"),
        (UnreadableError("no"), 422, "unreadable"),
        (TooLargeError("no"), 413, "too-large"),
        (TooLargeResultError("no"), 413, "too-large"),
        (UnwritableError("WebP holds at most 16383 a side"), 422, "not-possible"),
        (UnwritableError("cannot write /x: No space left on device"), 507, "no-room"),
        (OSError(28, "No space left on device"), 507, "no-room"),
        (ModelError("no"), 500, "model"),
        (MemoryError("no"), 413, "too-much-memory"),
        (ZeroDivisionError("no"), 500, "fault"),
    ],
)
def test_every_error_is_a_problem(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert problem.to_dict()["type"] == "about:blank"
    assert problem.title
    assert problem.detail


def test_a_full_disk_is_told_from_its_cause() -> None:
    error = UnwritableError("cannot write /spool/result.png")
    error.__cause__ = OSError(28, "No space left on device")
    assert problem_of(error).code == "no-room"


def test_places_of_the_server_are_not_told() -> None:
    error = UnreadableError("cannot read /spool/a: it lies in /spool, as /spool/a/b does")
    names = {"/spool": "the server", "/spool/a": "the picture", "/spool/a/b": "the mask"}
    assert problem_of(error, names).detail == "cannot read the picture: it lies in the server, as the mask does"


def test_a_fault_tells_nothing_of_itself() -> None:
    path = "/home/somebody/picture"
    for error in (ValueError(path), OSError(2, "No such file", path), ModelError(f"{path} is no model")):
        assert "somebody" not in str(problem_of(error).to_dict())


def test_a_problem_has_the_title_of_its_code() -> None:
    assert Problem.of("too-long", "it took more than 5 s").to_dict() == {
        "type": "about:blank", "title": "The job took too long", "status": 413, "detail": "it took more than 5 s",
        "code": "too-long",
    }  # fmt: skip
