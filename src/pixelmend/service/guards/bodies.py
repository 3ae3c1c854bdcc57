"""Bodies that are too large, or that come too slowly."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from pixelmend.service.answers import CLOSE, Refusal, problem_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pixelmend.service.limits import Limits


class Bodies:
    """Refuses a body that says that it is too large, and counts and times one while it is read.

    Whoever reads it gets a `Refusal`, which is to become the answer.

    Args:
        app: What is guarded.
        limits: What is allowed.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on whose body is not known to be too large."""
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared[:20]) > self._limits.max_bytes:
            await problem_answer(self._too_large().problem, CLOSE)(scope, receive, send)
            return
        await self._app(scope, _Watched(receive, self._limits, self._too_large), send)

    def _too_large(self) -> Refusal:
        megabytes = self._limits.max_bytes / 2**20
        detail = f"the body is too large: wanted at most {megabytes:g} MiB, picture and mask together"
        return refusal(413, "body-too-large", detail, CLOSE)


class _Watched:
    """The way by which one body comes."""

    def __init__(self, receive: Receive, limits: Limits, too_large: Callable[[], Refusal]) -> None:
        self._receive, self._limits, self._too_large = receive, limits, too_large
        self._size, self._waited, self._whole = 0, 0.0, False

    async def __call__(self) -> Message:
        """The next piece; or, once all are there, that the client went away."""
        if self._whole:
            return await self._receive()
        begin = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                message = await self._receive()
        except TimeoutError:
            raise self._too_slow(f"nothing came for {self._limits.body_seconds:g} s") from None
        self._waited += time.monotonic() - begin
        self._size += len(message.get("body", b""))
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._size > self._limits.max_bytes:
            raise self._too_large()
        if not self._whole and self._waited > self._limits.body_seconds:
            rate = self._size / self._waited
            if rate < self._limits.min_rate:
                raise self._too_slow(
                    f"it came with {rate:.0f} bytes a second, wanted {self._limits.min_rate:g} or more"
                )
        return message

    @staticmethod
    def _too_slow(why: str) -> Refusal:
        return refusal(408, "too-slow", f"the body came too slowly, {why}: send it again", CLOSE)
