"""The server: from limits to a place where requests are answered, and to its end.

It stops in two steps. The first SIGTERM or Ctrl-C makes it drain: new pictures are refused, what was begun is brought
to its end and answered, and jobs that clients were told of can still be fetched. The second ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import signal
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from pixelmend.errors import UsageError
from pixelmend.inference import Settings
from pixelmend.service.access import Access
from pixelmend.service.app import build_app
from pixelmend.service.connections import connections
from pixelmend.service.guards.heads import HEAD_BYTES
from pixelmend.service.house import House
from pixelmend.service.limits import Limits
from pixelmend.service.logs import Log
from pixelmend.service.metrics import Metrics
from pixelmend.service.pool import Pool
from pixelmend.service.spool import spool_folder
from pixelmend.service.static import find_static

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from pixelmend.inference import Wish

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_EVERY = 0.05
"""Seconds between two looks at whether results were fetched, while the server drains."""
_LAST = 5
"""Seconds that answers have to be sent, once all jobs have ended."""


@dataclass(frozen=True)
class Place:
    """Where the service is reached.

    Attributes:
        host: The name or address to bind to.
        port: 0 for any that is free.
        certificate: Of TLS, in PEM; None for plain HTTP.
        key: Of the certificate, in PEM.

    Raises:
        UsageError: A port that there is not, a certificate without its key, or files that are not there.
    """

    host: str = "127.0.0.1"
    port: int = 8400
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be bound."""
        if not 0 <= self.port <= 65535:
            raise UsageError(f"got --port {self.port}, wanted 1 to 65535, or 0 for any that is free")
        if (self.certificate is None) != (self.key is None):
            raise UsageError("got one of --tls-cert and --tls-key: give both")
        for option, path in (("--tls-cert", self.certificate), ("--tls-key", self.key)):
            if path is not None and not path.is_file():
                raise UsageError(f"{option} {path}: there is no such file")

    def address(self, port: int) -> str:
        """What to open in a browser.

        Args:
            port: That was bound.
        """
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104  (read)
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http{'' if self.certificate is None else 's'}://{host}:{port}/"


def serve(
    wish: Wish, *, place: Place | None = None, access: Access | None = None, limits: Limits | None = None,
    log: str = "auto", ready: Callable[[str], None] = lambda _address: None,
) -> None:  # fmt: skip
    """Serve until a signal says to stop.

    Args:
        wish: What runs the networks.
        place: Where.
        access: Who may come in.
        limits: What is allowed.
        log: One of `pixelmend.service.logs.FORMS`.
        ready: Told the address once requests are answered there.

    Raises:
        UsageError: Something that cannot be: a port that is taken, strangers without keys, an engine that is not there.
        ModelError: The installation is damaged.
    """
    asyncio.run(Running(wish, place or Place(), access or Access(), limits or Limits(), Log(log)).run(ready))


