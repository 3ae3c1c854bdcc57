"""A comparison as one picture: both beside each other, and below them the pieces where they differ most, enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixelmend.images import beside, from_unit
from pixelmend.pages.places import places_of_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pixelmend.images import Upright

_GAP = 24  # white pixels around each row of pieces
_CROP = 112
_LARGER = 2
_ROWS = 2
"""Of pieces."""


def comparison_sheet(pictures: Sequence[Upright], *, max_side: int = 2048) -> NDArray[np.uint8]:
    """Pictures in a row, reduced where larger than `max_side`; below, pieces of each, pixel for pixel, twice as large.

    Args:
        pictures: Before and after, of one size; and perhaps what both are measured against.
        max_side: The longest side of each of them, in pixels.

    Returns:
        uint8 (h, w, 3), on white.

    Raises:
        UnreadableError: A picture is damaged.
    """
    top = beside([picture.whole(max_side=max_side) for picture in pictures])
    piece = len(pictures) * _LARGER * min(_CROP, pictures[0].width)
    across = max(1, top.shape[1] // (piece + _GAP))
    groups = []
    for place in places_of_change(pictures[0], pictures[1], side=_CROP, most=_ROWS * across):
        where = (place.top, place.left, place.height, place.width)
        crops = [from_unit(picture.region(*where), np.dtype(np.uint8)) for picture in pictures]
        groups.append(beside([crop.repeat(_LARGER, axis=0).repeat(_LARGER, axis=1) for crop in crops]))
    rows = [_row(groups[at : at + across]) for at in range(0, len(groups), across)]
    return _stack([top, *rows])


def _row(groups: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    white = np.full((groups[0].shape[0], _GAP, 3), 255, np.uint8)
    parts = [part for group in groups for part in (group, white)]
    return np.concatenate(parts[:-1], axis=1)


def _stack(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Rows below each other, from the left, with white between them and at their right."""
    width = max(row.shape[1] for row in rows)
    parts = []
    for row in rows:
        parts.append(np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255))
        parts.append(np.full((_GAP, width, 3), 255, np.uint8))
    return np.concatenate(parts[:-1], axis=0)
