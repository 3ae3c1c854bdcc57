"""Pages elsewhere: their scripts may use the service where its owner says so (CORS), and their forms never."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from pixelmend.service.answers import CLOSE, problem_answer, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
"""Methods that change nothing."""
_SHOWN = "Content-Disposition, Location, Pixelmend-Job, Pixelmend-Report, Pixelmend-Request, Retry-After, Server-Timing"
"""Headers that scripts of other origins may read."""
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": "Authorization, Content-Type",
    "access-control-max-age": "600",
}


class Origins:
    """Refuses what a page elsewhere makes a browser send, unless its origin is allowed.

    Args:
        app: What is guarded.
        allowed: Origins: "https://example.org".
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._app, self._allowed = app, frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through that no foreign page made."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin in self._allowed:
            await self._foreign(scope, receive, send)
        elif scope["method"] not in _SAFE and _is_foreign(headers):
            detail = "a page of another origin sent this: its owner can be let in with --allow-origin ORIGIN"
            refused = refusal(403, "foreign-origin", detail)
            await problem_answer(refused.problem, CLOSE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _foreign(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request of an origin that is allowed."""
        headers = Headers(scope=scope)
        origin = headers["origin"]

        async def shown(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                told["access-control-allow-origin"] = origin
                told["access-control-expose-headers"] = _SHOWN
                told.add_vary_header("Origin")
            await send(message)

        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, shown)
        else:
            await self._app(scope, receive, shown)


def _is_foreign(headers: Headers) -> bool:
    """Whether a browser says that another page made this request; other programs say nothing."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()  # "null" has none
    return headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}
