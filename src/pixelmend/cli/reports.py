"""``--json FILE``: the one way to ask for a report; ``-`` is standard output, where then nothing else is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

STANDARD = Path("-")


def check_report(place: Path) -> None:
    """Fail before the work where `write_report` would fail afterwards.

    Raises:
        UsageError: A folder, or a file in a folder that does not exist.
    """
    if place != STANDARD and (place.is_dir() or not place.parent.is_dir()):
        raise UsageError(f"--json {place}: wanted a file in a folder that exists, or - for standard output")


def write_report(place: Path, told: Mapping[str, Any]) -> None:
    """Write what was found and done.

    Raises:
        UnwritableError: The folder cannot be written to, or the disk is full.
    """
    from pixelmend.files import write_text

    text = json.dumps(told, indent=2) + "\n"
    if place == STANDARD:
        sys.stdout.write(text)
    else:
        write_text(place, text)
