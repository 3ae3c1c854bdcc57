"""Bodies of requests: a picture, perhaps a mask and options, stored in the spool folder as they come.

A body is either the bytes of a picture, or a form (multipart/form-data) with files and fields. What a client calls a
file, or says that it is, counts for nothing: a format is told by the first bytes. Nothing is held in memory but what
has just come; reading forms and writing files is done in threads, so that others do not wait for a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pixelmend.images import HEAD, format_by_bytes
from pixelmend.service.answers import CLOSE, Refusal, refusal
from pixelmend.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from python_multipart.multipart import MultipartCallbacks
    from starlette.requests import Request

FILES = ("picture", "mask")
"""Parts of a form that are files; all others are options."""
_TOGETHER = 2**20
"""Bytes that are written together."""
_FIELDS = 40
"""A form has no more parts."""
_FIELD = 1000
"""Bytes of an option, and of the head of a part."""
_PICTURE = "send the bytes of a picture, or a form (multipart/form-data) with the file in a field named picture"


@dataclass(frozen=True)
class Body:
    """What came.

    Attributes:
        picture: The file.
        mask: The file that says what is lost; None where none came.
        fields: Options of a form: names and words.
    """

    picture: Path
    mask: Path | None = None
    fields: tuple[tuple[str, str], ...] = ()


class _Sink(Protocol):
    """Takes a body piece by piece, in threads, one piece after the other."""

    def feed(self, data: bytes) -> None:
        """The next piece."""

    def close(self) -> None:
        """No more will come; perhaps too early."""

    def body(self) -> Body:
        """All of it was fed."""


class Intake:
    """Takes bodies of requests in.

    Args:
        spool: The folder where they are stored.
        formats: That are taken.
        files: Of `FILES`, those that are wanted.
    """

    def __init__(self, spool: Path, formats: tuple[str, ...], files: tuple[str, ...] = FILES) -> None:
        self._spool, self._formats, self._files = spool, formats, files

    async def take(self, request: Request) -> Body:
        """Store the body of a request; the files are the caller's from then on, and gone where this fails.

        Raises:
            Refusal: It holds no picture of a format that is taken, or is no form; no room is left on the disk; see the
                guards for bodies that are too large or too slow.
        """
        made: list[Path] = []

        def create(name: str) -> _File:
            made.append(self._spool / f"{name}-{secrets.token_hex(12)}")
            return _File(made[-1], name, self._formats)

        kind, options = parse_options_header(request.headers.get("content-type", ""))
        try:
            form = kind.lower() == b"multipart/form-data"
            sink = _Form(options.get(b"boundary", b""), self._files, create) if form else _Raw(create)
            await _pour(request, sink)
            return sink.body()
        except BaseException as error:
            await asyncio.to_thread(remove, *made)
            if isinstance(error, OSError):
                detail = "there is no room for the picture: try again later, or tell the owner of the server"
                raise Refusal(Problem.of("no-room", detail), {**CLOSE, "retry-after": "60"}) from None
            raise


def remove(*paths: Path | None) -> None:
    """Delete files, those that are still there."""
    for path in paths:
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()


async def _pour(request: Request, sink: _Sink) -> None:
    try:
        async for data in _batches(request.stream()):
            await asyncio.to_thread(sink.feed, data)
    finally:
        sink.close()


async def _batches(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What comes, in pieces that are worth a thread; the first as it comes, since it tells the format."""
    waiting, size, first = [], 0, True
    async for data in stream:
        waiting.append(data)
        size += len(data)
        if size >= (HEAD if first else _TOGETHER):
            yield b"".join(waiting)
            waiting, size, first = [], 0, False
    if size:
        yield b"".join(waiting)


