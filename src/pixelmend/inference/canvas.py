"""Room for a result: memory, or a file; in more bits than it is given back in, where it is worked on again.

Colours are held (`pixelmend.inference.anchor`) on the finished result. Rounded to 8 bits twice, it would be off by up
to a level; so 16 bits lie there until all is done.
"""

from __future__ import annotations

import math
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.memory import is_mapped, let_go

if TYPE_CHECKING:
    from pixelmend.images import PictureLike, Pixels

# A larger result lies in a temporary file and is mapped, so that it need not fit into memory.
_SCRATCH_BYTES = 24 * 2**20
_STRIP = 2**19
"""So many values are rounded together, about."""


def room(picture: PictureLike, scale: int, *, fine: bool) -> Pixels:
    """Room for a result, (H·scale, W·scale, C), filled with anything.

    Args:
        picture: What comes in.
        scale: Result over picture.
        fine: Whether 8 bits lie there as 16.
    """
    shape = (picture.height * scale, picture.width * scale, picture.channels)
    dtype = np.dtype(np.uint16) if fine and picture.dtype == np.uint8 else picture.dtype
    if math.prod(shape) * dtype.itemsize <= _SCRATCH_BYTES:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="pixelmend-") as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)


def as_lies(pixels: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """Values of a picture as they lie in a room of a type: its own, or 16 bits for 8."""
    return pixels if pixels.dtype == dtype else pixels.astype(np.uint16) * np.uint16(257)


def rounded(restored: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """What lies in a room, in the type of the picture; the room is not to be used any more.

    >>> rounded(np.array([[[0], [128], [129], [257], [65535]]], np.uint16), np.dtype(np.uint8)).ravel().tolist()
    [0, 0, 1, 1, 255]
    """
    if restored.dtype == dtype:
        return restored
    # In the same place: what is written never overtakes what is read.
    wide = restored.reshape(-1)
    narrow = wide.view(np.uint8)[: wide.size]
    for start in range(0, wide.size, _STRIP):
        part = slice(start, start + _STRIP)
        narrow[part] = (wide[part].astype(np.uint32) * 255 + 32895) >> 16
        let_go(restored)
    result: Pixels = narrow.reshape(restored.shape)
    return result if is_mapped(result) else result.copy()
