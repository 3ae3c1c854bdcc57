"""Headers of every answer: what browsers may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and pictures that it holds."""
SEALED = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""For pictures, whose bytes came from elsewhere, if in another form."""
_EVERYWHERE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS = "max-age=31536000"


def bare_headers() -> list[tuple[bytes, bytes]]:
    """The same, for an answer that no application makes."""
    return [(name.encode(), value.encode()) for name, value in _EVERYWHERE.items()]


class Headers:
    """Adds headers to every answer; those that it has stay.

    Args:
        app: What is guarded.
        tls: Whether the service speaks TLS itself.
    """

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self._app = app
        self._all = {**_EVERYWHERE, "strict-transport-security": _HSTS} if tls else _EVERYWHERE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with more headers."""
        kept = scope["path"].startswith(("/v1/", "/healthz", "/metrics"))

        async def more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._all.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store" if kept else "no-cache")
            await send(message)

        await self._app(scope, receive, more)