class _File:
    """A file that comes, refused by its first bytes where it is no picture.

    Args:
        path: Where to; it must not be there yet.
        name: "picture" or "mask".
        formats: That are taken.
    """

    def __init__(self, path: Path, name: str, formats: tuple[str, ...]) -> None:
        self.path, self._name, self._formats = path, name, formats
        self._head = b""
        self._known = False
        self._file: BinaryIO = path.open("xb")

    def write(self, data: bytes) -> None:
        if not self._known:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) >= HEAD:
                self._check()
        self._file.write(data)

    def whole(self) -> None:
        """All of it is there."""
        if not self._head:
            raise refusal(422, "no-picture", f"got no bytes for the {self._name}: {_PICTURE}")
        if not self._known:
            self._check()

    def close(self) -> None:
        self._file.close()

    def _check(self) -> None:
        self._known = True
        form = format_by_bytes(self._head)
        if form not in self._formats:
            got = "none that is known" if form is None else form.upper()
            wanted = ", ".join(self._formats)
            detail = f"got a {self._name} whose first bytes are of a format of {got}, wanted one of: {wanted}"
            detail = detail.replace("of a format of none that is known", "of no format that is known")
            raise Refusal(Problem.of("unsupported-format", detail), CLOSE)


class _Raw:
    """A body that is a picture."""

    def __init__(self, create: _Create) -> None:
        self._file: _File | None = None
        self._create = create

    def feed(self, data: bytes) -> None:
        self._file = self._file or self._create("picture")
        self._file.write(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def body(self) -> Body:
        if self._file is None:
            raise refusal(422, "no-picture", f"got an empty body: {_PICTURE}")
        self._file.whole()
        return Body(self._file.path)


class _Form:
    """A body that is a form.

    Args:
        boundary: Between its parts.
        files: Of `FILES`, those that are wanted.
        create: Makes the file for one of them.
    """

    def __init__(self, boundary: bytes, files: tuple[str, ...], create: _Create) -> None:
        self._wanted, self._create = files, create
        self._files: dict[str, _File] = {}
        self._fields: list[tuple[str, bytearray]] = []
        self._header, self._value = bytearray(), bytearray()
        self._name: str | None = None
        self._parts = 0
        self._ended = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part, "on_part_data": self._part_data, "on_header_field": self._header_name,
            "on_header_value": self._header_value, "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers, "on_end": self._end,
        }  # fmt: skip
        if not boundary:
            raise _bad_form("its Content-Type names no boundary")
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError:
            raise _bad_form("its boundary is too long") from None

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError:
            raise _bad_form("its parts cannot be told apart") from None

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def body(self) -> Body:
        if not self._ended:
            raise _bad_form("it ends too early")
        if "picture" not in self._files:
            raise refusal(422, "no-picture", f"got a form without a picture: {_PICTURE}")
        for file in self._files.values():
            file.whole()
        mask = self._files.get("mask")
        fields = tuple((name, bytes(value).decode("utf-8", "replace")) for name, value in self._fields)
        return Body(self._files["picture"].path, None if mask is None else mask.path, fields)

    def _begin_part(self) -> None:
        self._parts += 1
        self._name = None
        if self._parts > _FIELDS:
            raise _bad_form(f"it has more than {_FIELDS} parts")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data[start:end])

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        name = self._name
        if not name:
            raise _bad_form("a part of it has no name")
        if name in self._files:
            raise refusal(422, "bad-option", f"got the file {name} twice: give it once", CLOSE)
        if name in FILES and name not in self._wanted:
            raise refusal(422, "unknown-option", f"got a {name}, which is not wanted here: leave it out", CLOSE)
        if name in self._wanted:
            self._files[name] = self._create(name)
        else:
            self._fields.append((name, bytearray()))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._name is not None  # noqa: S101  (headers come first)
        if self._name in self._files:
            self._files[self._name].write(data[start:end])
        else:
            self._grow(self._fields[-1][1], data[start:end])

    def _end(self) -> None:
        self._ended = True

    def _grow(self, value: bytearray, data: bytes) -> None:
        if len(value) + len(data) > _FIELD:
            raise _bad_form(f"a field or the head of a part has more than {_FIELD} bytes")
        value += data


class _Create(Protocol):
    """Makes the file for a part of this name."""

    def __call__(self, name: str) -> _File:
        """Make it."""


def _bad_form(why: str) -> Refusal:
    return refusal(400, "bad-form", f"got a form that cannot be read, {why}: {_PICTURE}", CLOSE)
