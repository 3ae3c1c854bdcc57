"""The kinds of picture that a Python caller may hand over, and giving the same kind back.

Paths, encoded bytes, PIL images and NumPy arrays all become something with the one interface of
`PictureLike`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images.decode import Picture, decode
from pixelmend.images.encode import encode
from pixelmend.images.formats import default_format
from pixelmend.images.picture import ArrayPicture
from pixelmend.images.planes import enlarged, to_vips
from pixelmend.images.profiles import SPACES, space_for
from pixelmend.images.values import DTYPES, float_fault

if TYPE_CHECKING:
    from pixelmend.images.picture import Pixels

_WANTED = (
    "wanted a path, the bytes of a file, a PIL image, or a NumPy array (H, W) or (H, W, 3), "
    "with or without alpha as one more channel, of uint8, uint16, or float32 on the [0, 1] scale"
)
# What PIL's modes become before they become arrays; the rest are refused.
_PIL_MODES = {
    "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "I;16": "I;16",
    "1": "L", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "La": "LA", "RGBa": "RGBA",
}  # fmt: skip


def open_image(image: object) -> Picture | ArrayPicture:
    """Anything that a caller may hand over, as a picture; nothing that the caller holds is modified.

    Args:
        image: A path (str or Path), bytes, a PIL image, or an array: (H, W), (H, W, 1), (H, W, 3), and (H, W,
            2) or (H, W, 4) with alpha last; uint8, uint16, or float32 that may leave [0, 1]; or what `decode` made.

    Raises:
        UsageError: Another kind, shape or type, or values that are no picture (NaN, float on the 0-255
            scale).
        UnreadableError: A file or bytes that cannot be decoded.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, (str, Path)):
        return decode(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode(bytes(image))
    if isinstance(image, np.ndarray):
        return _from_array(image)
    # PIL is an extra: its images are recognised without importing it.
    if type(image).__module__.split(".")[0] == "PIL" and hasattr(image, "getbands"):
        return _from_pil(image)
    raise UsageError(f"got {type(image).__name__}, {_WANTED}")


def give_back(picture: Picture | ArrayPicture, pixels: Pixels) -> Any:
    """A result as the kind that came in: bytes, a PIL image or an array (a path is for the caller to `save`).

    Bytes come back in the format they had, or in `default_format` where that is not written; they have `notes`.

    Args:
        picture: From `open_image`.
        pixels: (H·s, W·s, C), s whole, of the picture's channels and type; transparency is enlarged to that size.

    Raises:
        UsageError: The pixels are not a whole multiple of a transparent picture in size.
        UnwritableError: The format cannot hold the picture.
    """
    if isinstance(picture, Picture):
        return encode(pixels, default_format(picture), like=picture)
    whole = pixels.view(np.ndarray)
    if picture.alpha is not None:
        height, width = whole.shape[:2]
        alpha = enlarged(to_vips(picture.alpha), picture.dtype, width, height).numpy()
        whole = np.concatenate([whole, alpha.reshape(height, width, 1)], axis=2)
    if picture.format == "pil":
        return _to_pil(whole, picture.original)
    return whole.reshape(*whole.shape[:2], *picture.original.shape[2:])


def _from_array(array: Pixels) -> ArrayPicture:
    got = f"got an array of shape {array.shape} and type {array.dtype}"
    if array.dtype not in DTYPES or array.ndim not in {2, 3} or array.size == 0:
        raise UsageError(f"{got}, {_WANTED}")
    whole = array[:, :, None] if array.ndim == 2 else array
    bands = whole.shape[2]
    if bands not in {1, 2, 3, 4}:
        raise UsageError(f"{got}, {_WANTED}")
    colours = 3 if bands >= 3 else 1
    alpha = whole[:, :, colours:] if bands > colours else None
    if array.dtype == np.float32 and (fault := float_fault(whole)):
        raise UsageError(f"{got}: {fault}")
    return ArrayPicture(whole[:, :, :colours], alpha, array)


def _from_pil(image: Any) -> ArrayPicture:
    mode = _PIL_MODES.get(image.mode)
    if mode is None:
        raise UsageError(f"got a PIL image of mode {image.mode!r}, wanted one of: {', '.join(_PIL_MODES)}")
    if image.mode == "P" and "transparency" in image.info:
        mode = "RGBA"
    notes = () if mode == image.mode else (f"PIL mode {image.mode} became {mode}",)
    converted = image if mode == image.mode else image.convert(mode)
    whole = np.asarray(converted)
    if whole.dtype == np.dtype(">u2"):
        whole = whole.astype(np.uint16)
    inner = _from_array(whole)
    space, more = space_for(_profile(image, inner.channels), inner.channels)
    return ArrayPicture(inner.pixels, inner.alpha, image, format="pil", notes=(*notes, *more), space=space)


def _profile(image: Any, channels: int) -> bytes | None:
    """The profile of a PIL image, unless it is for numbers that are no longer there (CMYK)."""
    profile = image.info.get("icc_profile")
    fits = profile is not None and SPACES.get(profile[16:20], channels) in {1, 3}
    return profile if fits else None


def _to_pil(whole: Pixels, original: Any) -> Any:
    from PIL import Image  # an extra: who holds a PIL image has it

    result = Image.fromarray(whole[:, :, 0] if whole.shape[2] == 1 else whole)
    # The profile, resolution and EXIF block; transparency belongs to palettes, which are gone.
    gone = {"transparency"} if _profile(original, len(result.getbands())) else {"transparency", "icc_profile"}
    result.info = {key: value for key, value in original.info.items() if key not in gone}
    if "exif" in result.info:
        exif = Image.Exif()
        exif.load(result.info["exif"])
        inner = exif.get_ifd(0x8769)
        for tags, first in ((exif, 0x0100), (inner, 0xA002)):
            tags.update({first + k: side for k, side in enumerate(result.size) if first + k in tags})
        result.info["exif"] = exif.tobytes()  # without the small picture, which would show the old one
    return result
