"""Files of every format with one property each, made by other programs than the one under test, and readers of theirs.

Profile, EXIF, XMP, IPTC, orientation and density are always the same; pixels are random. What a format cannot hold has
no file here.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, IptcImagePlugin, PngImagePlugin, TiffImagePlugin

from pixelmend.images.vips import pyvips
from tests.images.profile_files import P3

if TYPE_CHECKING:
    from collections.abc import Callable

Pixels = NDArray[Any]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- kept whole --></x:xmpmeta>'
IIM = b"\x1c\x02\x00\x00\x02\x00\x04" + b"\x1c\x02\x78\x00\x0akept whole"
MAKER, WHEN, DOTS = "Camera", "2024:01:02 03:04:05", 300
HEIGHT, WIDTH = 40, 60


def noise(dtype: str = "uint8", channels: int = 3) -> Pixels:
    """A random picture, full range, (40, 60) or (40, 60, channels); one corner is white and the others are dark."""
    rng = np.random.default_rng(0)
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    pixels: Pixels = (rng.random((HEIGHT, WIDTH, channels)) * white / 4).astype(dtype)
    pixels[:16, :16] = white
    return pixels[:, :, 0] if channels == 1 else pixels


def exif(*, orientation: int | None = None, told: bool = True, density: int | None = None) -> Image.Exif:
    """EXIF with a maker and a date, and what else is asked for."""
    block = Image.Exif()
    if told:
        block[271] = MAKER
        inner = block.get_ifd(0x8769)
        inner[0x9003], inner[0xA002], inner[0xA003] = WHEN, WIDTH, HEIGHT
    if orientation is not None:
        block[274] = orientation
    if density is not None:
        block[282] = block[283] = float(density)
        block[296] = 2
    return block


def pil(pixels: Pixels, format: str, **options: object) -> bytes:  # noqa: A002  (the word for it)
    buffer = io.BytesIO()
    mode = options.pop("mode", None)
    image = Image.fromarray(pixels)
    (image.convert(str(mode)) if mode else image).save(buffer, format, **options)
    return buffer.getvalue()


def tiff(pixels: Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    kind = "minisblack" if pixels.ndim == 2 else "rgb"
    tifffile.imwrite(buffer, pixels, **{"photometric": kind, "metadata": None, **options})
    return buffer.getvalue()


def png(pixels: Pixels) -> bytes:
    """8 or 16 bits, by OpenCV; red first. Grey with transparency, which it does not write, by hand."""
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        return _png_of_rows(pixels)
    order = pixels if pixels.ndim == 2 else pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]
    return bytes(cv2.imencode(".png", order)[1])


def _png_of_rows(pixels: Pixels) -> bytes:
    """Grey with transparency, not filtered."""
    depth = 8 * pixels.itemsize
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, 4, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels)
    first = b"\x89PNG\r\n\x1a\n"
    return png_with(first.ljust(33), (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")).replace(
        first.ljust(33), first
    )


def png_with(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks of these names and contents behind its header."""
    more = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return data[:33] + more + data[33:]


def jpeg_with_iptc(pixels: Pixels, **options: object) -> bytes:
    data = pil(pixels, "JPEG", quality=95, **options)
    resource = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(IIM)) + IIM + b"\0" * (len(IIM) % 2)
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource + data[2:]


