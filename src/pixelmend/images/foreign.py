"""Pictures that libvips, as it is installed, does not read: HEIC, BMP, and the plain ones of PPM, PGM and PFM.

HEIC and BMP are read by libraries that are extras; the plain ones are numbers behind a line of text.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UnreadableError
from pixelmend.images.limits import Declared, check_declared
from pixelmend.images.metadata import BITS, header_of
from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    import mmap

    from numpy.typing import NDArray

_PLAIN = re.compile(rb"P([56Ff])" + 3 * rb"(?:\s+(?:#[^\n\r]*[\n\r]\s*)*)([-+.\deE]+)" + rb"(?:[ \t]*#[^\n\r]*)?\s")


@dataclass(frozen=True, eq=False)
class Foreign:
    """A picture as another library read it.

    Attributes:
        image: libvips image of its pixels.
        header: libvips image whose fields hold what came with it.
        format: "heic", "bmp", "ppm", "pgm" or "pfm".
        notes: What could not be kept.
    """

    image: Any
    header: Any
    format: str
    notes: tuple[str, ...] = ()


def open_foreign(buffer: bytes | mmap.mmap, name: str, max_megapixels: float | None = None) -> Foreign | None:
    """A BMP, PPM, PGM or PFM; None where the file is none.

    Args:
        buffer: All of it.
        name: How a message names it.
        max_megapixels: See `pixelmend.images.limits.check_declared`.

    Raises:
        UnreadableError: It is one, but damaged, or the extra that reads it is missing.
    """
    start = bytes(buffer[:64])
    if start[:2] == b"BM":
        return _bmp(buffer, name, max_megapixels)
    if re.match(rb"P[1-7Ff]\s", start):
        return _plain(buffer, name, max_megapixels)
    if start[4:12] == b"ftypavis":
        raise UnreadableError(f"cannot read {name}: it is a moving AVIF, wanted a still one: convert it first")
    return None


def open_heic(buffer: bytes | mmap.mmap, name: str) -> Foreign:
    """A HEIC file: its first picture, upright, with all of its bits.

    Raises:
        UnreadableError: It is damaged, or the extra that reads it is missing.
    """
    try:
        import pillow_heif
    except ImportError:
        raise UnreadableError(
            f"cannot read {name}: HEIC needs pillow-heif, which is not installed: pip install 'pixelmend[heic]'"
        ) from None
    try:
        file = pillow_heif.open_heif(io.BytesIO(buffer), convert_hdr_to_8bit=False)
        pixels = np.asarray(file)
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        raise _damaged(name, error) from None
    info = file.info
    bits = int(info.get("bit_depth") or 8)
    if pixels.dtype == np.uint16:
        # ten bits come in the upper part of sixteen, so that white would not be white
        scale = 65535 / (2**bits - 1)
        pixels = np.rint((pixels >> (16 - bits)) * np.float32(scale)).astype(np.uint16)
    notes = [f"only the first of {len(file)} frames or pages is kept"] if len(file) > 1 else []
    if info.get("depth_images") or info.get("aux"):
        notes.append("what came beside the picture (depth, gain map) was left out")
    header = header_of(info.get("exif"), info.get("xmp"), info.get("icc_profile"), None)
    header.set_type(pyvips.GValue.gint_type, BITS, bits)
    image = pyvips.Image.new_from_array(pixels)
    if file.has_alpha and file.premultiplied_alpha:
        image = image.unpremultiply().rint().cast("ushort" if pixels.dtype == np.uint16 else "uchar")
        notes.append("colour that was multiplied by its transparency was divided by it")
    return Foreign(image, header, "heic", tuple(notes))


def _damaged(name: str, error: Exception) -> UnreadableError:
    why = " ".join(str(error).split())
    return UnreadableError(f"cannot read {name}: the file is damaged or cut short ({why}), copy or download it again")


def _bmp(buffer: bytes | mmap.mmap, name: str, max_megapixels: float | None) -> Foreign:
    try:
        from PIL import Image
    except ImportError:
        raise UnreadableError(
            f"cannot read {name}: BMP needs Pillow, which is not installed: pip install 'pixelmend[pil]'"
        ) from None
    form = "<HH" if bytes(buffer[14:18]) == b"\x0c\0\0\0" else "<ii"  # the oldest header is short
    width, height = map(abs, struct.unpack_from(form, bytes(buffer[18:26]).ljust(8, b"\0")))
    # It takes fewer bytes a pixel, but of more pixels than are allowed by that Pillow would warn.
    check_declared(Declared(width, height, "bmp", 3, held=11.2), name, max_megapixels)
    try:
        with Image.open(io.BytesIO(buffer), formats=["BMP"]) as file:
            mode = file.mode
            wanted = {"1": "L", "P": "RGB"}.get(mode, mode)
            pixels = np.asarray(file.convert(wanted))
            dots = file.info.get("dpi")
    except (ValueError, SyntaxError, OSError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _damaged(name, error) from None
    notes = {"P": ["the palette became full colour"], "1": ["1 bit a pixel became 8"]}.get(mode, [])
    if bytes(buffer[70:74]) == b"DEBM" and buffer[14] == 124:  # the fifth version of the header, little end first
        notes.append("the colour profile was left out: it is not read from BMP")
    density = dots[0] / 25.4 if dots and dots[0] > 0 else None
    return Foreign(pyvips.Image.new_from_array(pixels), header_of(None, None, None, density), "bmp", tuple(notes))


def _plain(buffer: bytes | mmap.mmap, name: str, max_megapixels: float | None) -> Foreign:
    """Numbers behind "P5 width height maximum" and the like; they stay in the file until they are asked for."""
    told = _PLAIN.match(buffer)
    if told is None:
        raise UnreadableError(f"cannot read {name}: wanted a binary PGM (P5), PPM (P6) or PFM (Pf, PF): convert it")
    kind = told[1].decode()
    bands = 3 if kind in "6F" else 1
    try:
        width, height, most = int(told[2]), int(told[3]), float(told[4])
    except ValueError:
        raise UnreadableError(f"cannot read {name}: its first line is damaged") from None
    floats = kind in "Ff"
    if min(width, height) < 1 or most == 0 or (not floats and not 1 <= most <= 65535):
        raise UnreadableError(f"cannot read {name}: its first line tells an impossible size or maximum")
    whole = "u1" if most < 256 else ">u2"
    dtype: np.dtype[Any] = np.dtype(("<f4" if most < 0 else ">f4") if floats else whole)
    check_declared(Declared(width, height, "ppm", 0), name, max_megapixels)
    count = width * height * bands
    if len(buffer) - told.end() < count * dtype.itemsize:
        raise UnreadableError(f"cannot read {name}: the file is cut short, wanted a whole picture: copy it again")
    stored: NDArray[Any] = np.frombuffer(buffer, dtype, count, told.end())
    image = pyvips.Image.new_from_memory(
        stored, width, height, bands, {1: "uchar", 2: "ushort"}.get(dtype.itemsize, "float")
    )
    if not dtype.isnative:
        image = image.byteswap()
    notes: tuple[str, ...] = ()
    if floats:
        image = image.flipver()
    elif most not in {255, 65535}:
        white = 255 if most < 256 else 65535
        image = image.linear(white / most, 0).rint().cast("uchar" if most < 256 else "ushort")
        notes = (f"values up to {most:g} were stretched to {white}",)
    return Foreign(image, header_of(None, None, None, None), {"5": "pgm", "6": "ppm"}.get(kind, "pfm"), notes)
