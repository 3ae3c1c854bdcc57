"""What comes with a picture beside its pixels: profile, EXIF, XMP, IPTC, orientation, density; read whole and kept.

libvips holds EXIF twice, as a block and as fields; both must come or go. What EXIF says of the size in pixels it sets
right as it writes, and the small picture inside EXIF, which would go on showing the old one, is never taken over.

A picture that does not tell its density is given 72 dots per inch, which EXIF has for "unknown".
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images import tags as lists
from pixelmend.images.formats import FORMATS
from pixelmend.images.profiles import SPACES
from pixelmend.images.values import from_unit
from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    import mmap

    from numpy.typing import NDArray

    from pixelmend.images.decode import Picture
    from pixelmend.images.picture import ColourSpace

PROFILE, BLOCK, XMP, IPTC = "icc-profile-data", "exif-data", "xmp-data", "iptc-data"
BITS = "bits-per-sample"
_THUMBNAIL = "jpeg-thumbnail-data"
_KEPT = (PROFILE, XMP, "orientation", "resolution-unit", "image-description")
"""Fields of a libvips image that belong to the picture and not to the file it was in; and EXIF."""
_JPEG_HOLDS = {
    XMP: ("XMP was", 60_000, (XMP,)),
    IPTC: ("IPTC was", 65_500, (IPTC,)),
    BLOCK: ("what the camera's maker noted in EXIF was", 65_000, ("exif-ifd2-MakerNote", "exif-ifd2-UserComment")),
}
"""What a JPEG holds of each kind, in bytes, and what is left out where there is more."""
_EXIF_DENSITY = ("exif-ifd0-XResolution", "exif-ifd0-YResolution", "exif-ifd0-ResolutionUnit")
_UNKNOWN = 72 / 25.4
"""Pixels per millimetre where nothing is told."""


def read_metadata(image: Any, buffer: bytes | mmap.mmap | None) -> tuple[Any, list[str]]:
    """An image with what libvips did not find in the file it opened; and what could not be kept.

    Args:
        image: As libvips opened it.
        buffer: The file, where it could be mapped.
    """
    notes: list[str] = []
    loader = str(image.get("vips-loader"))
    if buffer is not None and loader.startswith("tiff"):
        try:
            image, notes = _with_tags(image, lists.read_tiff(buffer))
        except lists.BrokenTagsError as error:
            notes = [f"EXIF and IPTC are damaged and were left out ({error})"]
    if buffer is not None and loader.startswith("gif"):
        marks = {"XMP": b"XMP DataXMP", "the colour profile": b"ICCRGBG1012"}
        notes += [
            f"{what} was left out: it is not read from GIF" for what, mark in marks.items() if buffer.find(mark) > 0
        ]
    return _with_density(image), notes


def header_of(exif: bytes | None, xmp: bytes | None, profile: bytes | None, density: float | None) -> Any:
    """An image of one pixel that holds what another library read; upright, as such libraries give pixels.

    Args:
        exif: A block of EXIF.
        xmp: XML.
        profile: An ICC profile.
        density: Pixels per millimetre.
    """
    image = _probe(exif) if exif else pyvips.Image.black(1, 1)
    image = image.copy() if density is None else image.copy(xres=density, yres=density)
    if "orientation" in image.get_fields():
        image.set("orientation", 1)
    for key, value in ((XMP, xmp), (PROFILE, profile)):
        if value:
            image.set_type(pyvips.GValue.blob_type, key, value)
    return _with_density(image)


def with_metadata(image: Any, like: Picture, name: str) -> tuple[Any, list[str]]:
    """Pixels that are to be written, with what came with a picture as far as a format holds it; and what it does not.

    Args:
        image: Grey or RGB, with or without transparency.
        like: The picture that it was made from.
        name: The format to be.
    """
    header, form = like.header, FORMATS[name]
    image = _with_fields(image, header, name)
    notes = []
    if name != "png" and any(key.startswith("png-comment-") for key in header.get_fields()):
        notes.append(f"text of the PNG was left out: {form.name} holds none")
    if (iim := _iim(header)) is not None and name == "jpeg":
        image.set_type(pyvips.GValue.blob_type, IPTC, lists.wrapped(iim))
    elif iim is not None and not form.iptc:
        notes.append(f"IPTC was left out: {form.name} holds none")
    if name == "jpeg":
        notes += _cut_to_jpeg(image, header)
    image, more = _with_profile(image, like, name)
    return image, notes + more


def _with_fields(image: Any, header: Any, name: str) -> Any:
    """An image with the fields of a header that belong to the picture; the header says which of EXIF there are."""
    image, fields = image.copy(), header.get_fields()
    # The block first: libvips reads density, orientation and fields out of it as it is set.
    for key in sorted(fields, key=lambda each: each != BLOCK):
        exif = key.startswith("exif-") and not key.startswith("exif-ifd1-")
        if key in _KEPT or exif or (name == "png" and key.startswith("png-comment-")):
            image.set_type(header.get_typeof(key), key, header.get(key))
    for key in image.get_fields():
        found = key.startswith(("exif-", "orientation")) and key not in fields
        if found or key.startswith(("exif-ifd1-", _THUMBNAIL)):
            image.remove(key)
    image = image.copy(xres=header.xres, yres=header.yres)
    for key, side in (("exif-ifd0-ImageWidth", image.width), ("exif-ifd0-ImageLength", image.height)):
        if key in fields:
            image.set_type(pyvips.GValue.gstr_type, key, str(side))
    return image


def _cut_to_jpeg(image: Any, header: Any) -> list[str]:
    """Take away what is too long for a JPEG, whose pieces have 64 kB each; libvips would do so without a word."""
    notes = []
    fields = image.get_fields()
    # of EXIF the small picture is not written
    spared = {BLOCK: len(header.get(_THUMBNAIL)) if _THUMBNAIL in header.get_fields() else 0}
    for key, (what, most, gone) in _JPEG_HOLDS.items():
        if key in fields and len(image.get(key)) - spared.get(key, 0) > most:
            for each in gone:
                if each in fields:
                    image.remove(each)
            notes.append(f"{what} left out: JPEG holds {most // 1000} kB of it")
    return notes


def without_metadata(image: Any) -> Any:
    """Pixels that are to be written and tell nothing but themselves."""
    return image.copy(xres=_UNKNOWN, yres=_UNKNOWN)


def kept_kinds(image: Any, name: str) -> str:
    """Which kinds of metadata libvips is to write: EXIF only where there is some, or where it alone tells something.

    libvips would otherwise write EXIF that says nothing.
    """
    fields = image.get_fields()
    told = any(key.startswith("exif-") for key in fields)
    turned = "orientation" in fields and image.get("orientation") != 1
    dense = not FORMATS[name].density and not _unknown(image)
    return "all" if told or turned or dense else "icc|xmp|iptc|other"


def bits_of(picture: Picture) -> int:
    """How many bits a value had in its file, as far as it tells; else 16."""
    header = picture.header
    return int(header.get(BITS)) if BITS in header.get_fields() else 16


def tags_for_tiff(like: Picture, width: int, height: int) -> tuple[lists.Tags, list[str]]:
    """What libvips does not write into a TIFF: EXIF and IPTC, for a picture of this size; and what was lost."""
    found: lists.Tags = {}
    notes = []
    if BLOCK in like.header.get_fields():
        try:
            found = lists.sized(lists.read_block(like.header.get(BLOCK)), width, height)
        except lists.BrokenTagsError as error:
            notes = [f"EXIF is damaged and was left out ({error})"]
    if (iim := _iim(like.header)) is not None:
        found[lists.IPTC] = lists.iptc_tag(iim)
    return found, notes


def _iim(header: Any) -> bytes | None:
    return lists.iim_of(header.get(IPTC)) if IPTC in header.get_fields() else None


def _with_tags(image: Any, found: lists.Tags) -> tuple[Any, list[str]]:
    notes = []
    iim, extra = found.pop(lists.IPTC, None), found.pop(lists.EXTRA_SAMPLES, None)
    if isinstance(extra, lists.Tag) and extra.data[:2] == b"\x01\0":
        notes.append("colour that was multiplied by its transparency was divided by it")
    density = (image.xres, image.yres)
    image = image.copy()
    if IPTC in image.get_fields():  # cut short by libvips
        image.remove(IPTC)
    if isinstance(iim, lists.Tag) and lists.iim_of(iim.data) is not None:
        image.set_type(pyvips.GValue.blob_type, IPTC, lists.wrapped(iim.data))
    if found:
        probe = _probe(lists.as_block(found))
        for key in probe.get_fields():
            if key.startswith("exif-"):
                image.set_type(probe.get_typeof(key), key, probe.get(key))
        image = image.copy(xres=density[0], yres=density[1])
    return image, notes


@lru_cache(maxsize=1)
def _smallest() -> bytes:
    data: bytes = without_metadata(pyvips.Image.black(1, 1)).pngsave_buffer(keep="none")
    return data


def _probe(block: bytes) -> Any:
    """One pixel with a block of EXIF, and its fields as libvips reads them."""
    chunk = b"eXIf" + block.removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    after = 8 + 25  # signature and header
    return pyvips.Image.new_from_buffer(_smallest()[:after] + chunk + _smallest()[after:], "")


def _with_density(image: Any) -> Any:
    """An image whose density is that of its EXIF where the file tells none beside it; or what stands for unknown."""
    if not _unknown(image):
        return image
    density = _exif_density(image)
    image = image.copy(xres=density[0], yres=density[1])
    if all(map(_stands_for_unknown, density)):
        for key in _EXIF_DENSITY:
            if key in image.get_fields():
                image.remove(key)  # libvips writes what the image says
    if "resolution-unit" not in image.get_fields():
        image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    return image


def _unknown(image: Any) -> bool:
    """Whether libvips found no density."""
    return all(_stands_for_unknown(each) for each in (image.xres, image.yres))


def _stands_for_unknown(density: float) -> bool:
    """Density 1 a millimetre or 72 an inch is what libvips says where it found none, also in EXIF that it completes."""
    return min(abs(density - 1), abs(density - _UNKNOWN)) < 1e-3


def _exif_density(image: Any) -> tuple[float, float]:
    fields = image.get_fields()
    *names, units = _EXIF_DENSITY
    if any(name not in fields for name in names):
        return _UNKNOWN, _UNKNOWN
    unit = str(image.get(units)) if units in fields else "2"
    millimetres = 10.0 if unit.startswith("3") else 25.4
    told = []
    for name in names:
        above, _, below = str(image.get(name)).split(" ")[0].partition("/")
        try:
            told.append(float(above) / float(below or 1) / millimetres)
        except (ValueError, ZeroDivisionError):
            return _UNKNOWN, _UNKNOWN
    if min(told) <= 0 or all(map(_stands_for_unknown, told)):
        return _UNKNOWN, _UNKNOWN
    return told[0], told[1]


def _with_profile(image: Any, like: Picture, name: str) -> tuple[Any, list[str]]:
    """Leave out a profile that the file to be could not hold; the colours of grey are then brought to sRGB."""
    if PROFILE not in image.get_fields():
        return image, []
    grey = image.bands - image.hasalpha() == 1
    channels = 1 if grey and FORMATS[name].gray else 3
    if SPACES.get(image.get(PROFILE)[16:20]) == channels and grey == (like.channels == 1):
        return _of_its_length(image) if name == "png" else (image, [])
    image = image.copy()
    image.remove(PROFILE)
    if like.space is not None and grey and like.channels == 1 and image.format != "float":
        return _in_srgb(image, like.space), [
            f"the colour profile does not fit grey in {FORMATS[name].name}: colours became sRGB, and it was left out"
        ]
    return image, ["the colour profile was left out: it does not fit the number of channels"]


def _of_its_length(image: Any) -> tuple[Any, list[str]]:
    """An image whose profile is as long as it says; libpng writes no picture with another."""
    profile = bytes(image.get(PROFILE))
    length = int.from_bytes(profile[:4], "big")
    if length == len(profile):
        return image, []
    image = image.copy()
    if not 132 <= length < len(profile):
        image.remove(PROFILE)
        return image, ["the colour profile was left out: it is damaged, and PNG holds none that is"]
    image.set_type(pyvips.GValue.blob_type, PROFILE, profile[:length])  # what was behind it was not its own
    return image, []


def _in_srgb(image: Any, space: ColourSpace) -> Any:
    """Grey of 8 or 16 bits, looked up."""
    count = 256 if image.format == "uchar" else 65536
    values: NDArray[np.float32] = np.linspace(0, 1, count, dtype=np.float32).reshape(1, -1, 1)
    looked = from_unit(space.to_srgb(values), np.dtype(np.uint8 if count == 256 else np.uint16))
    colour = image.extract_band(0).maplut(pyvips.Image.new_from_array(looked))
    joined = colour.bandjoin(image.extract_band(1)) if image.hasalpha() else colour
    # the fields of the picture went with its first band
    return joined.copy(interpretation=image.interpretation)
