"""The only door for pixels: reading, writing, and the kinds of picture that a caller may hold.

Every picture that Pixelmend touches comes in through `decode` (files and encoded bytes) or `open_image`
(those, and PIL images and NumPy arrays), and goes out through `save`, `encode` or `give_back`.
"""

from pixelmend.images.compare import beside, side_by_side
from pixelmend.images.decode import Picture, decode, read_float, read_rgb8
from pixelmend.images.encode import check_target, default_suffix, encode, save
from pixelmend.images.kinds import check_given_back, give_back, open_image
from pixelmend.images.picture import ArrayPicture, ColourSpace, PictureLike, Pixels
from pixelmend.images.recompress import through_webp
from pixelmend.images.upright import Upright
from pixelmend.images.values import LUMA, from_unit, full_scale, to_unit

__all__ = [
    "LUMA",
    "ArrayPicture",
    "ColourSpace",
    "Picture",
    "PictureLike",
    "Pixels",
    "Upright",
    "beside",
    "check_given_back",
    "check_target",
    "decode",
    "default_suffix",
    "encode",
    "from_unit",
    "full_scale",
    "give_back",
    "open_image",
    "read_float",
    "read_rgb8",
    "save",
    "side_by_side",
    "through_webp",
    "to_unit",
]
