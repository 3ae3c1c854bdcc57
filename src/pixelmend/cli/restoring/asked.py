"""From the words of a command line to settings: numbers, places, and what does not go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card
    from pixelmend.inference import Settings

STREAM = "-"
"""Names standard input, or standard output."""
SAME = "two of input, output, --mask, --compare, --json and --report are the same file"
"""How `check_apart` puts it."""


@dataclass(frozen=True, eq=False)
class Asked:
    """All that one picture or many have in common.

    Attributes:
        settings: How to restore.
        output: A file, a folder or `STREAM`; None takes the place beside the picture.
        report: Where the report in JSON goes: a file, `pixelmend.cli.reports.STANDARD` or nowhere.
        quiet: Whether nothing is said but errors.
    """

    settings: Settings
    output: str | None
    report: Path | None
    quiet: bool


def to_float(name: str, text: str, wanted: str) -> float:
    """A number.

    Raises:
        UsageError: It is none.
    """
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"got {name} {text!r}, wanted {wanted}") from None


def to_number(name: str, text: str) -> float | None:
    """A number, or None for "auto".

    Raises:
        UsageError: Neither.
    """
    return None if text.strip().lower() == "auto" else to_float(name, text, "a number or 'auto'")


def to_whole_number(name: str, text: str) -> int | None:
    """A whole number, or None for "auto".

    Raises:
        UsageError: Neither.
    """
    number = to_number(name, text)
    if number is not None and not number.is_integer():  # also refuses nan and inf
        raise UsageError(f"got {name} {text!r}, wanted a whole number or 'auto'")
    return None if number is None else int(number)


def to_region(text: str | None) -> tuple[int, int, int, int] | None:
    """LEFT,TOP,WIDTH,HEIGHT in pixels.

    >>> to_region("10,20,300,200")
    (10, 20, 300, 200)

    Raises:
        UsageError: Not four whole numbers.
    """
    if text is None:
        return None
    try:
        left, top, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"got region {text!r}, wanted LEFT,TOP,WIDTH,HEIGHT in pixels, such as 100,50,640,480"
        ) from None
    return left, top, width, height


def to_task(task: str) -> str | Card:
    """A name as it is; a card where it is the path of one.

    Raises:
        ModelError: The card cannot be read.
    """
    from pixelmend import catalog

    return catalog.load(task) if task.lower().endswith(".json") else task
