"""Why a request or a job failed, in words that may leave the server (RFC 9457): no path, no file name, no traceback."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixelmend.errors import (
    ModelError,
    PixelmendError,
    TooLargeError,
    TooLargeResultError,
    UnknownNameError,
    UnreadableError,
    UsageError,
)
from pixelmend.inference.processes import readable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = {
    "not-possible": (422, "What was asked for cannot be done"),
    "unknown-name": (422, "There is no such name"),
    "unreadable": (422, "The picture cannot be read"),
    "unsupported-format": (415, "Pictures of this format are not taken"),
    "too-large": (413, "The picture or its result would be too large"),
    "too-long": (413, "The job took too long"),
    "too-much-memory": (413, "The job took too much memory"),
    "model": (500, "The model failed"),
    "worker-died": (500, "The process that restored died"),
    "fault": (500, "A fault of the server"),
    "no-room": (507, "The server has no room left"),
    "stopping": (503, "The server is stopping"),
}
"""Status and title by code: all that can become of a job."""


@dataclass(frozen=True)
class Problem:
    """Why something failed.

    Attributes:
        status: Of HTTP.
        code: For programs: one of the codes above, or of the routes.
        title: The kind of problem, the same each time.
        detail: What happened this time, on one line.
    """

    status: int
    code: str
    title: str
    detail: str

    @classmethod
    def of(cls, code: str, detail: str) -> Problem:
        """One of those that can become of a job, by its code."""
        status, title = _TITLES[code]
        return cls(status, code, title, detail)

    def to_dict(self) -> dict[str, Any]:
        """As application/problem+json has it."""
        return {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail,
                "code": self.code}  # fmt: skip


def problem_of(error: BaseException, names: Mapping[str, str] | None = None) -> Problem:
    """What may be said of an error.

    Args:
        error: Any; of those that are not Pixelmend's own nothing is told.
        names: What stands for a path in its text: {"/spool/a1": "the picture"}; longer paths are replaced first.
    """
    if isinstance(error, MemoryError):
        return Problem.of("too-much-memory", "there is no memory for it: give a smaller picture, or a part of it")
    if isinstance(error, ModelError):
        return Problem.of("model", "the network gave no picture; the log of the server says more")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Problem.of("no-room", "there is no room for the result: try again later")
    if not isinstance(error, PixelmendError):
        return Problem.of("fault", "this should not happen; the log of the server says more")
    return Problem.of(_code(error), _without(readable(str(error)), names or {}))


def _code(error: PixelmendError) -> str:
    kinds: tuple[tuple[type[PixelmendError], str], ...] = (
        (UnknownNameError, "unknown-name"),
        (UsageError, "not-possible"),
        (TooLargeError, "too-large"),
        (TooLargeResultError, "too-large"),
        (UnreadableError, "unreadable"),
    )
    found = next((code for kind, code in kinds if isinstance(error, kind)), None)
    if found is not None:
        return found
    full = isinstance(error.__cause__, OSError) or "No space left" in str(error)
    return "no-room" if full else "not-possible"  # the format that was asked for does not hold it


def _without(text: str, names: Mapping[str, str]) -> str:
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return text
