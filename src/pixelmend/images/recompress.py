"""Pixels through a lossy codec and back, in memory: the damage that saving a file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import UnwritableError
from pixelmend.images.vips import pyvips, reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEBP_MAX_SIDE = 16383


def through_webp(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What lossy WebP keeps of a picture.

    Args:
        pixels: (H, W, 3) uint8.
        quality: 0–100, higher is better.

    Returns:
        A new array of the same shape.

    Raises:
        UnwritableError: A side is longer than 16383 pixels, which WebP cannot hold.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > WEBP_MAX_SIDE:
        raise UnwritableError(f"got {width}×{height}, WebP holds at most {WEBP_MAX_SIDE} a side: damage a smaller part")
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels), width, height, 3, "uchar")
    try:
        # The encoder's default effort; more changes the size of a file far more than its pixels.
        data = image.copy(interpretation="srgb").webpsave_buffer(Q=quality, effort=4)
        decoded: NDArray[np.uint8] = pyvips.Image.webpload_buffer(data).numpy()
    except pyvips.Error as error:
        raise UnwritableError(f"cannot encode as WebP: {reason(error)}") from None
    return np.array(decoded[..., :3])
