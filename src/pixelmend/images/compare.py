"""A before/after picture: what came in on the left, the result on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixelmend.images.upright import Upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images.decode import Picture
    from pixelmend.images.picture import Pixels

_GAP = 8  # white columns between the two


def side_by_side(before: Picture, after: Pixels | Picture, *, max_side: int = 2048) -> NDArray[np.uint8]:
    """The two pictures beside each other, as viewers show them, reduced where larger than `max_side`.

    Where the result is larger than what came in, that is enlarged bicubically.

    Args:
        before: What came in.
        after: (H·s, W·s, C), s whole, uint8, uint16 or float32 in [0, 1], stored the same way up; or a picture, which
            upright is as large or s times larger.
        max_side: The longest side, in pixels, of each of the two.

    Returns:
        uint8 (h, 2 w + 8, 3).

    Raises:
        UsageError: `after` is not a whole multiple of `before` in size.
        UnreadableError: One of them is damaged.
    """
    right = Upright.result(after, before) if isinstance(after, np.ndarray) else Upright.of(after)
    left = Upright.of(before).enlarged_to(right.height, right.width)
    return beside([left.whole(max_side=max_side), right.whole(max_side=max_side)])


def beside(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of one height in a row, white between them.

    Args:
        pictures: uint8 (h, w, 3) each.
    """
    white = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    row = [part for picture in pictures for part in (picture, white)]
    return np.concatenate(row[:-1], axis=1)
