"""Writing files whole: beside the place, then renamed, so that nobody ever finds half a file there."""

from __future__ import annotations

import contextlib
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixelmend.errors import UnwritableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend an empty file in the same folder; it takes the place of ``path`` when the block ends well.

    Where the block fails, it disappears and what was at ``path`` is unchanged.

    Args:
        path: What is to be written; its folder must exist.

    Raises:
        UnwritableError: The folder cannot be written to, or the disk is full; also for an OSError in the block.
    """
    beside = create_beside(path)
    try:
        yield beside
        # Flushed before the rename: some file systems report a full disk only here.
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise UnwritableError(
            f"cannot write {path}: {error.strerror}; make space or choose another place (what was there is unchanged)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def create_beside(path: Path) -> Path:
    """Create an empty hidden file in the folder of ``path`` (those of tempfile are private to their owner).

    Raises:
        UnwritableError: The folder is missing or cannot be written to.
    """
    beside = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(6)}.part")
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise UnwritableError(f"cannot write into {path.parent}: {error.strerror}; choose another place") from error
    return beside


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, UTF-8; its folder is made where it is missing.

    Raises:
        UnwritableError: As ``replacing``.
    """
    make_folder(path.parent)
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        UnwritableError: A file is in the way, or the place cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error
