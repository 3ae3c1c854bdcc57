"""What commands write beside their results: reports and pages, each in a place of its own.

``--json FILE`` is the one way to ask for a report; ``-`` is standard output, where then nothing else is said.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STANDARD = Path("-")
PAGES = (".html", ".htm")
"""Suffixes of a page."""


def check_report(place: Path, option: str = "--json") -> None:
    """Fail before the work where `write_report` would fail afterwards.

    Args:
        place: Where a report, or a page, is to go.
        option: As the user wrote it.

    Raises:
        UsageError: A folder, or a file in a folder that does not exist.
    """
    if place == STANDARD and option == "--json":
        return
    if place.is_dir() or not place.parent.is_dir():
        stream = ", or - for standard output" if option == "--json" else ""
        raise UsageError(f"{option} {place}: wanted a file in a folder that exists{stream}")


def check_apart(inputs: Sequence[Path], outputs: Sequence[Path], named: str) -> None:
    """No output may overwrite another, nor an input.

    Args:
        inputs: What is read.
        outputs: What is to be written.
        named: How the error begins: what may be the same, and that some are.

    Raises:
        UsageError: One would.
    """
    places = [each.resolve() for each in outputs]
    if len(set(places)) < len(places) or {each.resolve() for each in inputs} & set(places):
        raise UsageError(f"{named}: give each its own file")


def write_report(place: Path, told: Mapping[str, Any]) -> None:
    """Write what was found and done.

    Raises:
        UnwritableError: The folder cannot be written to, or the disk is full.
    """
    from pixelmend.files import write_text

    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if place == STANDARD:
        typer.echo(text, nl=False)
    else:
        write_text(place, text)
