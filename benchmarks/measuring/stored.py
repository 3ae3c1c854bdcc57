"""Files of figures: JSON with the number of its format, written whole, and refused where it is of another version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pixelmend.errors import DataError
from pixelmend.files import write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT = 1
R = TypeVar("R")


def write_figures(path: Path, figures: dict[str, Any], *, indent: int | None = None) -> None:
    """Write the file at once or not at all.

    Raises:
        UnwritableError: The folder cannot be written to, or the disk is full.
    """
    text = json.dumps({"format": FORMAT, **figures}, indent=indent, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_figures(path: Path, build: Callable[[dict[str, Any]], R], what: str, again: str) -> R:
    """The inverse.

    Args:
        path: The file.
        build: Makes what was measured of the figures.
        what: What the file should hold, as the message says it.
        again: The command that measures it.

    Raises:
        DataError: The file is not there or is not one of ours.
    """
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written = stored.pop("format")
        report = build(stored)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} holds no {what} of this version ({error!r}): run {again}") from error
    if written != FORMAT:
        raise DataError(f"{path} is of format {written!r}, wanted {FORMAT}: run {again}")
    return report
