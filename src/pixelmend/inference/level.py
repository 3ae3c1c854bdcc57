"""The noise level of a picture as a network sees it: in sRGB, and only where something is to be seen.

`estimate_sigma` tells the noise of the numbers that it is given. Those of a picture in another colour space have
another noise; and under full transparency lies anything, of no noise at all as a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.diagnosis import estimate_sigma
from pixelmend.images import from_unit, full_scale, to_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pixelmend.images import ColourSpace, PictureLike, Pixels

_SIDES = (64, 32, 16)
"""Of opaque squares that are looked for: the first of these that there are some of."""
_SOME = 4
_ACROSS = 16
"""So many squares along each side of the picture are tried at most."""
_BLOCKS = 7
"""So many squares along each side are put together at most: about what the estimate looks at."""


def seen_sigma(picture: PictureLike) -> float:
    """The noise level of a picture as a network sees it, 0-255 scale.

    Raises:
        UnreadableError: The picture's file is damaged.
    """
    space = picture.space
    shown = picture if space is None else _Converted(picture, space)
    squares = _opaque_squares(shown) if picture.has_alpha else None
    return estimate_sigma(shown if squares is None else squares)


def _in_srgb(pixels: Pixels, space: ColourSpace) -> Pixels:
    """Stored values as they would be stored in sRGB: of the same type, so that black and white stay just that."""
    srgb = space.to_srgb(to_unit(pixels))
    return srgb if pixels.dtype == np.float32 else from_unit(srgb, pixels.dtype)


@dataclass(frozen=True)
class _Converted:
    """A picture whose pieces come in sRGB; all else is that of the picture."""

    picture: PictureLike
    converter: ColourSpace

    def region(self, top: int, left: int, height: int, width: int) -> Pixels:
        """See `PictureLike.region`."""
        return _in_srgb(self.picture.region(top, left, height, width), self.converter)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.picture, name)


def _opaque_squares(picture: PictureLike) -> Pixels | None:
    """Opaque squares of a picture, put together; None where all is opaque that was looked at, or nothing is."""
    for side in _SIDES:
        found = [_is_opaque(picture, top, left, side) for top, left in _places(picture, side)]
        if found and all(found):
            return None
        places = [place for place, opaque in zip(_places(picture, side), found, strict=True) if opaque]
        if len(places) >= _SOME:
            return _mosaic(picture, places, side)
    return None


def _places(picture: PictureLike, side: int) -> Iterator[tuple[int, int]]:
    """Upper left corners of squares that are spread over the picture and do not overlap."""
    for top in _spread(picture.height, side):
        for left in _spread(picture.width, side):
            yield top, left


def _spread(length: int, side: int) -> list[int]:
    count = min(_ACROSS, length // side)
    return [(length - side) * index // max(1, count - 1) for index in range(count)]


def _is_opaque(picture: PictureLike, top: int, left: int, side: int) -> bool:
    opacity = picture.opacity(top, left, side, side)
    return opacity is None or bool((opacity >= full_scale(picture.dtype)).all())


def _mosaic(picture: PictureLike, places: list[tuple[int, int]], side: int) -> Pixels:
    """Squares from all over the picture as one, (rows·side, columns·side, C)."""
    columns = min(_BLOCKS * 64 // side, len(places))
    rows = min(columns, len(places) // columns)
    chosen = [places[index * len(places) // (rows * columns)] for index in range(rows * columns)]
    squares = [picture.region(top, left, side, side) for top, left in chosen]
    lines = [np.concatenate(squares[row * columns : (row + 1) * columns], axis=1) for row in range(rows)]
    whole: NDArray[Any] = np.concatenate(lines, axis=0)
    return whole
