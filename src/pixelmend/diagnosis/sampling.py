"""What of a picture is looked at: blocks spread evenly over it, so that neither time nor memory grows with its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images import LUMA, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images import PictureLike

BLOCK = 128
"""Side of a block, pixels: wide enough for the blur of a hand that shook."""
_GRID = 8
"""Blocks begin at multiples of this, so that those of JPEG lie in the same place in each."""
_A_SIDE = 4
"""At most so many blocks across and down."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The blocks of a picture.

    Attributes:
        colour: (N, H, W, C) float32, white = 1, C in {1, 3}; may leave [0, 1] where the picture is float.
        luma: (N, H, W) float32, on the 0–255 scale.
    """

    colour: NDArray[np.float32]
    luma: NDArray[np.float32]

    def chroma(self) -> NDArray[np.float32]:
        """(2, N, H, W) float32: blue and red without the luma, 0–255 scale; zeros where the picture is grey."""
        if self.colour.shape[3] == 1:
            return np.zeros((2, *self.luma.shape), np.float32)
        return np.stack([255 * self.colour[..., 2] - self.luma, 255 * self.colour[..., 0] - self.luma])


def take_sample(picture: PictureLike) -> Sample:
    """Look at a picture in at most 4×4 blocks of 128×128 pixels, all of one size and without overlap.

    Values are taken as they are stored, whatever their colour space: traces of JPEG are in those.

    Raises:
        UnreadableError: The file behind the picture is damaged.
    """
    rows, columns = _starts(picture.height), _starts(picture.width)
    height, width = (min(BLOCK, side) for side in (picture.height, picture.width))
    blocks = [to_unit(picture.region(top, left, height, width)) for top in rows for left in columns]
    return sample_of(np.stack(blocks))


def sample_of(blocks: NDArray[np.float32]) -> Sample:
    """Blocks (N, H, W, C) on the [0, 1] scale as a sample; grey stored as colour becomes one channel."""
    if blocks.shape[3] == 3 and (np.ptp(blocks, axis=3) == 0).all():
        blocks = blocks[..., :1]
    weights: NDArray[Any] = np.array(LUMA if blocks.shape[3] == 3 else (1,), np.float32)
    return Sample(blocks, 255 * (blocks @ weights))


def _starts(length: int) -> list[int]:
    """Where blocks begin along one side: multiples of 8, spread from end to end."""
    count = min(_A_SIDE, max(1, length // BLOCK))
    last = max(0, length - BLOCK)
    return [last * index // max(1, count - 1) // _GRID * _GRID for index in range(count)]
