"""Heads of requests that are too long, or that programs before us may read in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelmend.service.answers import CLOSE, problem_answer, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HEAD_BYTES = 16 * 2**10
"""Of the head of a request; a longer one is refused."""


class Heads:
    """Refuses a head that came whole, and is longer than one may be; one that comes slowly ends with its connection.

    One that tells the length of its body in two ways is refused as well: where a proxy believes the one and we the
    other, what somebody sent as a body would be the next request of somebody else.

    Args:
        app: What is guarded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through whose head is short and clear."""
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        names = {name for name, _ in scope["headers"]}
        if size > HEAD_BYTES:
            detail = f"the head of the request is too long: got {size} bytes, wanted at most {HEAD_BYTES}"
            refused = refusal(431, "head-too-long", detail)
        elif {b"content-length", b"transfer-encoding"} <= names:
            detail = "got both Content-Length and Transfer-Encoding: give the one that holds"
            refused = refusal(400, "bad-request", detail)
        else:
            await self._app(scope, receive, send)
            return
        await problem_answer(refused.problem, CLOSE)(scope, receive, send)
