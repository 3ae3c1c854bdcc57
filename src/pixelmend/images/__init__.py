"""The only door for pixels: reading, writing, and the kinds of picture that a caller may hold.

Every picture that Pixelmend touches comes in through `decode` (files and encoded bytes) or `open_image`
(those, and PIL images and NumPy arrays), and goes out through `save`, `encode` or `give_back`.
"""

from pixelmend.images.compare import beside, side_by_side
from pixelmend.images.decode import Picture, decode, read_float, read_rgb8
from pixelmend.images.encode import Encoded, check_encoding, check_target, encode, save
from pixelmend.images.formats import (
    default_format,
    default_suffix,
    format_named,
    format_of,
    formats,
    suffix_for,
)
from pixelmend.images.heads import HEAD, READABLE_FORMATS, format_by_bytes
from pixelmend.images.kinds import give_back, open_image
from pixelmend.images.limits import check_output
from pixelmend.images.picture import ArrayPicture, ColourSpace, PictureLike, Pixels
from pixelmend.images.recompress import through_webp
from pixelmend.images.shrink import shrunk
from pixelmend.images.turns import Turn, turn_of
from pixelmend.images.upright import Upright
from pixelmend.images.values import LUMA, from_unit, full_scale, to_unit

__all__ = [
    "HEAD",
    "LUMA",
    "READABLE_FORMATS",
    "ArrayPicture",
    "ColourSpace",
    "Encoded",
    "Picture",
    "PictureLike",
    "Pixels",
    "Turn",
    "Upright",
    "beside",
    "check_encoding",
    "check_output",
    "check_target",
    "decode",
    "default_format",
    "default_suffix",
    "encode",
    "format_by_bytes",
    "format_named",
    "format_of",
    "formats",
    "from_unit",
    "full_scale",
    "give_back",
    "open_image",
    "read_float",
    "read_rgb8",
    "save",
    "shrunk",
    "side_by_side",
    "suffix_for",
    "through_webp",
    "to_unit",
    "turn_of",
]
