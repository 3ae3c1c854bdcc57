"""Small files that declare what no machine holds, and others that would keep a decoder busy, made byte by byte."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Entry = tuple[int, int, int, int]
"""Tag, type, count and value of an entry of a TIFF."""


def png(width: int, height: int, data: bytes = b"", *, interlaced: bool = False, extra: bytes = b"") -> bytes:
    """A PNG of 8-bit RGB whose rows are these bytes, compressed."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(kind: bytes, data: bytes) -> bytes:
    """A piece of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def page(width: int, height: int, *, tile: tuple[int, int] | None = None) -> list[Entry]:
    """A directory of a grey TIFF, compressed by deflate; its pixels are said to lie at byte 8."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)
    ]  # fmt: skip
    if tile:
        entries += [(322, 4, 1, tile[0]), (323, 4, 1, tile[1]), (324, 4, 1, 8), (325, 4, 1, 64)]
    else:
        entries += [(273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 64)]
    return sorted(entries)


def tiff(pages: Sequence[list[Entry]], *, loop: bool = False, big: bool = False) -> bytes:
    """A TIFF of these directories, one after the other; the last leads to the first where it is a loop."""
    count, entry, address = ("<Q", "<HHQQ", "<Q") if big else ("<H", "<HHII", "<I")
    start = 16 if big else 8
    out = bytearray(b"II+\0\x08\0\0\0" if big else b"II*\0") + struct.pack(address, start)
    for number, entries in enumerate(pages):
        out += struct.pack(count, len(entries))
        for each in entries:
            out += struct.pack(entry, *each)
        last = number == len(pages) - 1
        after = len(out) + struct.calcsize(address)
        out += struct.pack(address, (start if loop else 0) if last else after)
    return bytes(out)


def gif(side: int, frames: int = 1) -> bytes:
    """A GIF whose frames are of this side, each with one pixel of data."""
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00"
    return screen + frame * frames + b"\x3b"


def jpeg(width: int, height: int, *, progressive: bool = False) -> bytes:
    """The head of a JPEG in colour, and nothing behind it."""
    parts = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    frame = struct.pack(">BHHB", 8, height, width, 3) + parts
    table = b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1] * 64)
    counts = bytes([1] + [0] * 15)
    codes = b"".join(b"\xff\xc4" + struct.pack(">HB", 20, kind) + counts + b"\0" for kind in (0x00, 0x10))
    scan = b"\xff\xda" + struct.pack(">HB", 12, 3) + b"\x01\0\x02\0\x03\0" + bytes([0, 0 if progressive else 63, 0])
    start = b"\xff\xc2" if progressive else b"\xff\xc0"
    return (
        b"\xff\xd8"
        + table
        + start
        + struct.pack(">H", len(frame) + 2)
        + frame
        + codes
        + scan
        + b"\0" * 64
        + b"\xff\xd9"
    )


def webp(width: int, height: int) -> bytes:
    """The head of a lossless WebP, and nothing behind it."""
    bits = (width - 1) | (height - 1) << 14
    data = b"\x2f" + struct.pack("<I", bits) + b"\0" * 16
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def resized_avif(data: bytes, width: int, height: int) -> bytes:
    """An AVIF that declares another size than it holds."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]
