"""Keys: who may do more than look at the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from pixelmend.service.answers import CLOSE, problem_answer, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pixelmend.service.access import Keys

OPEN = ("/", "/docs", "/openapi.json", "/healthz")
"""What needs no key: what a browser loads before its user can give one, and what a load balancer asks."""
OPEN_BELOW = ("/assets/", "/examples/")


class KeyHolders:
    """Lets those through who hold a key, and notes whose it is as ``scope["state"]["owner"]``; "" without keys.

    Args:
        app: What is guarded.
        keys: Those that open it.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request with a key through, and any to what is open."""
        owner: str | None = ""
        if self._keys and not is_open(scope["path"]):
            owner = self._keys.owner(Headers(scope=scope).get("authorization", ""))
        if owner is not None:
            scope.setdefault("state", {})["owner"] = owner
            await self._app(scope, receive, send)
            return
        detail = "this needs a key that the server knows: send the header Authorization: Bearer KEY"
        refused = refusal(401, "no-key", detail)
        headers = {"www-authenticate": 'Bearer realm="pixelmend"', **CLOSE}
        await problem_answer(refused.problem, headers)(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path in OPEN or path.startswith(OPEN_BELOW)
