"""The piece of a picture where most was changed, before and after: what a reader of a report wants to see."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.files import make_folder
from pixelmend.images import Upright, encode, from_unit, save
from pixelmend.pages.places import Place, places_of_change

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pixelmend.images import PictureLike, Pixels

SIDE = 192
"""Height and width of a crop, pixels; a picture that is smaller is shown whole."""


@dataclass(frozen=True, eq=False)
class Change:
    """A piece of a picture before and after.

    Attributes:
        place: Where it is, in the result as viewers show it.
        before: uint8 (h, w, 3), enlarged where the result is larger than what came in.
        after: uint8 (h, w, 3).
    """

    place: Place
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]


def crop_of_change(before: PictureLike, after: Pixels, *, side: int = SIDE) -> Change:
    """The piece where a restored picture differs most from what came in, upright, in sRGB, on white.

    Both are read strip by strip: memory does not grow with the picture.

    Args:
        before: What came in.
        after: (H·s, W·s, C), s whole, C in {1, 3}, uint8, uint16 or float32, as the picture is stored; may be a
            memory-mapped array.
        side: Height and width of the piece, a multiple of 16.

    Raises:
        UsageError: `after` is not a whole multiple of `before` in size.
        UnreadableError: `before` is damaged.
    """
    right = Upright.result(after, before)
    left = Upright.of(before).enlarged_to(right.height, right.width)
    (place,) = places_of_change(left, right, side=side)
    return pair_of(left, right, place)


def pair_of(before: Upright, after: Upright, place: Place) -> Change:
    """A piece of two pictures of one size."""
    where = (place.top, place.left, place.height, place.width)
    first, second = (from_unit(each.region(*where), np.dtype(np.uint8)) for each in (before, after))
    return Change(place, first, second)


def save_change(change: Change, page: Path, name: str) -> tuple[str, str]:
    """Store both crops in a folder beside a page: PAGE_crops, lossless WebP.

    Args:
        change: From `crop_of_change`.
        page: Where the page is or will be.
        name: Of the picture within the page, such as its path below the folder; the files are called by its digest,
            since it may hold anything. The same name gets the same files.

    Returns:
        The addresses of the crop before and after, relative to the page.

    Raises:
        UnwritableError: The disk is full, or the folder cannot be written to.
    """
    folder = page.with_name(f"{page.stem}_crops")
    make_folder(folder)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    places = [folder / f"{digest}_{kind}.webp" for kind in ("before", "after")]
    for place, pixels in zip(places, (change.before, change.after), strict=True):
        save(pixels, place)
    before, after = (f"{folder.name}/{place.name}" for place in places)
    return before, after


def data_address(pixels: NDArray[np.uint8]) -> str:
    """A picture as an address that holds it: lossless WebP.

    Args:
        pixels: uint8 (h, w, 3), at most 16383 a side.
    """
    return f"data:image/webp;base64,{base64.b64encode(encode(pixels, 'webp')).decode('ascii')}"
