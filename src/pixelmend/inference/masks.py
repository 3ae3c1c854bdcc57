"""What is lost in a picture: masks that a caller may hand over, as one array of yes and no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images import LUMA, open_image, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_mask(mask: Any, height: int, width: int) -> NDArray[np.bool_]:
    """Where pixels are lost.

    A picture is a mask by its brightness: white, or at least half of it, is lost. What is transparent counts as black.

    Args:
        mask: A bool array (H, W), true where lost; or a picture: a path, the bytes of a file, a PIL image, or an
            array of uint8 (white = 255), uint16 or float32 (white = 1).
        height: Of the picture that it is for, pixels, as stored.
        width: The same.

    Returns:
        bool (height, width), true where lost.

    Raises:
        UsageError: It has another size than the picture, or is no picture.
        UnreadableError: It could not be decoded.
    """
    if isinstance(mask, np.ndarray) and mask.dtype == np.bool_:
        if mask.ndim != 2:
            raise UsageError(f"got a mask of shape {mask.shape}, wanted (height, width)")
        _check_size(mask.shape[0], mask.shape[1], height, width)
        return mask
    picture = open_image(mask)
    _check_size(picture.height, picture.width, height, width)
    unit = to_unit(picture.region(0, 0, height, width))
    bright = unit[:, :, 0] if picture.channels == 1 else unit @ np.array(LUMA, np.float32)
    if picture.alpha is not None:
        bright = bright * to_unit(np.asarray(picture.alpha).astype(picture.dtype, copy=False).reshape(height, width))
    lost: NDArray[np.bool_] = bright >= 0.5
    return lost


def _check_size(got_height: int, got_width: int, height: int, width: int) -> None:
    if (got_height, got_width) != (height, width):
        raise UsageError(f"got a mask of {got_width}×{got_height} pixels, wanted {width}×{height} as the picture has")
