"""Holding the colours of the input: what a model shifted over a large area, all alike, is taken back.

Means of blocks of 128×128 pixels of the input, and of as many of the result, are compared for each channel. A smooth
surface of which every block's mean is the shift is added to the result: bilinear between the blocks' centres, with the
heights there that make the means come out exactly. So a cast, a fade or a vignette that a model adds goes away, and
detail stays as it is: the surface has none.

Not every difference is a shift. Noise that was clipped, in the picture or in the camera before its tone curve, moves
the mean of what is dark upwards; a model that takes noise away is right to move it back. So what is small beside the
spread of what the model took away (0.15 standard deviations within the block) counts as no shift; nor does what makes a
block darker of which half is as black as can be, nor the same in white. Where a picture has no noise, all of a shift is
taken back; where it has, all but what the noise could be. docs/control.md says what this and the size of the blocks
bring and cost.

All this is counted on the result as it is stored, whatever pieces it was made in; strip by strip, so that neither the
picture nor the result need be in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images import from_unit, full_scale, to_unit
from pixelmend.inference.enlarge import opacity_of
from pixelmend.memory import let_go

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pixelmend.images import PictureLike, Pixels
    from pixelmend.inference.region import Area

_BLOCK = 128
"""Side of the blocks in pixels of the input; the last along a side is up to twice as long."""
_STRIP = 2**19
"""So many pixels are looked at together, about."""
_DOUBT = 0.15
"""A shift is none where it is less than this, in standard deviations of what was taken away in the block."""
_SHARPNESS = 4
"""How fast it is believed above that: at twice as much, all but 1/16 of it is taken back."""
_CLIPPED = (0.25, 0.5)
"""Shares of black (white) in a block: from the first on, less and less is believed to have become darker (brighter)."""
_SAMPLED = 4
"""The spread is measured on every fourth row, but of small pictures."""
_LEAST = 64
"""So many pixels must be seen of a block that is transparent elsewhere for its own mean to count half."""


def anchor(picture: PictureLike, restored: Pixels, area: Area, scale: int) -> float:
    """Bring the low frequencies of a result to those of the input, in place.

    Full transparency counts nothing; its colours stay as they are. Where a region fades in, so does the correction.
    Whole numbers come as near as rounding lets them.

    Args:
        picture: What came in.
        restored: (H·scale, W·scale, C); of whatever type, its range is that of its type.
        area: The part of the picture that was restored.
        scale: Result over picture.

    Returns:
        The greatest shift of a block in any channel that was taken back, in levels of 255.

    Raises:
        UnreadableError: The picture's file is damaged.
    """
    shifts = _believed(_compare(picture, restored, area, scale))
    _add(picture, restored, area, scale, shifts)
    return float(255 * np.abs(shifts).max())


def _believed(found: _Found) -> NDArray[np.float64]:
    """What of a difference of means is a shift of colours, (rows of blocks, columns of blocks, C)."""
    doubt = _DOUBT * np.sqrt(found.variance) / np.maximum(np.abs(found.mean), 1e-12)
    clipped = np.where(found.mean > 0, found.black, found.white)
    first, last = _CLIPPED
    sure = np.clip((last - clipped) / (last - first), 0, 1)
    believed: NDArray[np.float64] = found.mean * np.maximum(0, 1 - doubt**_SHARPNESS) * sure
    return believed


def _starts(length: int) -> NDArray[np.intp]:
    """Where blocks begin along a side of so many pixels."""
    return np.arange(max(1, length // _BLOCK)) * _BLOCK


def _strips(area: Area, scale: int) -> Iterator[tuple[int, int, int]]:
    """(first row within the area, rows, index of the block), none of which crosses a block's edge."""
    starts = _starts(area.height)
    most = max(1, _STRIP // (area.width * scale**2))
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], area.height], strict=True)):
        for first in range(start, end, most):
            yield first, min(most, end - first), index


