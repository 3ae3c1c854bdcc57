"""Jobs that clients were told of: how they are, their events, their results, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002  (FastAPI reads the annotations as it runs)
from starlette.responses import Response, StreamingResponse

from pixelmend.service.answers import json_answer, refusal
from pixelmend.service.house import line_of, owner_of
from pixelmend.service.metrics import megapixels_of
from pixelmend.service.routes.files import ATTACHED, open_answer
from pixelmend.service.routes.results import result_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from pixelmend.service.house import House
    from pixelmend.service.job import Job

_STILL_HERE = 15.0
"""Seconds without an event after which a comment says that the stream goes on."""
_APART = 0.2
"""Seconds between two events; the last one does not wait."""


class Jobs:
    """Routes that tell of jobs. Each belongs to the owner of a key; to others there is none of that name.

    Args:
        house: The service.
    """

    def __init__(self, house: House) -> None:
        self._house = house

    async def job(self, request: Request, job_id: str) -> Response:
        """Tell how a job is."""
        job = self._find(request, job_id)
        return json_answer(job.to_dict())

    async def events(self, request: Request, job_id: str) -> Response:
        """Follow a job until it has ended."""
        job = self._find(request, job_id)
        return StreamingResponse(_events(job), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def result(self, request: Request, job_id: str) -> Response:
        """Send the restored picture."""
        job = self._find(request, job_id)
        path = _there(job, job.result)
        with _gone_where_deleted():
            return await open_answer(
                path, job.media_type, result_headers(job), lambda: self._house.promised.discard(job)
            )

    async def preview(self, request: Request, job_id: str) -> Response:
        """Send a small picture of the result."""
        job = self._find(request, job_id)
        path = _there(job, job.preview)
        with _gone_where_deleted():
            return await open_answer(path, "image/webp", ATTACHED)

    async def forget(self, request: Request, job_id: str) -> Response:
        """Cancel a job, or forget one that has ended."""
        job = self._find(request, job_id)
        self._house.promised.discard(job)
        self._house.pool.cancel(job)
        return Response(status_code=204)

    def _find(self, request: Request, job_id: str) -> Job:
        job = self._house.pool.get(job_id, owner_of(request))
        if job is None:
            detail = "there is no such job: it was released, has expired, or never was; send the picture again"
            raise refusal(404, "unknown-job", detail)
        line = line_of(request)
        line.job, line.task, line.megapixels = job.id, job.task.name, megapixels_of(job)
        return job


def _there(job: Job, path: Path | None) -> Path:
    """A file of a job.

    Raises:
        Refusal: It is not there yet, or not any more, or never will be.
    """
    if not job.final:
        raise refusal(409, "not-done", f"the job is {job.state}: wait until it is done")
    if path is None:
        why = job.state if job.problem is None else f"{job.state}, {job.problem.detail}"
        raise refusal(410, "gone", f"the job has nothing here ({why})")
    return path


@contextlib.contextmanager
def _gone_where_deleted() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise refusal(410, "gone", "the result was deleted: send the picture again") from None


async def _events(job: Job) -> AsyncIterator[str]:
    """A job as events: as it is, and each time that it changes, until it has ended."""
    changes = job.changes()
    try:
        while True:
            change = asyncio.ensure_future(anext(changes, None))
            while not (await asyncio.wait({change}, timeout=_STILL_HERE))[0]:
                yield ": still here\n\n"
            if change.result() is None:
                return
            yield f"event: job\ndata: {json.dumps(job.to_dict(), separators=(',', ':'))}\n\n"
            if not job.final:
                await job.wait(_APART)
    finally:
        change.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await change