class Running:
    """One server while it runs.

    Args:
        wish: What runs the networks.
        place: Where.
        access: Who may come in.
        limits: What is allowed.
        log: What tells.

    Attributes:
        house: What its routes share; None before it is there.
    """

    def __init__(self, wish: Wish, place: Place, access: Access, limits: Limits, log: Log) -> None:
        self._wish, self._place, self._access, self._limits, self._log = wish, place, access, limits, log
        self._main: asyncio.Task[None] | None = None
        self._server: Server | None = None
        self._draining: asyncio.Task[None] | None = None
        self.house: House | None = None

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until `stop` was called.

        Args:
            ready: See `serve`.

        Raises:
            UsageError: See `serve`.
            ModelError: The same.
        """
        self._access.check(self._place.host)
        self._main = asyncio.current_task()
        listening = _bind(self._place)
        signals = _signals(asyncio.get_running_loop(), self.stop)
        try:
            with listening, spool_folder() as spool, signals, _library_log(self._log):
                await self._serve(listening, spool, ready)
        except asyncio.CancelledError:  # it was told to stop before it had begun
            self._log.event("stopped")

    async def _serve(self, listening: socket.socket, spool: Path, ready: Callable[[str], None]) -> None:
        Settings(wish=self._wish)  # what is slow to load is there before the first request
        metrics = Metrics()
        pool = Pool(self._limits, self._wish, spool, observe=metrics.ended)
        metrics.watch(lambda: pool.stats)
        tls = self._place.certificate is not None
        self.house = house = House(
            self._limits, self._access, self._place.host, tls, self._wish, pool, spool, find_static(), metrics,
            self._log,
        )  # fmt: skip
        address = self._place.address(listening.getsockname()[1])
        server = Server(_config(house, self._place), house, lambda: self._tell(address, ready))
        try:
            await pool.start()
            self._server = server
            await server.serve([listening])
        finally:
            await pool.stop(0)
        self._log.event("stopped")

    def _tell(self, address: str, ready: Callable[[str], None]) -> None:
        self._log.event("ready", address=address)
        ready(address)

    def stop(self) -> None:
        """Drain; at once where it drains already. In the event loop."""
        if self._server is None:
            assert self._main is not None  # noqa: S101  (it runs)
            self._main.cancel()
        elif self._draining is None:
            self._log.event("stopping")
            self._draining = asyncio.create_task(self._server.drain())
        else:
            self._server.end()


class Server(uvicorn.Server):
    """uvicorn's, which ends as we say.

    Args:
        config: Of uvicorn.
        house: The service.
        begun: Called once requests are answered.
    """

    def __init__(self, config: uvicorn.Config, house: House, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._house, self._begun = house, begun

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Signals are heard elsewhere, and end the process with 0."""
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        try:
            await super().startup(sockets)
        except OSError as error:  # another one began to listen since the port was bound
            raise _not_bound(error, self.config.host, self.config.port) from None
        self._begun()

    async def drain(self) -> None:
        """Refuse new jobs, let those that were begun come to their end and be fetched, and stop."""
        pool, until = self._house.pool, time.monotonic() + self._house.limits.grace_seconds
        await pool.stop(self._house.limits.grace_seconds)
        while time.monotonic() < until and any(job.result is not None for job in self._house.promised):
            await asyncio.sleep(_LOOK_EVERY)
        self.should_exit = True

    def end(self) -> None:
        """Stop at once."""
        self.should_exit = self.force_exit = True
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def _config(house: House, place: Place) -> uvicorn.Config:
    """How uvicorn is set up: it says nothing itself, and trusts no header.

    Raises:
        UsageError: The certificate or its key cannot be used.
    """
    limits = house.limits
    config = uvicorn.Config(
        build_app(house), host=place.host, port=place.port, loop="asyncio", lifespan="off", interface="asgi3",
        http=connections(limits, house.metrics), ws="none", log_config=None, log_level="critical", access_log=False,
        proxy_headers=False, server_header=False, timeout_keep_alive=math.ceil(limits.idle_seconds),
        timeout_graceful_shutdown=_LAST, h11_max_incomplete_event_size=HEAD_BYTES,
        ssl_certfile=place.certificate, ssl_keyfile=place.key,
    )  # fmt: skip
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"cannot use --tls-cert and --tls-key: {error.strerror or error}; wanted two PEM files that belong together"
        ) from None
    return config


def _bind(place: Place) -> socket.socket:
    """A socket at a place, which does not listen yet.

    Raises:
        UsageError: The port is taken, or the host is none of this machine.
    """
    try:
        found = socket.getaddrinfo(place.host or None, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise UsageError(
            f"--host {place.host}: there is no such name; wanted one of this machine, or its address"
        ) from None
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _not_bound(error, place.host, place.port) from None
    return bound


def _not_bound(error: OSError, host: str, port: int) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {port} is taken: choose another with --port, or 0 for any that is free")
    why = error.strerror or str(error)
    return UsageError(f"cannot serve at {host} port {port}: {why}; choose another --host or --port")


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """Hear of signals in the event loop, where this is the main thread, which alone can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    before = {each: signal.signal(each, heard) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def _library_log(log: Log) -> Iterator[None]:
    """Let what the pool says of its processes stand in the same log."""
    handler = _Handler(log)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it tells of each broken form that a client sends
    logger = logging.getLogger("pixelmend.service")
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


class _Handler(logging.Handler):
    """Writes records into our log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        self._log.event(record.levelname.lower(), says=record.getMessage())
