"""Around everything else: each request is numbered, timed, counted and logged, and a fault becomes an answer."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from pixelmend.service.answers import problem_answer
from pixelmend.service.logs import Line
from pixelmend.service.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pixelmend.service.logs import Log
    from pixelmend.service.metrics import Metrics

REQUEST = "Pixelmend-Request"
"""The header that holds a request's number."""


_METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"}
"""Those that are told by their names: others are words of whoever sends them."""


class Telling:
    """Tells the log and the metrics of each request.

    What a route knows beyond the request itself it writes into `Line`, which is ``scope["state"]["line"]``.

    Args:
        app: All the rest.
        log: Where lines go.
        metrics: What counts.
    """

    def __init__(self, app: ASGIApp, log: Log, metrics: Metrics) -> None:
        self._app, self._log, self._metrics = app, log, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it once it is over."""
        if scope["type"] != "http":
            return
        method = scope["method"] if scope["method"] in _METHODS else "other"
        line, begin = Line(secrets.token_hex(8), method), time.perf_counter()
        inner = {**scope, "state": {**scope.get("state", {}), "line": line}}
        if scope["method"] == "HEAD":
            inner["method"] = "GET"  # the server leaves the body out

        async def counted() -> Message:
            message = await receive()
            line.received += len(message.get("body", b""))
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                line.status = message["status"]
                MutableHeaders(scope=message)[REQUEST] = line.id
            else:
                line.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._guarded(inner, counted, told, line)
        finally:
            route = inner.get("route")
            line.route = getattr(route, "path", "other")
            line.owner = inner["state"].get("owner", "")
            line.seconds = time.perf_counter() - begin
            self._metrics.answered(line.route, line.method, line.status, line.seconds)
            self._metrics.moved(line.received, line.sent)
            self._log.request(line)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, line: Line) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  (whatever it is, the server goes on)
            self._log.fault(line, error)
            if line.status == 499:  # nothing was answered yet
                problem = Problem.of("fault", "this should not happen; the log of the server says more")
                await problem_answer(problem, {"connection": "close"})(scope, receive, send)
