"""HTTP as no library sends it: bytes over a socket, and whatever comes back."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATIENCE = 60.0
"""Seconds after which a server that says nothing and closes nothing hangs."""


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        status: Of HTTP.
        headers: Names in small letters, and values, in order.
        body: All of it.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header; "" where there is none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def code(self) -> str:
        """Of a problem."""
        assert self.header("content-type") == "application/problem+json", (self.status, self.body[:200])
        told: dict[str, Any] = json.loads(self.body)
        assert told["status"] == self.status
        return str(told["code"])


@contextlib.contextmanager
def opened(port: int) -> Iterator[socket.socket]:
    """A connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        yield connection


def send(connection: socket.socket, pieces: Iterable[bytes]) -> bool:
    """Send pieces, as far as the other side takes them; whether it took all."""
    try:
        for piece in pieces:
            connection.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def replies(connection: socket.socket, most: int = 4) -> list[Reply]:
    """Answers until the other side closes or has nothing more to say; none where it closed without a word.

    Args:
        connection: Over which a request went.
        most: After which no more is read.
    """
    found: list[Reply] = []
    with contextlib.suppress(ConnectionResetError, HTTPException), connection.makefile("rb") as stream:
        while len(found) < most:
            answer = HTTPResponse(_Kept(stream))  # type: ignore[arg-type]
            answer.begin()
            headers = tuple((name.lower(), value) for name, value in answer.getheaders())
            found.append(Reply(answer.status, headers, answer.read()))
            if answer.will_close:
                break
    return found


def ask(port: int, *pieces: bytes) -> Reply | None:
    """One answer to these bytes; None where the other side closed without any.

    Raises:
        TimeoutError: It neither answered nor closed.
    """
    with opened(port) as connection:
        send(connection, pieces)
        return next(iter(replies(connection, most=1)), None)


def told(port: int, *pieces: bytes) -> Reply:
    """One answer to these bytes, which must be one."""
    reply = ask(port, *pieces)
    assert reply is not None, "the connection was closed without an answer"
    return reply


def closed_after(connection: socket.socket, pieces: Iterable[bytes]) -> Reply | None:
    """Send pieces until the other side closes; what it said before.

    Raises:
        AssertionError: All were sent, and it neither answered nor closed.
    """
    connection.settimeout(0.05)
    got = b""
    for piece in pieces:
        try:
            connection.sendall(piece)
            got += (more := connection.recv(65536))
            if not more:
                break
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            break
    else:
        raise AssertionError("the connection is still open")
    return _parsed(got)


def head(method: str, path: str, *lines: str, host: str = "127.0.0.1") -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode("latin-1")


def post(path: str, body: bytes, *lines: str, host: str = "127.0.0.1") -> bytes:
    """A whole request with a body."""
    return head("POST", path, f"Content-Length: {len(body)}", *lines, host=host) + body


def form(*parts: bytes, boundary: bytes = b"x1y2") -> tuple[bytes, str]:
    """A form of these parts, each with its own head, and the header that belongs to it."""
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    return body, f"Content-Type: multipart/form-data; boundary={boundary.decode('latin-1')}"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    """A part of a form."""
    of_file = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'.encode() + value


def refused(reply: Reply | None) -> bool:
    """Whether a request was turned away: in words, by the server or by its parser, or by closing."""
    return reply is None or 400 <= reply.status < 500


def is_well(port: int) -> bool:
    """Whether a server says that it is."""
    reply = told(port, head("GET", "/healthz"))
    return (reply.status, json.loads(reply.body)["status"]) == (200, "ok")


class _Kept:
    """What `HTTPResponse` takes for a socket, over one stream for all answers."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, _mode: str) -> _Unclosed:
        return _Unclosed(self._stream)


class _Unclosed:
    """A stream that others go on reading."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Nothing."""


def _parsed(got: bytes) -> Reply | None:
    if not got:
        return None
    first, _, body = got.partition(b"\r\n\r\n")
    status, *lines = first.decode("latin-1").split("\r\n")
    headers = tuple((n.strip().lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines))
    return Reply(int(status.split()[1]), headers, body)