@dataclass(frozen=True, eq=False)
class _Found:
    """What is known of each block, (rows of blocks, columns of blocks, C) each.

    Attributes:
        mean: Of what the input has more than the result, on the [0, 1] scale.
        variance: Of the same.
        black: The share of the input's values that are black.
        white: The share that are white.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    black: NDArray[np.float64]
    white: NDArray[np.float64]


def _compare(picture: PictureLike, restored: Pixels, area: Area, scale: int) -> _Found:
    """Input and result, block by block."""
    columns = _starts(area.width)
    shape = (len(_starts(area.height)), len(columns))
    # Of the change; and on some rows, of its square, of black and of white.
    totals, sampled = np.zeros((1, *shape, picture.channels)), np.zeros((3, *shape, picture.channels))
    seen, seen_sampled = np.zeros((*shape, 1)), np.zeros((*shape, 1))
    white = full_scale(picture.dtype)
    step = _SAMPLED if area.height >= _BLOCK else 1
    hidden = False
    for first, height, index in _strips(area, scale):
        where = (area.top + first, area.left, height, area.width)
        before, after = picture.region(*where), _part(restored, where, scale)
        alpha = opacity_of(picture, where)
        if alpha is None:
            sums = _sums(before, columns) / white
            totals[0, index] += sums - _sums(after, columns * scale) / (full_scale(after.dtype) * scale**2)
            seen[index] += np.diff([*columns, area.width])[:, np.newaxis] * height
        else:
            hidden = True
            totals[0, index] += _sums(_change(before, after, scale) * alpha, columns)
            seen[index] += _sums(alpha, columns)
        rows = slice(-first % step, None, step)
        some = before[rows]
        weight = np.float32(1) if alpha is None else alpha[rows]
        squares = np.square(_change(some, _lines(after, scale)[rows].reshape(-1, *after.shape[1:]), scale))
        for total, values in zip(sampled, (squares, some == 0, some == white), strict=True):
            total[index] += _sums(values * weight, columns)
        seen_sampled[index] += _sums(np.broadcast_to(weight, (*some.shape[:2], 1)), columns)
        let_go(restored)
    (mean,) = _means(totals, seen, hidden=hidden)
    square, black, bright = _means(sampled, seen_sampled, hidden=hidden)
    return _Found(mean, np.maximum(0, square - mean**2), black, bright)


def _means(totals: NDArray[np.float64], seen: NDArray[np.float64], *, hidden: bool) -> NDArray[np.float64]:
    """Sums over so much that is seen; where little is, what is known of the whole picture counts."""
    if hidden:
        totals = totals + _LEAST * totals.sum(axis=(1, 2), keepdims=True) / max(seen.sum(), 1.0)
        seen = seen + _LEAST
    means: NDArray[np.float64] = totals / np.maximum(seen, 1e-12)
    return means


def _change(before: Pixels, after: Pixels, scale: int) -> NDArray[np.float32]:
    """What the input has more than the result, (H, W, C)."""
    return to_unit(before) - _reduced(to_unit(_lines(after, scale)), scale)


def _lines(pixels: Pixels, scale: int) -> Pixels:
    """Rows of the result by rows of the input, (H, scale, W·scale, C)."""
    return pixels.reshape(-1, scale, *pixels.shape[1:])


def _reduced(unit: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Means of squares of pixels, (H, scale, W·scale, C) to (H, W, C)."""
    if scale == 1:
        return unit[:, 0]
    height, _, width, channels = unit.shape
    means: NDArray[np.float32] = unit.reshape(height, scale, width // scale, scale, channels).mean(axis=(1, 3))
    return means


def _sums(pixels: NDArray[Any], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sums over all rows and the columns of each block, (blocks, C)."""
    kind = np.float64 if pixels.dtype == np.float32 else np.uint64
    sums: NDArray[np.float64] = np.add.reduceat(pixels.sum(axis=0, dtype=kind), columns, axis=0).astype(np.float64)
    return sums


@dataclass(frozen=True, eq=False)
class _Line:
    """How heights at the centres of blocks make a line through all pixels along a side.

    Attributes:
        before: (length,), the block whose centre lies before a pixel.
        share: (length,), how much the block after that counts; the first and last half of a block are level.
        after: (length,), that block.
    """

    before: NDArray[np.intp]
    share: NDArray[np.float32]
    after: NDArray[np.intp]

    @classmethod
    def through(cls, starts: NDArray[np.intp], length: int) -> _Line:
        """For blocks that begin there, along a side of so many pixels."""
        centres = (starts + np.array([*starts[1:], length]) - 1) / 2
        place = np.interp(np.arange(length), centres, np.arange(len(starts)))
        before = place.astype(np.intp)
        return cls(before, (place - before).astype(np.float32), np.minimum(before + 1, len(starts) - 1))

    def means(self, starts: NDArray[np.intp]) -> NDArray[np.float64]:
        """What each height counts in each block's mean, (blocks, blocks)."""
        length, count = len(self.before), len(starts)
        block = np.repeat(np.arange(count), np.diff([*starts, length]))
        matrix = np.zeros((count, count))
        np.add.at(matrix, (block, self.before), 1 - self.share.astype(np.float64))
        np.add.at(matrix, (block, self.after), self.share.astype(np.float64))
        return matrix / np.diff([*starts, length])[:, np.newaxis]

    def at(self, heights: NDArray[Any], axis: int, part: slice = slice(None)) -> NDArray[np.float32]:
        """The line's height at some pixels, along an axis of an array of heights."""
        shape = [1] * heights.ndim
        shape[axis] = -1
        share = self.share[part].reshape(shape)
        first = heights.take(self.before[part], axis=axis).astype(np.float32, copy=False)
        first += (heights.take(self.after[part], axis=axis) - first) * share
        return first


def _heights(
    means: NDArray[np.float64], starts: tuple[NDArray[np.intp], NDArray[np.intp]], lines: tuple[_Line, _Line]
) -> NDArray[np.float64]:
    """Heights at the blocks' centres, (rows, columns, C), of the surface that has these means over the blocks."""
    for axis in (0, 1):
        matrix = lines[axis].means(starts[axis])
        flat = np.moveaxis(means, axis, 0)
        solved = np.linalg.solve(matrix, flat.reshape(len(matrix), -1)).astype(np.float64, copy=False)
        means = np.moveaxis(solved.reshape(flat.shape), 0, axis)
    return means


def _add(picture: PictureLike, restored: Pixels, area: Area, scale: int, means: NDArray[np.float64]) -> None:
    """Add the surface with these means to the result, where that changes what is stored."""
    starts = (_starts(area.height) * scale, _starts(area.width) * scale)
    down, across = (
        _Line.through(*each) for each in zip(starts, (area.height * scale, area.width * scale), strict=True)
    )
    heights = _heights(means, starts, (down, across))
    # Less than half a level rounds away.
    least = 0.0 if restored.dtype == np.float32 else 0.5 / full_scale(restored.dtype)
    for first, height, _ in _strips(area, scale):
        along = down.at(heights, 0, slice(first * scale, (first + height) * scale))
        if np.abs(along).max() <= least:
            continue
        where = (area.top + first, area.left, height, area.width)
        change = across.at(along, 1)
        if (weight := area.weight(where, scale)) is not None:
            change *= weight
        if scale == 1 and (alpha := opacity_of(picture, where)) is not None:
            change *= alpha > 0
        part = _part(restored, where, scale)
        change += to_unit(part)
        part[:] = from_unit(change, restored.dtype)
        let_go(restored)


def _part(restored: Pixels, where: tuple[int, int, int, int], scale: int) -> Pixels:
    """A view of the result at (top, left, height, width) of the input."""
    top, left, height, width = (each * scale for each in where)
    return restored[top : top + height, left : left + width]
