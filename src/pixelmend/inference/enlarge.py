"""The picture that came in at the size of the result: itself, or its bicubic enlargement.

What a model changed is counted from there, whatever the scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.images import from_unit, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images import PictureLike, Pixels

REACH = 2
"""So many pixels beyond a pixel are looked at to enlarge it."""
LEAST_ALPHA = 1 / 16
"""Colour that is nearer to transparent than this is not magnified any further: what is wrong with it is not seen."""


def enlarged(unit: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Bicubic enlargement (Keys 1981, a = -0.5), corners on corners; the border is repeated outwards.

    >>> enlarged(np.array([[[0.0], [1.0]]], np.float32), 2)[0, :, 0].tolist()
    [-0.0703125, 0.203125, 0.796875, 1.0703125]

    Args:
        unit: (H, W, C).
        scale: 1 gives back the very array.

    Returns:
        (H·scale, W·scale, C); overshoots at edges.
    """
    return unit if scale == 1 else _along(_along(unit, scale, axis=1), scale, axis=0)


def at_scale(
    unit: NDArray[np.float32], alpha: NDArray[np.float32] | None, scale: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Colour and opacity, enlarged and then within [0, 1]; hidden colours do not bleed into what is seen.

    Args:
        unit: (H, W, C).
        alpha: (H, W, 1), 0 to 1; None where all is opaque.
        scale: 1 gives back the very arrays.
    """
    if scale == 1:
        return unit, alpha
    if alpha is None:
        return np.clip(enlarged(unit, scale), 0, 1), None
    larger = enlarged(alpha, scale)  # overshoots as colour times opacity does
    colour = divided(enlarged(unit * alpha, scale), larger, enlarged(unit, scale))
    return np.clip(colour, 0, 1), np.clip(larger, 0, 1)


def divided(
    premultiplied: NDArray[np.float32], alpha: NDArray[np.float32], hidden: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Colour out of colour times opacity; towards full transparency it becomes what is hidden there.

    Where all is opaque, that is the very same number.

    Args:
        premultiplied: (H, W, C).
        alpha: (H, W, 1), about 0 to 1.
        hidden: (H, W, C), colours.
    """
    least: NDArray[np.float32] = np.maximum(alpha, np.float32(LEAST_ALPHA))
    result: NDArray[np.float32] = (premultiplied + hidden * (least - alpha)) / least
    return result


def opacity_of(picture: PictureLike, where: tuple[int, int, int, int]) -> NDArray[np.float32] | None:
    """Opacity at (top, left, height, width), (height, width, 1) from 0 to 1; None where all of it is opaque."""
    stored = picture.opacity(*where)
    if stored is None:
        return None
    alpha = np.clip(to_unit(stored), 0, 1)
    return None if (alpha == 1).all() else alpha


def as_given(picture: PictureLike, where: tuple[int, int, int, int], scale: int) -> Pixels:
    """What came in at (top, left, height, width), at the size of the result, in the picture's type.

    At scale 1 these are the stored values, bit for bit, and perhaps read-only.
    """
    if scale == 1:
        return picture.region(*where)
    top, left, height, width = where
    first = (max(0, top - REACH), max(0, left - REACH))
    last = (min(picture.height, top + height + REACH), min(picture.width, left + width + REACH))
    wider = (*first, last[0] - first[0], last[1] - first[1])
    unit, _ = at_scale(to_unit(picture.region(*wider)), opacity_of(picture, wider), scale)
    rows, columns = (top - first[0]) * scale, (left - first[1]) * scale
    return from_unit(unit[rows : rows + height * scale, columns : columns + width * scale], picture.dtype)


def _along(unit: NDArray[np.float32], scale: int, axis: int) -> NDArray[np.float32]:
    """One side; all pixels of the result that lie alike between those of the input are computed at once."""
    length = unit.shape[axis]
    widths = [(0, 0)] * unit.ndim
    widths[axis] = (REACH, REACH)
    lines = np.moveaxis(np.pad(unit, widths, mode="edge"), axis, 0)
    shape = [*unit.shape]
    shape[axis] = length * scale
    result = np.empty(shape, np.float32)
    target = np.moveaxis(result, axis, 0)
    for phase in range(scale):
        place = (phase + 0.5) / scale - 0.5
        before = math.floor(place)
        total = np.zeros_like(lines[:length])
        for tap in range(before - 1, before + 3):
            total += lines[REACH + tap : REACH + tap + length] * np.float32(_keys(abs(place - tap)))
        target[phase::scale] = total
    return result


def _keys(distance: float) -> float:
    if distance <= 1:
        return 1.5 * distance**3 - 2.5 * distance**2 + 1
    return -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
