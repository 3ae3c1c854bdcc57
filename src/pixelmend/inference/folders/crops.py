"""The piece of each picture where most was changed, before and after, as the page of a folder shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelmend.images import decode
from pixelmend.pages import crop_of_change, save_change

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.images import Picture, Pixels

KEY = "crops"
"""Under which the report of a picture tells where its crops are: of which page, and two addresses relative to it."""


def save_crops(picture: Picture, pixels: Pixels, page: Path, name: str) -> dict[str, Any]:
    """Store both crops beside a page.

    Args:
        picture: As it came.
        pixels: Of the result.
        page: Where the page will be.
        name: Of the picture within the page.

    Returns:
        What the report tells of it.

    Raises:
        UnreadableError: The picture is damaged.
        UnwritableError: The disk is full.
    """
    return {KEY: [str(page.resolve()), *save_change(crop_of_change(picture, pixels), page, name)]}


def crops_folder(page: Path) -> Path:
    """Where the crops of a page are."""
    return page.with_name(f"{page.stem}_crops")


def crops_of(report: dict[str, Any], page: Path) -> tuple[str, str]:
    """Addresses of the crops that a report tells of, where they are there and of this page; else two empty ones."""
    of, before, after = report.get(KEY) or ("", "", "")
    there = of == str(page.resolve()) and all((page.parent / each).is_file() for each in (before, after))
    return (before, after) if there else ("", "")


def read_whole(path: Path) -> Pixels:
    """The pixels of a result.

    Raises:
        UsageError: It is not there.
        UnreadableError: It is damaged.
    """
    picture = decode(path)
    return picture.region(0, 0, picture.height, picture.width)
