"""Cutting a picture into overlapping pieces, and putting the results together without visible seams.

All pieces have one size, so that the network sees one shape; origins are multiples of what the network needs,
so that its windows and strides fall where they fall in the whole picture. Along each side the seam between
two pieces lies in the middle of their overlap: every pixel comes from the piece where it is farthest from a
cut edge, blended linearly over a few pixels around the seam.

Pieces are cut in the picture that goes in; where the network enlarges, seams and blends are enlarged with it. Some
are computed ahead, at the same time, while those before them are put in their place.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.inference.sizes import padded_length, round_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

# Half the width of the blend, in pixels; less where the overlap is smaller.
_BLEND = 8


@dataclass(frozen=True)
class Side:
    """How one side of a picture is cut.

    Attributes:
        length: Of the picture, in pixels.
        tile: Of each piece (the last may reach past the picture's end, and is padded there).
        origins: Where the pieces begin, rising; multiples of what the network needs.
    """

    length: int
    tile: int
    origins: tuple[int, ...]

    def seam(self, index: int) -> int:
        """Where piece `index` hands over to the next: the middle of their overlap."""
        return (self.origins[index + 1] + self.origins[index] + self.tile) // 2

    def blend(self, index: int) -> int:
        """Half the width of the blend at that seam."""
        overlap = self.origins[index] + self.tile - self.origins[index + 1]
        return min(_BLEND, overlap // 4)

    def owned(self, index: int) -> tuple[int, int]:
        """The stretch of the picture that piece `index` contributes to, blends included: (start, stop)."""
        last = len(self.origins) - 1
        start = 0 if index == 0 else self.seam(index - 1) - self.blend(index - 1)
        stop = self.length if index == last else self.seam(index) + self.blend(index)
        return start, stop

    def lead(self, index: int) -> int:
        """How many pixels at the start of that stretch are shared with the piece before."""
        return 0 if index == 0 else 2 * self.blend(index - 1)

    def tail(self, index: int) -> int:
        """How many pixels at its end are shared with the piece after."""
        return 0 if index == len(self.origins) - 1 else 2 * self.blend(index)


def plan_side(length: int, *, tile: int, overlap: int, multiple_of: int, minimum: int) -> Side:
    """Cut one side evenly, into as few pieces as can be, each as small as they may then be.

    >>> plan_side(1000, tile=512, overlap=64, multiple_of=64, minimum=64)
    Side(length=1000, tile=384, origins=(0, 320, 640))
    >>> plan_side(300, tile=512, overlap=64, multiple_of=64, minimum=64)
    Side(length=300, tile=320, origins=(0,))

    Args:
        length: Of the picture, in pixels.
        tile: Of a piece at most; a multiple of `multiple_of`, at least `minimum`.
        overlap: Least overlap of neighbours; a multiple of `multiple_of`, below `tile`.
        multiple_of: What the network needs.
        minimum: What the network needs; `tile` where pieces have to be of exactly that size.
    """
    padded = padded_length(length, multiple_of=multiple_of, minimum=minimum)
    if padded <= tile:
        return Side(length, padded, (0,))
    count = -(-(padded - overlap) // (tile - overlap))
    tile = max(minimum, round_up(-(-(padded + (count - 1) * overlap) // count), multiple_of))
    spread = padded - tile
    # Rounding down to the grid never opens a step beyond tile - overlap, since that is on the grid itself.
    origins = tuple(spread * index // (count - 1) // multiple_of * multiple_of for index in range(count))
    return Side(length, tile, origins)


def run_tiles(
    sides: tuple[Side, Side],
    piece: Callable[[int, int], Callable[[int], NDArray[np.float32]]],
    store: Callable[[int, int, NDArray[np.float32]], None],
    progress: Callable[[int, int], None],
    *,
    scale: int = 1,
    lanes: int = 1,
) -> None:
    """Compute every piece once and hand out the seamless result, rectangle by rectangle.

    Besides the pieces in hand (one more than there are lanes), only the shared strips are kept: one at the right of
    the last piece, and one below the last row of pieces, as wide as the result and 16 pixels (times the scale) high at
    most.

    Args:
        sides: How height and width are cut.
        piece: Reads the piece at (top, left) in the picture, row after row, in the caller's thread; and gives what
            computes its result, (tile height, tile width, C), both times the scale, in a thread of its own, from how
            many pieces are left to be begun.
        store: Takes (top, left, pixels) of a finished rectangle, in the result; every pixel of it comes
            exactly once.
        progress: Told (pieces done, pieces in all) after each.
        scale: Result over picture.
        lanes: How many pieces are computed at the same time.
    """
    rows, columns = sides
    places = [(top, left) for top in rows.origins for left in columns.origins]
    results = _computed(places, piece, lanes)
    below: NDArray[Any] | None = None
    done = 0
    for row, top in enumerate(rows.origins):
        start, stop = rows.owned(row)
        beside: NDArray[Any] | None = None
        next_below: NDArray[Any] | None = None
        for column, left in enumerate(columns.origins):
            first, last = columns.owned(column)
            part = next(results)[
                (start - top) * scale : (stop - top) * scale, (first - left) * scale : (last - left) * scale
            ].copy()
            _blend(part, beside, columns.lead(column) * scale, axis=1)
            part, beside = _split(part, columns.tail(column) * scale, axis=1)
            strip = slice(first * scale, first * scale + part.shape[1])
            _blend(part, None if below is None else below[:, strip], rows.lead(row) * scale, axis=0)
            part, kept = _split(part, rows.tail(row) * scale, axis=0)
            if next_below is None:
                next_below = np.empty((kept.shape[0], columns.length * scale, kept.shape[2]), np.float32)
            next_below[:, strip] = kept
            store(start * scale, first * scale, part)
            done += 1
            progress(done, len(places))
        below = next_below


def _computed(
    places: Sequence[tuple[int, int]],
    piece: Callable[[int, int], Callable[[int], NDArray[np.float32]]],
    lanes: int,
) -> Iterator[NDArray[np.float32]]:
    """Results of all pieces in their order, computed at most one further ahead than there are lanes."""
    if len(places) == 1:
        yield piece(*places[0])(0)
        return
    pool = ThreadPoolExecutor(lanes, thread_name_prefix="pixelmend")
    begun: deque[Future[NDArray[np.float32]]] = deque()
    try:
        for left, place in zip(reversed(range(len(places))), places, strict=True):
            begun.append(pool.submit(piece(*place), left))
            if len(begun) > lanes:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        # Whatever ended this early: what has not begun never does.
        pool.shutdown(cancel_futures=True)


def _blend(part: NDArray[Any], before: NDArray[Any] | None, lead: int, axis: int) -> None:
    """Fade from the piece before into this one over its first `lead` pixels, in place."""
    if before is None or lead == 0:
        return
    weights = ((np.arange(lead, dtype=np.float32) + 0.5) / lead).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    head = part[:lead] if axis == 0 else part[:, :lead]
    head += (before - head) * (1 - weights)


def _split(part: NDArray[Any], tail: int, axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """What is finished, and what the next piece shares (not finished until blended)."""
    end = part.shape[axis] - tail
    return (part[:end], part[end:]) if axis == 0 else (part[:, :end], part[:, end:])
