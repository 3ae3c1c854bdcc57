"""Every error that Pixelmend raises on purpose, in one tree.

::

    PixelmendError              exit code 1
    ├── UsageError              exit code 2: what was asked for cannot be done, whatever the picture
    │   ├── UnknownNameError    a task, model, data set or setting that does not exist (names the nearest)
    │   └── MissingExtraError   the learn half is not installed
    ├── PictureError            exit code 1: this picture failed; others may be fine
    │   ├── UnreadableError     it could not be decoded
    │   │   └── TooLargeError       it is larger than is allowed, or than there is room for
    │   └── UnwritableError     a result could not be stored
    │       └── TooLargeResultError     the same of a result
    ├── ModelError              exit code 1: weights that are broken, or that gave a non-finite result
    └── DataError               exit code 1: pictures to learn from or to measure on are missing or broken

Each message says what was got, what was wanted, and what to do next, on one line: the command line prints it as it is.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PixelmendError(Exception):
    """The root: catch this to catch everything that Pixelmend raises on purpose."""

    exit_code = 1


class UsageError(PixelmendError):
    """What was asked for cannot be done, whatever the picture holds."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that does not exist.

    Args:
        kind: What was named ("task", "device"), as a reader would say it.
        name: What was got.
        known: The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(names)}"
        super().__init__(f"unknown {kind} {name!r}: {hint}")


class MissingExtraError(UsageError):
    """A command of the learn half was called where only the run half is installed."""

    def __init__(self, module: str, extra: str = "train") -> None:
        super().__init__(f"this needs {module}, which is not installed: pip install 'pixelmend[{extra}]'")


class PictureError(PixelmendError):
    """One picture failed; others may be fine."""


class UnreadableError(PictureError):
    """A picture could not be decoded."""


class TooLargeError(UnreadableError):
    """A picture is larger than is allowed, or than there is room for; nothing of it was decoded."""


class UnwritableError(PictureError):
    """A result could not be stored."""


class TooLargeResultError(UnwritableError):
    """A result would be larger than is allowed, or than there is room for; nothing was restored."""


class ModelError(PixelmendError):
    """Weights are missing or broken, or gave a result that is not a picture."""


class DataError(PixelmendError):
    """Pictures to learn from or to measure on are missing or broken."""
