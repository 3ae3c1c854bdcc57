"""Between a picture as it is stored and as it is seen: what its orientation (EXIF) says of rows and columns.

>>> Turn(swapped=True, columns=True).stored_box((10, 20, 3, 4), (100, 50))
(20, 87, 4, 3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images.picture import PictureLike

Box = tuple[int, int, int, int]


class Turn(NamedTuple):
    """How a picture that is stored becomes one that is seen.

    Attributes:
        swapped: Rows and columns change places first.
        rows: Then rows run backwards.
        columns: And columns.
    """

    swapped: bool = False
    rows: bool = False
    columns: bool = False

    def seen(self, array: NDArray[Any]) -> NDArray[Any]:
        """What is stored, (H, W, ...), as it is seen; a copy where it differs."""
        turned = array.swapaxes(0, 1) if self.swapped else array
        return np.ascontiguousarray(turned[:: -1 if self.rows else 1, :: -1 if self.columns else 1])

    def stored(self, array: NDArray[Any]) -> NDArray[Any]:
        """The way back."""
        turned = array[:: -1 if self.rows else 1, :: -1 if self.columns else 1]
        return np.ascontiguousarray(turned.swapaxes(0, 1) if self.swapped else turned)

    def stored_box(self, box: Box, seen: tuple[int, int]) -> Box:
        """(left, top, width, height) that is seen, as it is stored.

        Args:
            box: What is seen.
            seen: Width and height of the picture as it is seen.
        """
        left, top, width, height = box
        left = seen[0] - left - width if self.columns else left
        top = seen[1] - top - height if self.rows else top
        return (top, left, height, width) if self.swapped else (left, top, width, height)


_TURNS = {
    2: Turn(columns=True), 3: Turn(rows=True, columns=True), 4: Turn(rows=True), 5: Turn(swapped=True),
    6: Turn(swapped=True, columns=True), 7: Turn(swapped=True, rows=True, columns=True),
    8: Turn(swapped=True, rows=True),
}  # fmt: skip


def turn_of(picture: PictureLike) -> Turn:
    """What the orientation of a picture says; pictures in memory are seen as they lie there."""
    header: Any = getattr(picture, "header", None)
    if header is None or "orientation" not in header.get_fields():
        return Turn()
    return _TURNS.get(int(header.get("orientation")), Turn())
