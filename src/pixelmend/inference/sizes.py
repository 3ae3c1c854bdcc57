"""The one place where pictures are brought to a size that a network takes, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def round_up(length: int, multiple_of: int) -> int:
    """The least multiple that is not below a length, in pixels.

    >>> round_up(65, 8), round_up(64, 8)
    (72, 64)
    """
    return -(-length // multiple_of) * multiple_of


def padded_length(length: int, *, multiple_of: int, minimum: int) -> int:
    """How long a side becomes.

    >>> padded_length(3, multiple_of=8, minimum=20)
    24
    """
    return round_up(max(length, minimum), multiple_of)


def pad(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Extend a picture downwards and to the right: mirrored at its edge, repeated where too small.

    Nothing moves: pixel (0, 0) stays, so that pieces of a picture and the whole of it are aligned alike.

    Args:
        pixels: (H, W, C).
        height: Wanted, at least H.
        width: Wanted, at least W.

    Returns:
        (height, width, C): the same array where nothing was to be done.
    """
    return _extend(_extend(pixels, height, axis=0), width, axis=1)


def crop(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Undo `pad`: the upper left (height, width, C), a view."""
    return pixels[:height, :width]


def _extend(pixels: NDArray[Any], length: int, axis: int) -> NDArray[Any]:
    have = pixels.shape[axis]
    if length == have:
        return pixels
    # mirroring without repeating the edge gives have - 1 pixels; the rest repeats the last
    mirrored = min(length - have, have - 1)
    for count, mode in ((mirrored, "reflect"), (length - have - mirrored, "edge")):
        widths = [(0, 0)] * pixels.ndim
        widths[axis] = (0, count)
        pixels = np.pad(pixels, widths, mode=mode)  # type: ignore[call-overload]
    return pixels
