"""Where two pictures differ most: sums over cells of 16×16 pixels, and over pieces that are made of such cells.

>>> import numpy as np
>>> window_sums(cells(np.ones((48, 70), np.float32)), 32, (48, 70)).tolist()
[[1024.0, 1024.0, 1024.0], [1024.0, 1024.0, 1024.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images import Upright

CELL = 16
"""Height and width of a cell, and so the distance between pieces that are looked at, in pixels."""
_STRIP = 16 * CELL
_BLOCK = 4


@dataclass(frozen=True)
class Place:
    """A piece of a picture, in pixels.

    Attributes:
        top: First row.
        left: First column.
        height: Rows.
        width: Columns.
        change: Mean distance of the two pictures there, on the 0–255 scale.
    """

    top: int
    left: int
    height: int
    width: int
    change: float


def cells(values: NDArray[Any], side: int = CELL) -> NDArray[np.float64]:
    """Sums over each square of (H, W) values; those at the lower and right end may be smaller."""
    down, across = (np.arange(0, length, side) for length in values.shape)
    sums: NDArray[np.float64] = np.add.reduceat(np.add.reduceat(values, down, axis=0, dtype=np.float64), across, axis=1)
    return sums


def window_sums(sums: NDArray[np.float64], side: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Sums over every square piece that begins with a cell; at least one, whatever the size.

    Args:
        sums: From `cells`.
        side: Of a piece in pixels, a multiple of 16; where a picture is smaller, the piece is the whole side.
        size: Height and width of the picture.

    Returns:
        (rows, columns) of pieces; [i, j] begins at pixel (16 i, 16 j).
    """
    # a piece that begins in the last, smaller cells would reach beyond the picture
    rows, columns = (length // CELL if length >= side else None for length in size)
    sums = sums[:rows, :columns]
    total = np.pad(sums.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    height, width = (min(side // CELL, count) for count in sums.shape)
    below, above = total[height:], total[:-height]
    inner: NDArray[np.float64] = below[:, width:] - above[:, width:] - below[:, :-width] + above[:, :-width]
    return inner


def places_of_change(before: Upright, after: Upright, *, side: int, most: int = 1) -> list[Place]:
    """The pieces where two pictures differ most, apart from each other, most first; one where nothing differs.

    What counts is how far the means of 4×4 pixels moved, and how much detail they have: noise goes everywhere, and a
    reader wants to see what became of structure. Both are read strip by strip, so memory does not grow with them.

    Args:
        before: A picture.
        after: Another of the same height and width.
        side: Height and width of a piece, a multiple of 16.
        most: How many at most.
    """
    rows = [_looked_at(strip, after.region(top, 0, *strip.shape[:2])) for top, strip in before.strips(rows=_STRIP)]
    size = (before.height, before.width)
    change, detail = (window_sums(np.concatenate(parts), side, size) for parts in zip(*rows, strict=True))
    found = change * (detail + detail.mean() / 10 + 1e-9)  # what is flat counts little, but counts
    reach, places = side // CELL, list[Place]()
    for _ in range(most):
        i, j = (int(each) for each in np.unravel_index(int(found.argmax()), found.shape))
        if places and found[i, j] <= 0:
            break
        where = (i * CELL, j * CELL, min(side, before.height), min(side, before.width))
        apart = float(np.abs(before.region(*where) - after.region(*where)).mean())
        places.append(Place(*where, 255 * apart))
        found[max(i - reach + 1, 0) : i + reach, max(j - reach + 1, 0) : j + reach] = -1
    return places


def _looked_at(before: NDArray[np.float32], after: NDArray[np.float32]) -> tuple[NDArray[np.float64], ...]:
    """Change and detail in each cell of a strip."""
    first, second = (cells(each.mean(axis=2), _BLOCK) for each in (before, after))
    colour = [np.abs(cells(before[:, :, channel] - after[:, :, channel], _BLOCK)) for channel in range(3)]
    detail = np.zeros_like(first)
    for grey in (first, second):
        detail[:-1] += np.abs(np.diff(grey, axis=0))
        detail[:, :-1] += np.abs(np.diff(grey, axis=1))
    return cells(np.sum(colour, axis=0), CELL // _BLOCK), cells(detail, CELL // _BLOCK)
