"""Pictures that are sent: restored, or looked at, in one request; or told of as jobs."""

from __future__ import annotations

import asyncio
import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request  # noqa: TC002  (FastAPI reads the annotations as it runs)
from starlette.responses import Response

from pixelmend.service.answers import Refusal, json_answer
from pixelmend.service.bodies import Intake, remove
from pixelmend.service.house import line_of
from pixelmend.service.job import Task
from pixelmend.service.metrics import megapixels_of
from pixelmend.service.options import Asked, DiagnoseAsked, RestoreAsked
from pixelmend.service.problems import Problem
from pixelmend.service.routes.files import open_answer
from pixelmend.service.routes.results import result_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixelmend.service.bodies import Body
    from pixelmend.service.house import House
    from pixelmend.service.job import Job

A = TypeVar("A", bound=Asked)
_GONE = 499
"""What the log says of a request whose client went away; nobody sees it."""


class Pictures:
    """Routes that take pictures.

    Args:
        house: The service.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        formats = house.limits.formats
        self._with_mask = Intake(house.spool, formats)
        self._alone = Intake(house.spool, formats, ("picture",))

    async def restore(self, request: Request) -> Response:
        """Restore a picture, and answer with it; or, where it takes longer than the client waits, with the job."""
        asked, job = await self._submit(request, RestoreAsked, self._with_mask, self._restoring)
        ended = await self._wait(request, job, asked.wait)
        if ended is None:
            return Response(status_code=_GONE)
        if not ended:
            self._house.promised.add(job)
            told = job.to_dict()
            return json_answer(told, 202, {"location": told["links"]["self"], "pixelmend-job": job.id})
        with self._released_if_failed(job):
            result = _result(job)
            line_of(request).megapixels = megapixels_of(job)
            return await open_answer(result, job.media_type, result_headers(job), lambda: self._house.pool.release(job))

    async def diagnose(self, request: Request) -> Response:
        """Say what is wrong with a picture."""
        _, job = await self._submit(request, DiagnoseAsked, self._alone, _diagnosing)
        if await self._wait(request, job, None) is None:
            return Response(status_code=_GONE)
        try:
            _check_done(job)
            line_of(request).megapixels = megapixels_of(job)
            told = dict(job.report or {})
            if job.preview is not None:
                data = await asyncio.to_thread(job.preview.read_bytes)
                told["preview"] = f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"
            return json_answer(told, headers={"pixelmend-job": job.id})
        finally:
            self._house.pool.release(job)

    async def _submit(
        self, request: Request, options: type[A], intake: Intake, task_for: Callable[[A, Body], Task]
    ) -> tuple[A, Job]:
        """Take what is sent, and let a job of it wait for its turn."""
        pairs = request.query_params.multi_items()
        asked = options.read(pairs)
        self._house.check_open()
        body = await intake.take(request)
        with _kept_if_taken(body):
            asked = options.read([*pairs, *body.fields]) if body.fields else asked
            task = task_for(asked, body)
            line_of(request).task = task.name
            return asked, self._house.submit(request, task)

    def _restoring(self, asked: RestoreAsked, body: Body) -> Task:
        return Task(body.picture, asked.settings(self._house.wish, body.mask), asked.preview)

    async def _wait(self, request: Request, job: Job, seconds: float | None) -> bool | None:
        """Wait until a job has ended: whether it has; None where the client went away, which cancels it."""
        if seconds == 0:
            return job.final
        ended = asyncio.create_task(job.wait(seconds))
        gone = asyncio.create_task(_until_gone(request))
        try:
            await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._house.pool.release(job)
            raise
        finally:
            gone.cancel()
            if not ended.done():
                ended.cancel()
        if ended.done() and not ended.cancelled():
            return ended.result()
        self._house.pool.release(job)
        return None

    @contextmanager
    def _released_if_failed(self, job: Job) -> Iterator[None]:
        """Forget a job that has no result to send."""
        try:
            yield
        except BaseException:
            self._house.pool.release(job)
            raise


def _diagnosing(asked: DiagnoseAsked, body: Body) -> Task:
    return Task(body.picture, preview=asked.preview)


@contextmanager
def _kept_if_taken(body: Body) -> Iterator[None]:
    """Delete what came where no job was made of it."""
    try:
        yield
    except BaseException:
        remove(body.picture, body.mask)
        raise


async def _until_gone(request: Request) -> None:
    """Wait until the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_done(job: Job) -> None:
    """Refuse to answer with what a job did not do.

    Raises:
        Refusal: It failed, or was cancelled.
    """
    if job.problem is not None:
        raise Refusal(job.problem)
    if job.state != "done":
        raise Refusal(Problem.of("fault", f"the job was cancelled while its client waited ({job.task.name})"))


def _result(job: Job) -> Path:
    _check_done(job)
    assert job.result is not None  # noqa: S101  (it is done, and nobody else knows of it)
    return job.result
