"""Tiny pictures of every kind that is read, with all that may come with one; made anew each time, and the same."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    from numpy.typing import NDArray

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
IPTC = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x05\0\x07picture"


@lru_cache(maxsize=1)
def corpus() -> dict[str, bytes]:
    """Every file by a name that tells what it is."""
    y, x = np.mgrid[0:24, 0:32].astype(np.float32)
    unit = np.stack([x / 32, y / 24, 0.5 + 0.4 * np.sin(x * y / 17)], axis=2)
    colour = Image.fromarray(np.rint(unit * 255).astype(np.uint8))
    return {**_by_pillow(colour), **_by_libvips(unit), **_plain(unit), **_heic(colour)}


def _by_pillow(colour: Image.Image) -> dict[str, bytes]:
    clear = colour.copy()
    clear.putalpha(colour.convert("L"))
    turned = Image.Exif()
    turned[274], turned[271], turned[306] = 6, "maker", "2020:01:01 00:00:00"
    turned.get_ifd(0x8769)[0x829A] = (1, 60)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # without the time of its making, which would make each run's files others
    profile = profile[:24] + bytes(12) + profile[36:]
    kept: dict[str, Any] = {"exif": turned, "icc_profile": profile}
    frames = [colour.rotate(90 * k).convert("P") for k in range(3)]
    moving: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 40}
    words = PngInfo()
    words.add_text("Gerät", "Schärfe")
    words.add_itxt("Title", "schön", zip=True)
    return {
        "png": _saved(colour, "PNG", **kept),
        "png words": _saved(colour, "PNG", pnginfo=words),
        "png grey": _saved(colour.convert("L"), "PNG"),
        "png grey clear": _saved(clear.convert("LA"), "PNG"),
        "png clear": _saved(clear, "PNG", **kept),
        "png palette": _saved(colour.convert("P"), "PNG", transparency=3),
        "png 1 bit": _saved(colour.convert("1"), "PNG"),
        "png moving": _saved(colour, "PNG", save_all=True, append_images=[colour.rotate(90)]),
        "jpeg": _saved(colour, "JPEG", xmp=XMP, **kept),
        "jpeg progressive": _saved(colour, "JPEG", progressive=True, subsampling=0, **kept),
        "jpeg grey": _saved(colour.convert("L"), "JPEG", restart_marker_blocks=1),
        "jpeg cmyk": _saved(colour.convert("CMYK"), "JPEG"),
        "gif": _saved(colour.convert("P"), "GIF", comment=b"said"),
        "gif moving": _saved(frames[0], "GIF", transparency=1, disposal=2, **moving),
        "webp": _saved(colour, "WEBP", xmp=XMP, **kept),
        "webp clear": _saved(clear, "WEBP", lossless=True),
        "webp moving": _saved(colour, "WEBP", save_all=True, append_images=[clear]),
        "avif": _saved(colour, "AVIF", speed=10, **kept),
        "avif clear": _saved(clear, "AVIF", speed=10, subsampling="4:4:4"),
        "bmp": _saved(colour, "BMP"),
        "bmp palette": _saved(colour.convert("P"), "BMP"),
        "bmp 1 bit": _saved(colour.convert("1"), "BMP"),
        "tiff pages": _saved(colour, "TIFF", save_all=True, append_images=[colour.convert("L")], **kept),
        "tiff big": _saved(colour, "TIFF", big_tiff=True),
        "tiff cmyk": _saved(colour.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        "tiff lab": _saved(colour.convert("RGB"), "TIFF", tiffinfo={262: 8}),
        "tiff palette": _saved(colour.convert("P"), "TIFF", compression="packbits"),
        "tiff fax": _saved(colour.convert("1"), "TIFF", compression="group4"),
    }


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _by_libvips(unit: NDArray[np.float32]) -> dict[str, bytes]:
    eight, sixteen, floats = (
        pyvips.Image.new_from_array((unit * white).astype(dtype)).copy(interpretation=name)
        for white, dtype, name in ((255, np.uint8, "srgb"), (65535, np.uint16, "rgb16"), (1, np.float32, "scrgb"))
    )
    eight.set_type(pyvips.GValue.blob_type, "iptc-data", IPTC)
    tiles: dict[str, Any] = {"tile": True, "tile_width": 16, "tile_height": 16}
    found: dict[str, bytes] = {
        "png 16 bits": sixteen.pngsave_buffer(),
        "png interlaced": eight.pngsave_buffer(interlace=True),
        "jpeg iptc": eight.jpegsave_buffer(),
        "avif 12 bits": sixteen.heifsave_buffer(compression="av1", bitdepth=12, effort=0),
        "tiff pyramid": eight.tiffsave_buffer(pyramid=True, compression="deflate", **tiles),
        "tiff float": floats.tiffsave_buffer(compression="deflate", predictor="float"),
        "tiff 16 bits": sixteen.tiffsave_buffer(compression="lzw", predictor="horizontal", **tiles),
    }
    for each in ("none", "jpeg", "deflate", "packbits", "lzw"):
        found[f"tiff {each}"] = eight.tiffsave_buffer(compression=each)
        found[f"tiff {each} tiles"] = eight.tiffsave_buffer(compression=each, **tiles)
    return found


def _plain(unit: NDArray[np.float32]) -> dict[str, bytes]:
    height, width = unit.shape[:2]
    size = b"%d %d" % (width, height)
    eight, sixteen = (unit * 255).astype(np.uint8), (unit * 1000).astype(">u2")
    strip = struct.pack("<HHII", 273, 4, 1, 8 + 2 + 12 * 10 + 4)
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    last = [(277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, width * height), (284, 3, 1, 1)]
    head = b"".join(struct.pack("<HHII", *each) for each in entries) + strip
    body = head + b"".join(struct.pack("<HHII", *each) for each in last)
    return {
        "ppm": b"P6 # said\n" + size + b" 255\n" + eight.tobytes(),
        "pgm": b"P5\n" + size + b"\n255\n" + eight[:, :, 0].tobytes(),
        "pgm 16 bits": b"P5 " + size + b" 1000\n" + sixteen[:, :, 0].tobytes(),
        "pfm": b"PF\n" + size + b"\n-1.0\n" + unit.astype("<f4").tobytes(),
        "tiff by hand": b"II*\0\x08\0\0\0\x0a\0" + body + bytes(4) + eight[:, :, 0].tobytes(),
    }


def _heic(colour: Image.Image) -> dict[str, bytes]:
    """HEIC, where the extra that reads it is there."""
    try:
        import pillow_heif
    except ImportError:
        return {}
    buffer = io.BytesIO()
    pillow_heif.from_pillow(colour).save(buffer, quality=80)
    return {"heic": buffer.getvalue()}
