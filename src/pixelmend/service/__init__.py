"""The HTTP service: pictures come in, and restored ones go out.

One process answers requests and never decodes a picture; others do that, each with one job at a time (`pool`). A
request goes `server → telling → guards → routes → bodies → pool`, and its answer back the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelmend.service.server import serve as serve

__all__ = ["serve"]


def __getattr__(name: str) -> Any:
    """Import ``serve`` on first use: processes that restore need no server (PEP 562)."""
    if name == "serve":
        from pixelmend.service.server import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
