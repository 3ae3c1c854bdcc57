"""What is lost in a picture: masks that a caller may hand over, as one array of yes and no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images import LUMA, ArrayPicture, Picture, open_image, to_unit, turn_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images import PictureLike

_STRIP = 2**20
"""Pixels of a mask that are looked at together: a mask is as large as its picture, which may be huge."""


def read_mask(mask: Any, picture: PictureLike) -> NDArray[np.bool_]:
    """Where pixels are lost.

    A picture is a mask by its brightness: white, or at least half of it, is lost. What is transparent counts as black.
    Of files, what is seen counts: where picture and mask are stored turned differently (EXIF orientation), the mask is
    turned to lie on the picture as it does before the eye. Arrays lie on it as stored.

    Args:
        mask: A bool array (H, W), true where lost; or a picture: a path, the bytes of a file, a PIL image, or an
            array of uint8 (white = 255), uint16 or float32 (white = 1).
        picture: The picture that it is for.

    Returns:
        bool (H, W) of the picture as stored, true where lost.

    Raises:
        UsageError: It has another size than the picture, or is no picture.
        UnreadableError: It could not be decoded.
    """
    wanted = (picture.height, picture.width)
    if isinstance(mask, np.ndarray) and mask.dtype == np.bool_:
        if mask.ndim != 2:
            raise UsageError(f"got a mask of shape {mask.shape}, wanted (height, width)")
        _check_size(mask.shape, wanted)
        return mask
    if isinstance(mask, np.ndarray) and mask.dtype.kind == "u" and mask.max(initial=0) == 1:
        raise UsageError(f"got a {mask.dtype} mask of 0 and 1, wanted {np.iinfo(mask.dtype).max} where pixels are lost")
    given = open_image(mask)
    lost = _white(given)
    if isinstance(given, Picture) and isinstance(picture, Picture):
        lost = turn_of(picture).stored(turn_of(given).seen(lost))
    _check_size(lost.shape, wanted)
    return lost


def _white(mask: Picture | ArrayPicture) -> NDArray[np.bool_]:
    """Where a picture is bright and not transparent, strip by strip."""
    lost = np.empty((mask.height, mask.width), np.bool_)
    rows = max(1, _STRIP // mask.width)
    for top in range(0, mask.height, rows):
        strip = slice(top, min(top + rows, mask.height))
        unit = to_unit(mask.region(top, 0, strip.stop - top, mask.width))
        bright = unit[:, :, 0] if mask.channels == 1 else unit @ np.array(LUMA, np.float32)
        if mask.alpha is not None:
            alpha = np.asarray(mask.alpha).reshape(mask.height, mask.width)[strip]
            bright = bright * to_unit(alpha.astype(mask.dtype, copy=False))
        lost[strip] = bright >= 0.5
    return lost


def _check_size(got: tuple[int, ...], wanted: tuple[int, int]) -> None:
    if got != wanted:
        raise UsageError(
            f"got a mask of {got[1]}×{got[0]} pixels, wanted {wanted[1]}×{wanted[0]} as the picture has (as stored)"
        )
