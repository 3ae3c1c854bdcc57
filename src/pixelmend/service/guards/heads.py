"""Heads of requests that are too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelmend.service.answers import CLOSE, problem_answer, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HEAD_BYTES = 16 * 2**10
"""Of the head of a request; a longer one is refused."""


class Heads:
    """Refuses a head that came whole, and is longer than one may be; one that comes slowly ends with its connection.

    Args:
        app: What is guarded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through whose head is short."""
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        if size <= HEAD_BYTES:
            await self._app(scope, receive, send)
            return
        detail = f"the head of the request is too long: got {size} bytes, wanted at most {HEAD_BYTES}"
        await problem_answer(refusal(431, "head-too-long", detail).problem, CLOSE)(scope, receive, send)
