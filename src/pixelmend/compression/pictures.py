"""The user's own clean pictures: most of them to learn from, the others to measure with, apart by what they show."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from pixelmend.data.sources import list_pictures
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MEASURED_SHARE = 0.2
"""Of the different files, what measures and is not learnt from."""
MOST_MEASURED = 24
"""So many pictures measure at most: with more, figures get little surer and the wait long."""


class Split(NamedTuple):
    """Files to learn from, and files to measure with."""

    learnt: tuple[Path, ...]
    measured: tuple[Path, ...]


def split(folder: Path, validate: Path | None = None) -> Split:
    """Divide pictures by the SHA-256 of their files: copies of one picture, whatever they are called, stay together.

    Args:
        folder: Clean pictures.
        validate: A folder of others to measure with; then all of the first are learnt from that are not in it.

    Raises:
        DataError: A folder is missing or empty, cannot be read, or nothing is left to learn from.
    """
    pictures = _by_digest(list_pictures([folder]))
    if validate is None:
        count = min(MOST_MEASURED, max(1, round(MEASURED_SHARE * len(pictures))))
        measured = dict(sorted(pictures.items())[:count])
    else:
        measured = _by_digest(list_pictures([validate]))
    learnt = [path for digest, paths in pictures.items() if digest not in measured for path in paths]
    if not learnt:
        raise DataError(
            f"nothing of {folder} is left to learn from: wanted two different pictures or more"
            + ("" if validate is None else f" that are not in {validate}")
        )
    chosen = sorted(measured.items())[:MOST_MEASURED]
    return Split(tuple(sorted(learnt)), tuple(sorted(paths[0] for _, paths in chosen)))


def _by_digest(paths: Sequence[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}; make it readable or take it away") from error
        found.setdefault(digest, []).append(path.absolute())
    return found
