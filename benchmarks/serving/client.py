"""A client of HTTP/1.1 that takes next to nothing of the processor: plain streams, one connection each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Self

_LINE = 2**20
"""Bytes that a line of an answer may have: the report in its head, an event with a job."""
_IDLE = 10.0
"""Seconds after which a connection is not used again: the server closes it a little later, perhaps just then."""


class LostError(Exception):
    """A request got no whole answer."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: Of HTTP.
        headers: By their names in small letters.
        body: All of it.
        seconds: From the first byte that was sent to the last that came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Connection:
    """One connection, which is kept open from request to request and opened again where the server closed it.

    Use it as a context, which closes it.

    Args:
        port: Of the server on this machine.
        patience: Seconds after which an answer counts as lost.
    """

    def __init__(self, port: int, patience: float = 600.0) -> None:
        self._port, self._patience = port, patience
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request and wait for the whole answer.

        Args:
            method: Of HTTP.
            path: With its query.
            body: Of the request.
            headers: More of them; ``content_type`` stands for Content-Type.

        Raises:
            LostError: The connection broke, or nothing came for too long.
        """
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self._patience):
                reader = await self._send(method, path, body, headers)
                status, found = await _head(reader)
                content = await _body(reader, status, found)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            await self.close()
            raise LostError(f"{method} {path.partition('?')[0]}: {type(error).__name__}") from error
        self._used = time.monotonic()
        if found.get("connection", "").lower() == "close":
            await self.close()
        return Answer(status, found, content, time.perf_counter() - start)

    async def events(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """The data of each event that a server sends, until it ends.

        Raises:
            LostError: The connection broke, the answer is none, or nothing came for too long.
        """
        try:
            async with asyncio.timeout(self._patience):
                reader = await self._send("GET", path, b"", {})
                status, found = await _head(reader)
                if status != 200:
                    raise LostError(f"GET of events: {status}")
                async for line in _lines(reader, found):
                    if line.startswith(b"data:"):
                        yield json.loads(line[5:])
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            raise LostError(f"GET of events: {type(error).__name__}") from error
        finally:
            await self.close()

    async def hang_up(self, path: str, body: bytes, after: float, content_type: str) -> None:
        """Send a request and go away before its answer, some seconds later."""
        with contextlib.suppress(OSError):
            await self._send("POST", path, body, {"content_type": content_type})
            await asyncio.sleep(after)
        await self.close()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> asyncio.StreamReader:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
        if time.monotonic() - self._used > _IDLE:
            await self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_LINE)
        reader, writer = self._streams
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return reader


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    status = int((await _line(reader))[8:13])
    found: dict[str, str] = {}
    while line := (await _line(reader)).strip():
        name, _, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    return status, found


async def _line(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return line


async def _body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    if status in {204, 304}:
        return b""
    if headers.get("transfer-encoding") == "chunked":
        return b"".join([piece async for piece in _chunks(reader)])
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await _line(reader)).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await _line(reader)
    while (await _line(reader)).strip():
        pass


async def _lines(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Lines of a body that comes piece by piece."""
    if headers.get("transfer-encoding") != "chunked":
        while line := await reader.readline():
            yield line
        return
    rest = b""
    async for piece in _chunks(reader):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
