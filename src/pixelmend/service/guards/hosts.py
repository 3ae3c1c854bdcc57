"""The name that a request calls the service by: one of ours, or a page elsewhere has pointed its own name at us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from pixelmend.service.access import host_of
from pixelmend.service.answers import problem_answer, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pixelmend.service.access import Access


class Hosts:
    """Refuses requests by names that are not ours (DNS rebinding).

    Args:
        app: What is guarded.
        access: Knows the names.
        bound: What the service is bound to.
    """

    def __init__(self, app: ASGIApp, access: Access, bound: str) -> None:
        self._app, self._access, self._bound = app, access, bound

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request by one of our names through."""
        host = Headers(scope=scope).get("host", "")
        if not host:
            refused = refusal(400, "no-host", "got a request without the header Host, wanted one: use HTTP/1.1")
        elif not self._access.knows(host, self._bound):
            name = host_of(host)[:80]
            detail = f"this service is not called {name!r}: its owner can let it be, with --allow-host NAME"
            refused = refusal(421, "unknown-host", detail)
        else:
            await self._app(scope, receive, send)
            return
        await problem_answer(refused.problem, {"connection": "close"})(scope, receive, send)
