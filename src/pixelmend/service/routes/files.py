"""Files as answers, read in threads and sent piece by piece, so that none is in memory as a whole."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, BinaryIO

from starlette.responses import Response

from pixelmend.service.guards.headers import SEALED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

_TOGETHER = 2**20
"""Bytes that are read together."""
ATTACHED = {"content-security-policy": SEALED}
"""For pictures that came from elsewhere: whatever they hold, no browser runs it."""


def _nothing() -> None:
    """Nothing is to be done."""


class FileAnswer(Response):
    """An open file as an answer; made by `open_answer`.

    Args:
        file: Closed in the end.
        size: Its bytes.
        begin: The first of them, which were read already.
        headers: Beside its length.
        after: Called once, when it was sent or its client went away.
    """

    def __init__(
        self, file: BinaryIO, size: int, begin: bytes, headers: Mapping[str, str], after: Callable[[], None]
    ) -> None:
        super().__init__(headers={**headers, "content-length": str(size)})
        self._file, self._size, self._begin, self._after = file, size, begin, after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (ASGI)
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            data, left = self._begin, self._size - len(self._begin)
            await send({"type": "http.response.body", "body": data, "more_body": left > 0})
            while left > 0 and data:
                data = await asyncio.to_thread(self._file.read, min(left, _TOGETHER))
                left -= len(data)
                await send({"type": "http.response.body", "body": data, "more_body": left > 0})
        finally:
            self._file.close()
            self._after()


async def open_answer(
    path: Path, media_type: str, headers: Mapping[str, str], after: Callable[[], None] = _nothing
) -> FileAnswer:
    """A file as an answer.

    Args:
        path: The file; it may be deleted from now on.
        media_type: What it is.
        headers: Beside type and length.
        after: See `FileAnswer`.

    Raises:
        OSError: It cannot be read.
    """
    file, size, begin = await asyncio.to_thread(_opened, path)
    return FileAnswer(file, size, begin, {**headers, "content-type": media_type}, after)


def _opened(path: Path) -> tuple[BinaryIO, int, bytes]:
    """A file, its size and its first bytes."""
    file = path.open("rb")
    return file, os.fstat(file.fileno()).st_size, file.read(_TOGETHER)
