"""The part of a picture that is restored: all of it, or a rectangle whose edges fade in, so that no seam shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images import turn_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images import PictureLike

_FADE = 8
"""Over so many pixels of the input the change fades in, or over a quarter of the region's side where that is less."""


@dataclass(frozen=True)
class Area:
    """A rectangle of a picture, in pixels of the input.

    Attributes:
        top: Its first row.
        left: Its first column.
        height: Rows.
        width: Columns.
        fades: (top, left, bottom, right): over how many pixels inside of each edge the change fades in; 0 for none.
    """

    top: int
    left: int
    height: int
    width: int
    fades: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def bottom(self) -> int:
        """The row after its last one."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The column after its last one."""
        return self.left + self.width

    def with_context(self, picture: PictureLike, reach: int, multiple_of: int) -> Area:
        """This and what a model has to see around it; begins where the model's windows begin in the whole picture."""
        top, left = (max(0, first - reach) // multiple_of * multiple_of for first in (self.top, self.left))
        bottom, right = min(picture.height, self.bottom + reach), min(picture.width, self.right + reach)
        return Area(top, left, bottom - top, right - left)

    def weight(self, where: tuple[int, int, int, int], scale: int) -> NDArray[np.float32] | None:
        """How much of the change is taken at (top, left, height, width) of the input, at the size of the result.

        Returns:
            (height·scale, width·scale, 1), 0 outside and 1 inside; None where it is 1 everywhere.
        """
        top, left, height, width = where
        fade_top, fade_left, fade_bottom, fade_right = self.fades
        inside = self.top + fade_top <= top and self.left + fade_left <= left
        if inside and top + height <= self.bottom - fade_bottom and left + width <= self.right - fade_right:
            return None
        rows = _ramp((top, height), (self.top, self.bottom), (fade_top, fade_bottom), scale)
        columns = _ramp((left, width), (self.left, self.right), (fade_left, fade_right), scale)
        weights: NDArray[np.float32] = rows[:, np.newaxis, np.newaxis] * columns[:, np.newaxis]
        return weights


def area_of(picture: PictureLike, region: tuple[int, int, int, int] | None, *, fade: bool) -> Area:
    """The part of a picture that is restored.

    Args:
        picture: Of any size.
        region: (left, top, width, height) as it is seen, or None for all of it.
        fade: Whether the change fades in at edges that are not those of the picture.

    Raises:
        UsageError: The region does not lie within the picture.
    """
    if region is None:
        return Area(0, 0, picture.height, picture.width)
    left, top, width, height = _stored(region, picture)
    right, bottom = left + width, top + height
    fades = (0, 0, 0, 0)
    if fade:
        down, across = min(_FADE, height // 4), min(_FADE, width // 4)
        fades = (
            down if top > 0 else 0, across if left > 0 else 0,
            down if bottom < picture.height else 0, across if right < picture.width else 0,
        )  # fmt: skip
    return Area(top, left, height, width, fades)


def _stored(region: tuple[int, int, int, int], picture: PictureLike) -> tuple[int, int, int, int]:
    """A region that is seen, as it is stored."""
    turn = turn_of(picture)
    seen = (picture.height, picture.width) if turn.swapped else (picture.width, picture.height)
    right, bottom = region[0] + region[2], region[1] + region[3]
    if right > seen[0] or bottom > seen[1]:
        raise UsageError(
            f"got region {','.join(map(str, region))}, which ends at {right},{bottom}: wanted left,top,width,height "
            f"within the picture's {seen[0]}×{seen[1]} pixels (as it is shown)"
        )
    return turn.stored_box(region, seen)


def _ramp(part: tuple[int, int], ends: tuple[int, int], fades: tuple[int, int], scale: int) -> NDArray[np.float32]:
    """The weight along one side at (start, length), for a region between two ends with a fade at each."""
    start, length = part
    place = start + (np.arange(length * scale, dtype=np.float32) + np.float32(0.5)) / scale
    weights = np.where((place > ends[0]) & (place < ends[1]), np.float32(1), np.float32(0))
    for distance, fade in ((place - ends[0], fades[0]), (ends[1] - place, fades[1])):
        if fade:
            weights *= np.clip(distance / fade, 0, 1)
    return weights.astype(np.float32)
