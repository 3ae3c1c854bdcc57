"""Whatever a file holds, as grey or RGB of 8 bits, 16 bits or float; and what was changed on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UnreadableError
from pixelmend.images.metadata import BITS, PROFILE

if TYPE_CHECKING:
    import mmap

DTYPES = {"uchar": "uint8", "ushort": "uint16", "float": "float32"}
"""Types of NumPy by those of libvips that stay what they are."""
_WANTED = "wanted 8 or 16 bits or float32, grey or RGB, with or without transparency: convert it first"
_START = 2**16  # of an AVIF: what tells of its pictures
_LAB = {"lab", "labs", "labq", "lch", "xyz", "yxy"}


def normalised(image: Any, name: str) -> tuple[Any, list[str]]:
    """An image of 1 to 4 bands of one of `DTYPES`; and what became of it on the way.

    Palettes, CMYK and CIELAB become RGB, and whole numbers of 32 bits become 16.

    Raises:
        UnreadableError: It is of a kind that has no such form.
    """
    fields = image.get_fields()
    bits = int(image.get(BITS)) if BITS in fields else None
    notes = []
    if "palette" in fields:
        notes.append("the palette became full colour")
    elif bits is not None and bits < 8:
        notes.append(f"{bits} bit{'s' if bits > 1 else ''} a pixel became 8")
    if image.interpretation == "cmyk":
        image = _from_cmyk(image)
        notes.append("CMYK was converted to sRGB")
    elif image.interpretation in _LAB:
        image = _without_profile(image.colourspace("rgb16"))
        notes.append("CIELAB was converted to sRGB")
    if image.format == "uint":
        image = image.linear(65535 / (2**32 - 1), 0).rint().cast("ushort")
        notes.append("whole numbers of 32 bits became 16")
    elif image.format == "double":
        image = image.cast("float")
        notes.append("numbers of 64 bits became 32")
    elif image.format == "float" and bits == 16:
        notes.append("floating-point numbers of 16 bits became 32")
    elif image.format == "ushort" and bits is not None and 8 < bits < 16:
        # They lie in the upper part of sixteen, so that white would not be white.
        image = image.linear(65535 / ((2**bits - 1) << (16 - bits)), 0).rint().cast("ushort")
    if image.format not in DTYPES or image.bands > 4:
        raise UnreadableError(f"cannot read {name}: got {image.bands} bands of type {image.format}; {_WANTED}")
    return image, notes


def left_behind(image: Any, buffer: bytes | mmap.mmap | None) -> list[str]:
    """What a file holds beside the picture that is read, and how else that differs, one sentence each.

    Args:
        image: As libvips opened it.
        buffer: The file, where it could be mapped.
    """
    notes = []
    loader = str(image.get("vips-loader"))
    frames = int(image.get_n_pages())
    if buffer is not None and loader.startswith("png"):
        at = buffer.find(b"acTL", 8, buffer.find(b"IDAT"))  # libvips tells nothing of moving PNG
        frames = int.from_bytes(buffer[at + 4 : at + 8], "big") if at > 0 else 1
    if frames > 1:
        notes.append(f"only the first of {frames} frames or pages is kept")
    if "gainmap-data" in image.get_fields():
        notes.append("the gain map for very bright screens was left out")
    if buffer is not None and loader.startswith("heif"):
        # how many channels each picture in the file has: its own and that of transparency
        channels = set(re.findall(rb"pixi\0{4}(.)", buffer[:_START], re.DOTALL))
        if channels == {b"\1"} and image.bands >= 3:
            notes.append("grey became colour: it is read so from AVIF")
    return notes


def _from_cmyk(image: Any) -> Any:
    """To sRGB through the embedded profile, or libvips' own where there is none."""
    depth = 16 if image.format == "ushort" else 8
    return _without_profile(image.icc_transform("srgb", input_profile="cmyk", embedded=True, depth=depth))


def _without_profile(image: Any) -> Any:
    """The same image; the old profile no longer says what its numbers mean."""
    image = image.copy()
    if PROFILE in image.get_fields():
        image.remove(PROFILE)
    return image