def heic(pixels: Pixels, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC needs pillow-heif (pip install 'pixelmend[heic]')")
    mode = {2: "L"}.get(pixels.ndim) or {3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    more = options.pop("append", None)
    image = pillow_heif.from_bytes(
        mode + (";16" if pixels.dtype == np.uint16 else ""), (pixels.shape[1], pixels.shape[0]), pixels.tobytes()
    )
    if more is not None:
        image.add_frombytes(mode, (pixels.shape[1], pixels.shape[0]), np.asarray(more).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, quality=-1, chroma=444, **options)
    return buffer.getvalue()


def avif(pixels: Pixels, **options: object) -> bytes:
    if pixels.dtype == np.uint8:
        return pil(pixels, "AVIF", quality=100, subsampling="4:0:0" if pixels.ndim == 2 else "4:4:4", **options)
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16")
    data: bytes = image.heifsave_buffer(compression="av1", bitdepth=10, lossless=True, effort=2)
    return data


def bmp(*, profile: bytes = b"") -> bytes:
    """One with a mask for transparency (version 4 of the header), or with a profile (version 5)."""
    pixels = np.ascontiguousarray(noise(channels=4)[::-1, :, [2, 1, 0, 3]])
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    size = 124 if profile else 108
    head = struct.pack("<IiiHHIIiiII", size, WIDTH, HEIGHT, 1, 32, 3, pixels.nbytes, 11811, 11811, 0, 0)
    head += masks + (b"DEBM" if profile else b"BGRs") + b"\0" * 48
    head += struct.pack("<4I", 0, size + pixels.nbytes, len(profile), 0) if profile else b""
    return (
        b"BM"
        + struct.pack("<IHHI", 14 + len(head) + pixels.nbytes, 0, 0, 14 + len(head))
        + head
        + pixels.tobytes()
        + profile
    )


def _pnginfo() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def _frames(format: str, **options: object) -> bytes:  # noqa: A002  (the word for it)
    return pil(noise(), format, save_all=True, append_images=[Image.fromarray(255 - noise())], **options)


def tiff_exif() -> TiffImagePlugin.ImageFileDirectory_v2:
    """The same as `exif`, as Pillow wants it for a TIFF."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    inner = TiffImagePlugin.ImageFileDirectory_v2()
    tags[271], inner[0x9003] = MAKER, WHEN
    tags[0x8769], tags.tagtype[0x8769] = dict(inner), 4
    return tags


def _gif_with(name: bytes, body: bytes) -> bytes:
    """A GIF with a block of an application, behind its palette."""
    data = pil(noise(), "GIF")
    after = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    return data[:after] + b"\x21\xff\x0b" + name + body + data[after:]


def _turned() -> Image.Exif:
    return exif(orientation=6, told=False)


def _dense() -> Image.Exif:
    return exif(told=False, density=DOTS)


def _cmyk(format: str) -> bytes:  # noqa: A002  (the word for it)
    return pil(noise(), format, mode="CMYK")


FILES: dict[str, dict[str, Callable[[], bytes]]] = {
    "JPEG": {
        "8 bits": lambda: pil(noise(), "JPEG", quality=95, subsampling=0),
        "grey": lambda: pil(noise(channels=1), "JPEG", quality=95),
        "ICC": lambda: pil(noise(), "JPEG", icc_profile=P3),
        "EXIF": lambda: pil(noise(), "JPEG", exif=exif()),
        "XMP": lambda: pil(noise(), "JPEG", xmp=XMP),
        "IPTC": lambda: jpeg_with_iptc(noise()),
        "orientation": lambda: pil(noise(), "JPEG", exif=_turned()),
        "density": lambda: pil(noise(), "JPEG", dpi=(DOTS, DOTS)),
        "CMYK": lambda: _cmyk("JPEG"),
    },
    "PNG": {
        "8 bits": lambda: png(noise()),
        "16 bits": lambda: png(noise("uint16")),
        "grey": lambda: png(noise(channels=1)),
        "alpha": lambda: png(noise("uint16", 4)),
        "ICC": lambda: pil(noise(), "PNG", icc_profile=P3),
        "EXIF": lambda: pil(noise(), "PNG", exif=exif()),
        "XMP": lambda: pil(noise(), "PNG", pnginfo=_pnginfo()),
        "orientation": lambda: pil(noise(), "PNG", exif=_turned()),
        "density": lambda: pil(noise(), "PNG", dpi=(DOTS, DOTS)),
        "frames": lambda: _frames("PNG"),
    },
    "WebP": {
        "8 bits": lambda: pil(noise(), "WEBP", lossless=True),
        "alpha": lambda: pil(noise(channels=4), "WEBP", lossless=True, exact=True),
        "ICC": lambda: pil(noise(), "WEBP", lossless=True, icc_profile=P3),
        "EXIF": lambda: pil(noise(), "WEBP", lossless=True, exif=exif()),
        "XMP": lambda: pil(noise(), "WEBP", lossless=True, xmp=XMP),
        "orientation": lambda: pil(noise(), "WEBP", lossless=True, exif=_turned()),
        "density": lambda: pil(noise(), "WEBP", lossless=True, exif=_dense()),
        "frames": lambda: _frames("WEBP", lossless=True),
    },
    "TIFF": {
        "8 bits": lambda: tiff(noise()),
        "16 bits": lambda: tiff(noise("uint16")),
        "float": lambda: tiff(noise("float32")),
        "grey": lambda: tiff(noise(channels=1)),
        "alpha": lambda: tiff(noise("uint16", 4), extrasamples=["unassalpha"]),
        "ICC": lambda: tiff(noise(), iccprofile=P3),
        "EXIF": lambda: pil(noise(), "TIFF", tiffinfo=tiff_exif()),
        "XMP": lambda: tiff(noise(), extratags=[(700, 1, len(XMP), XMP, False)]),
        "IPTC": lambda: tiff(noise(), extratags=[(33723, 7, len(IIM), IIM, False)]),
        "orientation": lambda: tiff(noise(), extratags=[(274, 3, 1, 6, False)]),
        "density": lambda: tiff(noise(), resolution=(DOTS, DOTS), resolutionunit=2),
        "frames": lambda: _frames("TIFF"),
        "CMYK": lambda: _cmyk("TIFF"),
    },
    "AVIF": {
        "8 bits": lambda: avif(noise()),
        "16 bits": lambda: avif(noise("uint16")),
        "grey": lambda: avif(noise(channels=1)),
        "alpha": lambda: avif(noise(channels=4)),
        "ICC": lambda: avif(noise(), icc_profile=P3),
        "EXIF": lambda: avif(noise(), exif=exif()),
        "XMP": lambda: avif(noise(), xmp=XMP),
        "orientation": lambda: avif(noise(), exif=_turned()),
        "density": lambda: avif(noise(), exif=_dense()),
        "frames": lambda: _frames("AVIF"),
    },
    "HEIC": {
        "8 bits": lambda: heic(noise()),
        "16 bits": lambda: heic(noise("uint16")),
        "grey": lambda: heic(noise(channels=1)),
        "alpha": lambda: heic(noise(channels=4)),
        "ICC": lambda: heic(noise(), icc_profile=P3, color_profile_type="prof"),
        "EXIF": lambda: heic(noise(), exif=exif().tobytes()),
        "XMP": lambda: heic(noise(), xmp=XMP),
        "orientation": lambda: heic(noise(), exif=_turned().tobytes()),
        "density": lambda: heic(noise(), exif=_dense().tobytes()),
        "frames": lambda: heic(noise(), append=255 - noise()),
    },
    "GIF": {
        "8 bits": lambda: pil(noise(), "GIF"),
        "alpha": lambda: pil(np.dstack([noise(), 255 * (noise(channels=1) > 30).astype(np.uint8)]), "GIF"),
        "ICC": lambda: _gif_with(b"ICCRGBG1012", bytes([200]) + P3[:200] + b"\0"),
        "XMP": lambda: _gif_with(b"XMP DataXMP", XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"),
        "frames": lambda: _frames("GIF"),
    },
    "BMP": {
        "8 bits": lambda: pil(noise(), "BMP"),
        "grey": lambda: pil(noise(channels=1), "BMP"),
        "alpha": bmp,
        "ICC": lambda: bmp(profile=P3),
        "density": lambda: pil(noise(), "BMP", dpi=(DOTS, DOTS)),
    },
    "PPM, PGM": {
        "8 bits": lambda: pil(noise(), "PPM"),
        "16 bits": lambda: b"P6 60 40 65535\n" + noise("uint16").astype(">u2").tobytes(),
        "grey": lambda: pil(noise(channels=1), "PPM"),
    },
    "PFM": {
        "float": lambda: b"PF\n60 40\n-1.0\n" + noise("float32")[::-1].tobytes(),
        "grey": lambda: b"Pf\n60 40\n1.0\n" + noise("float32", 1)[::-1].astype(">f4").tobytes(),
    },
}
"""Of each format, a file for each property that it can hold."""


def opened(data: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data))


def _by_opencv(data: bytes) -> Pixels:
    """Of a PNG, by OpenCV, red first."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    found: Pixels = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), flags))
    return found if found.ndim == 2 else found[:, :, [2, 1, 0, 3][: found.shape[2]]]


def pixels_of(data: bytes) -> Pixels:
    """All channels of a PNG, TIFF or WebP as another reader has them; no orientation is applied."""
    if data[:4] == b"\x89PNG" and data[25] == 4:  # OpenCV makes four channels of grey with transparency
        return _by_opencv(data)[:, :, [0, 3]]
    if data[:4] == b"\x89PNG":
        return _by_opencv(data)
    if _is_tiff(data):
        return tifffile.imread(io.BytesIO(data))
    return np.asarray(opened(data))


def bits_of(data: bytes) -> int:
    """Bits of one value."""
    if data[:4] == b"\x89PNG":
        return data[24]
    if _is_tiff(data):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return int(file.pages.first.bitspersample)
    if data[4:8] == b"ftyp":
        return data[data.index(b"pixi") + 9]
    return 8


def is_grey(data: bytes) -> bool:
    """Whether one value makes a pixel."""
    if data[:4] == b"\x89PNG":
        return data[25] in {0, 4}
    if _is_tiff(data):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return int(file.pages.first.samplesperpixel) == 1
    return opened(data).mode == "L"


def alpha_of(data: bytes) -> Pixels | None:
    """Transparency in 8 bits, or None."""
    if data[:4] == b"\x89PNG" or _is_tiff(data):
        found = pixels_of(data)
        if found.ndim == 2 or found.shape[2] not in {2, 4}:
            return None
        alpha: Pixels = found[:, :, -1]
        return alpha if alpha.dtype == np.uint8 else np.rint(alpha / 257).astype(np.uint8)
    image = opened(data)
    return np.asarray(image.getchannel("A")) if image.mode in {"RGBA", "LA"} else None


def _is_tiff(data: bytes) -> bool:
    return data[:2] in {b"II", b"MM"}


def _tag(data: bytes, number: int) -> Any:
    """Of a TIFF, by tifffile: Pillow does not open all that have 16 bits."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return file.pages.first.tags.valueof(number)


def profile_of(data: bytes) -> bytes | None:
    found: bytes | None = _tag(data, 34675) if _is_tiff(data) else opened(data).info.get("icc_profile")
    return found


def exif_of(data: bytes) -> tuple[object, object]:
    """Maker and date."""
    if _is_tiff(data):
        return _tag(data, 271), (_tag(data, 0x8769) or {}).get("DateTimeOriginal")
    block = opened(data).getexif()
    return block.get(271), block.get_ifd(0x8769).get(0x9003)


def orientation_of(data: bytes) -> int:
    """1 to 8; 1 where it is not told."""
    return int((_tag(data, 274) if _is_tiff(data) else opened(data).getexif().get(274)) or 1)


def xmp_of(data: bytes) -> bytes | None:
    """The bytes between the tags of XMP; PNG may hold them compressed."""
    if data[:4] == b"\x89PNG":
        data = str(opened(data).info.get("XML:com.adobe.xmp", "")).encode()
    start, end = data.find(XMP[:20]), data.find(XMP[-12:])
    return data[start : end + 12] if 0 <= start < end else None


def iptc_of(data: bytes) -> object:
    """The caption."""
    found = IptcImagePlugin.getiptcinfo(opened(data)) or {}
    return found.get((2, 0x78))


def upright(data: bytes) -> tuple[tuple[int, int], str]:
    """Size as shown, and the corner that is white."""
    image = ImageOps.exif_transpose(opened(data)).convert("L")
    shown = np.asarray(image).astype(float)
    corners = {"top left": shown[:8, :8], "top right": shown[:8, -8:], "bottom left": shown[-8:, :8]}
    return image.size, max(corners, key=lambda name: float(corners[name].mean()))


def dots_of(data: bytes) -> float | None:
    """Pixels per inch, to be printed at."""
    if _is_tiff(data):
        told = _tag(data, 282)
        per = 2.54 if _tag(data, 296) == 3 else 1
        return None if told is None else per * float(told[0] / told[1])
    image = opened(data)
    told = image.info["dpi"][0] if "dpi" in image.info else image.getexif().get(282)
    return None if told is None else float(told)
