"""``--json FILE``: the one way to ask for a report; ``-`` is standard output, where then nothing else is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

STANDARD = Path("-")


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
