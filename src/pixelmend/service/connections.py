"""Connections: one that is slow to say what it wants, or takes nothing of what it is sent, is closed; so are too many.

uvicorn reads requests with h11 and calls the application; what it leaves open is added here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pixelmend.service.answers import PROBLEM, problem_answer, refusal
from pixelmend.service.guards.headers import bare_headers

if TYPE_CHECKING:
    import asyncio

    from pixelmend.service.limits import Limits
    from pixelmend.service.metrics import Metrics

_LINGER = 5.0
"""Seconds for which the rest of a body is read and thrown away, so that its sender comes to read why it was refused."""


def connections(limits: Limits, metrics: Metrics) -> type[H11Protocol]:
    """The class of connections of one server.

    Args:
        limits: What is allowed.
        metrics: What counts.
    """

    class Bound(Connection):
        """Connections of this server."""

        allowed, counts = limits, metrics

    return Bound


class Connection(H11Protocol):
    """One connection; see the module.

    Attributes:
        allowed: What is.
        counts: What counts.
    """

    allowed: Limits
    counts: Metrics

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Watch it from its beginning, or close it where there are too many."""
        super().connection_made(cast("asyncio.Transport", _Gentle(transport, self)))
        if len(self.connections) > self.allowed.connections:
            self._cut("too many")
        else:
            self._head = self._later(self.allowed.header_seconds, "slow head")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        for timer in (self._head, self._stuck, self._rest):
            _stop(timer)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that has begun must come to its end in time."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of this one."""
        if self._sends:
            self._rest = self._later(_LINGER, "unread body")
        super().on_response_complete()
        self._watch_head()

    def pause_writing(self) -> None:
        """Its client takes nothing for now."""
        super().pause_writing()
        self._stuck = self._later(self.allowed.body_seconds, "slow reader")

    def resume_writing(self) -> None:
        """It goes on."""
        super().resume_writing()
        _stop(self._stuck)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as everything else is answered, and close."""
        answer = problem_answer(refusal(400, "bad-request", f"{msg.rstrip('.')}: wanted HTTP/1.1").problem)
        headers = [*bare_headers(), (b"content-type", PROBLEM.encode()), (b"connection", b"close")]
        events = [
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)), h11.EndOfMessage(),
        ]  # fmt: skip
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _sends(self) -> bool:
        """Whether its client is in the middle of a body."""
        return bool(self.conn.their_state is h11.SEND_BODY)

    def lingers(self) -> bool:
        """Begin to throw away what comes, where the client still sends: closed at once, it would never read why."""
        if not self._sends:
            return False
        self._rest = self._rest or self._later(_LINGER, "unread body")
        return True

    def _watch_head(self) -> None:
        """Time the head of a request from its first byte on."""
        if not self._sends:
            _stop(self._rest)
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        begun = bool(self.conn.trailing_data[0])
        if not waits or (not begun and self.cycle is not None):
            _stop(self._head)
            self._head = None
        elif self._head is None:
            self._head = self._later(self.allowed.header_seconds, "slow head")

    def _later(self, seconds: float, why: str) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, self._cut, why)

    def _cut(self, why: str) -> None:
        self.counts.closed(why)
        self.transport.abort()


class _Gentle:
    """A way to a client that is closed only once the client has stopped sending, or soon after.

    Args:
        inner: What it is.
        connection: What it is closed for.
    """

    def __init__(self, inner: asyncio.Transport, connection: Connection) -> None:
        self._inner, self._connection = inner, connection
        self._lingers = False

    def __getattr__(self, name: str) -> Any:
        """All else is as it was."""
        return getattr(self._inner, name)

    def is_closing(self) -> bool:
        """Whether nothing more is to be said."""
        return self._lingers or self._inner.is_closing()

    def close(self) -> None:
        """Say no more, and read on for a while where something still comes."""
        if self.is_closing() or not self._connection.lingers():
            self._inner.close()
            return
        self._lingers = True
        self._inner.resume_reading()
        if self._inner.can_write_eof():
            self._inner.write_eof()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
