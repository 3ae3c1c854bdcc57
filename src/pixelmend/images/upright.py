"""A picture as people see it: upright, in sRGB, on white, in three channels; read piece by piece.

For everything that is shown or compared, and for nothing that is kept: results are written by `save`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images.picture import ArrayPicture
from pixelmend.images.planes import enlarged, to_vips
from pixelmend.images.turns import turn_of
from pixelmend.images.values import from_unit, to_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from pixelmend.images.picture import PictureLike, Pixels
    from pixelmend.images.turns import Turn

    Rows = Callable[[int, int, int, int], NDArray[np.float32]]

_STRIP = 256
"""Rows that are looked at together; they bound what is in memory."""
_MARGIN = 3
"""Pixels around a piece that bicubic enlarging looks at."""


@dataclass(frozen=True, eq=False)
class Upright:
    """Made by `of` and `result`.

    Attributes:
        source: Where colour is read.
        origin: What that was made from (itself, for a picture as it came): orientation, colour space and transparency
            are its own.
        scale: How often enlarged, bicubically.
    """

    source: PictureLike
    origin: PictureLike
    scale: int = 1

    @classmethod
    def of(cls, picture: PictureLike) -> Upright:
        """A picture as it came."""
        return cls(picture, picture)

    @classmethod
    def result(cls, pixels: Pixels, like: PictureLike) -> Upright:
        """What was made from a picture, in its orientation, colour space and transparency.

        Args:
            pixels: (H·s, W·s, C), s whole, C in {1, 3}, uint8, uint16 or float32; as the picture is stored.
            like: The picture.

        Raises:
            UsageError: The pixels are not a whole multiple of the picture in size.
        """
        made = ArrayPicture(pixels if pixels.ndim == 3 else pixels[:, :, None], None, None)
        _whole_scale((like.height, like.width), (made.height, made.width))
        return cls(made, like)

    @property
    def height(self) -> int:
        """Rows, upright and enlarged."""
        return self.scale * (self.source.width if self._turn[0] else self.source.height)

    @property
    def width(self) -> int:
        """Columns, upright and enlarged."""
        return self.scale * (self.source.height if self._turn[0] else self.source.width)

    @property
    def _turn(self) -> Turn:
        return turn_of(self.origin)

    def enlarged_to(self, height: int, width: int) -> Upright:
        """The same, enlarged bicubically.

        Raises:
            UsageError: That is not a whole multiple of its size.
        """
        return Upright(self.source, self.origin, self.scale * _whole_scale((self.height, self.width), (height, width)))

    def region(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        """A piece, a new array (height, width, 3) in [0, 1].

        Raises:
            UnreadableError: The file is damaged there.
        """
        size = (self.height // self.scale, self.width // self.scale)
        return np.clip(_enlarge(self._unscaled, size, (top, left, height, width), self.scale), 0, 1)

    def strips(self, *, rows: int = _STRIP, more: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The whole of it from the top down: the first row of each strip, and the strip.

        Args:
            rows: Of a strip; the last one may have fewer.
            more: Rows of the next strip that each holds as well.
        """
        for top in range(0, self.height, rows):
            yield top, self.region(top, 0, min(rows + more, self.height - top), self.width)

    def whole(self, *, max_side: int | None = None, max_pixels: int | None = None) -> NDArray[np.uint8]:
        """All of it, reduced where larger than wanted, in memory of the reduced size.

        Args:
            max_side: The longest side, in pixels.
            max_pixels: Height times width.

        Returns:
            uint8 (h, w, 3).
        """
        factor = 1.0
        if max_side is not None:
            factor = min(factor, max_side / max(self.height, self.width))
        if max_pixels is not None:
            factor = min(factor, (max_pixels / (self.height * self.width)) ** 0.5)
        # first by a whole number, strip by strip; what is left is done in memory
        step = max(1, min(int(1 / factor), self.height, self.width))
        rows = [from_unit(_reduced(strip, step), np.dtype(np.uint8)) for _, strip in self.strips(rows=_rows(step))]
        small = np.concatenate([each for each in rows if len(each)])
        if factor * step >= 1:
            return small
        resized: NDArray[np.uint8] = to_vips(small).copy(interpretation="srgb").resize(factor * step).numpy()
        return resized

    def _unscaled(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        """A piece before enlarging: read where it is stored, given meaning, laid on white, turned."""
        swapped, upwards, leftwards = self._turn
        top = self.height // self.scale - top - height if upwards else top
        left = self.width // self.scale - left - width if leftwards else left
        place = (left, top, width, height) if swapped else (top, left, height, width)
        unit = np.clip(self._stored(place), 0, 1)
        unit = np.swapaxes(unit, 0, 1) if swapped else unit
        return unit[:: -1 if upwards else 1, :: -1 if leftwards else 1]

    def _stored(self, place: tuple[int, int, int, int]) -> NDArray[np.float32]:
        unit = to_unit(self.source.region(*place))
        if self.origin.space is not None:
            unit = self.origin.space.to_srgb(unit)
        unit = np.repeat(unit, 3, axis=2) if unit.shape[2] == 1 else unit
        if not self.origin.has_alpha:
            return unit
        size, scale = (self.origin.height, self.origin.width), self.source.width // self.origin.width
        opacity = np.clip(_enlarge(self._opacity, size, place, scale), 0, 1)
        return 1 + opacity * (unit - 1)

    def _opacity(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        alpha: Any = self.origin.opacity(top, left, height, width)
        return to_unit(alpha)


def _whole_scale(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    scale = wanted[1] // size[1]
    if scale < 1 or wanted != (size[0] * scale, size[1] * scale):
        raise UsageError(f"got {wanted[1]}×{wanted[0]} pixels, wanted {size[1]}×{size[0]} or a whole multiple of it")
    return scale


def _enlarge(fetch: Rows, size: tuple[int, int], place: tuple[int, int, int, int], scale: int) -> NDArray[np.float32]:
    """A piece of what is enlarged, from as much of the small picture as has to do with it.

    Args:
        fetch: Gives a piece of the small picture.
        size: Its height and width.
        place: Top, left, height and width in the large one.
        scale: Of the large one.
    """
    if scale == 1:
        return fetch(*place)
    top, left, height, width = place
    first = (max(top // scale - _MARGIN, 0), max(left // scale - _MARGIN, 0))
    last = (
        min((top + height - 1) // scale + 1 + _MARGIN, size[0]),
        min((left + width - 1) // scale + 1 + _MARGIN, size[1]),
    )
    small = np.ascontiguousarray(fetch(*first, last[0] - first[0], last[1] - first[1]))
    large = enlarged(to_vips(small), small.dtype, small.shape[1] * scale, small.shape[0] * scale).numpy()
    down, right = top - first[0] * scale, left - first[1] * scale
    piece: NDArray[np.float32] = large.reshape(*large.shape[:2], -1)[down : down + height, right : right + width]
    return piece


def _rows(step: int) -> int:
    """Rows of a strip, a multiple of ``step``."""
    return max(_STRIP // step, 1) * step


def _reduced(strip: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The mean of each ``step``×``step`` pixels; what is left over at the end is left out."""
    height, width = strip.shape[0] // step, strip.shape[1] // step
    whole = strip[: height * step, : width * step]
    means: NDArray[np.float32] = whole.reshape(height, step, width, step, 3).mean(axis=(1, 3), dtype=np.float32)
    return means
