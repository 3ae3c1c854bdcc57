"""EXIF and IPTC as they lie in files: lists of tags, the same in a block of EXIF and in a TIFF.

libvips keeps EXIF of every format but TIFF, and cuts IPTC short there; so these two are read from a TIFF and written
into one here. Numbers are held little end first, and pixels are never touched.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import mmap
    from typing import BinaryIO

EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005
IPTC = 0x83BB
EXTRA_SAMPLES = 0x0152
_WIDTH, _HEIGHT = 0xA002, 0xA003
_SUBLISTS = (EXIF, GPS, INTEROP)
_TOLD = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x4746, 0x4749, 0x8298, *range(0x9C9B, 0x9CA0), EXIF, GPS)
"""Of the first list of a TIFF: what tells of the picture (make, model, date, artist, rights, ...), not of the file."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a number by kind; the other kinds are bytes, whose order is theirs."""
_SHORT, _LONG, _UNDEFINED, _LONG8 = 3, 4, 7, 16
_MOST_TAGS, _MOST_BYTES = 4096, 16 * 2**20  # of one list: no picture tells more


class Tag(NamedTuple):
    """One value: its kind (TIFF's numbering), how many, and the bytes, little end first."""

    kind: int
    many: int
    data: bytes


Tags: TypeAlias = "dict[int, Tag | Tags]"
"""Values by tag; a list that another points to is a dictionary of its own."""


class BrokenTagsError(ValueError):
    """The tags point outside the file, or round in circles."""


class _Layout(NamedTuple):
    """How numbers lie in a file: "<" or ">", and whether offsets have 64 bits (BigTIFF)."""

    order: str
    wide: bool

    @property
    def head(self) -> str:
        return self.order + ("Q" if self.wide else "H")

    @property
    def entry(self) -> struct.Struct:
        return struct.Struct(self.order + ("HHQ8s" if self.wide else "HHI4s"))

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.wide else "I")

    @property
    def inline(self) -> int:
        return 8 if self.wide else 4


def read_tiff(buffer: bytes | mmap.mmap) -> Tags:
    """What the first page of a TIFF tells of the picture: descriptive tags, EXIF, GPS, IPTC, and `EXTRA_SAMPLES`.

    Raises:
        BrokenTagsError: It is no TIFF, or a tag points outside it.
    """
    return _read(buffer, (*_TOLD, IPTC, EXTRA_SAMPLES))


def read_block(block: bytes) -> Tags:
    """The descriptive tags, EXIF and GPS of a block of EXIF; a thumbnail that it holds is left out.

    Raises:
        BrokenTagsError: As `read_tiff`.
    """
    return _read(block.removeprefix(b"Exif\0\0"), _TOLD)


def as_block(tags: Tags) -> bytes:
    """A block of EXIF, beginning with the header of a TIFF."""
    return b"II*\0\x08\0\0\0" + _packed(tags, 8, _Layout("<", wide=False))


def sized(tags: Tags, width: int, height: int) -> Tags:
    """The same tags with the size in pixels that EXIF tells, where it tells one, set to this."""
    inner = tags.get(EXIF)
    if not isinstance(inner, dict):
        return tags
    told = {
        tag: Tag(_LONG, 1, struct.pack("<I", side))
        for tag, side in ((_WIDTH, width), (_HEIGHT, height))
        if tag in inner
    }
    return {**tags, EXIF: {**inner, **told}}


def add_to_tiff(file: BinaryIO, tags: Tags) -> None:
    """Write tags into the first page of a TIFF that is whole: behind all else, with a new first list that names them.

    Args:
        file: Open for reading and writing, at any place.
        tags: What to add; a tag that is there is replaced.

    Raises:
        BrokenTagsError: It is no TIFF.
    """
    file.seek(0)
    start = file.read(16)
    layout, first = _header(start)
    file.seek(first)
    count = _unpack(layout.head, file.read(struct.calcsize(layout.head)), 0)
    entries = file.read(count * layout.entry.size)
    follow = _unpack(layout.offset, file.read(layout.inline), 0)
    there = {tag: (kind, many, field) for tag, kind, many, field in layout.entry.iter_unpack(entries)}
    at = file.seek(0, 2)
    file.write(b"\0" * (-at % 8))
    at += -at % 8
    file.write(_packed(tags, at, layout, there, follow))
    file.seek(8 if layout.wide else 4)
    file.write(struct.pack(layout.offset, at))


def iim_of(blob: bytes) -> bytes | None:
    """The IPTC records themselves: as they are, or out of the resources of Photoshop that JPEG wraps them in."""
    if blob[:1] == b"\x1c":
        return blob
    rest = blob.removeprefix(b"Photoshop 3.0\0")
    while rest[:4] == b"8BIM" and len(rest) >= 12:
        name = 1 + rest[6]
        start = 6 + name + name % 2 + 4
        size = int.from_bytes(rest[start - 4 : start], "big")
        if rest[4:6] == b"\x04\x04":
            return rest[start : start + size] or None
        rest = rest[start + size + size % 2 :]
    return None


def wrapped(iim: bytes) -> bytes:
    """IPTC records as JPEG holds them: one resource of Photoshop; previews and other resources are gone."""
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iim)) + iim + b"\0" * (len(iim) % 2)


def iptc_tag(iim: bytes) -> Tag:
    """IPTC records as TIFF holds them."""
    return Tag(_UNDEFINED, len(iim), iim)


def _read(buffer: bytes | mmap.mmap, wanted: tuple[int, ...]) -> Tags:
    layout, first = _header(buffer[:16])
    return _read_list(buffer, first, layout, wanted, depth=0)


def _header(start: bytes) -> tuple[_Layout, int]:
    """How numbers lie, and where the first list begins."""
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None:
        raise BrokenTagsError("no TIFF header")
    wide = _unpack(f"{order}H", start, 2) == 43
    layout = _Layout(order, wide)
    return layout, _unpack(layout.offset, start, 8 if wide else 4)


def _read_list(buffer: bytes | mmap.mmap, at: int, layout: _Layout, wanted: tuple[int, ...] | None, depth: int) -> Tags:
    count = _unpack(layout.head, buffer, at)
    start = at + struct.calcsize(layout.head)
    found: Tags = {}
    left = _MOST_BYTES
    if count > _MOST_TAGS or start + count * layout.entry.size > len(buffer):
        raise BrokenTagsError("a list of tags has no end")
    for tag, kind, many, field in layout.entry.iter_unpack(buffer[start : start + count * layout.entry.size]):
        if (wanted is not None and tag not in wanted) or kind not in _SIZES:
            continue
        if tag in _SUBLISTS:
            if depth < 2:  # EXIF, and what EXIF points to
                found[tag] = _read_list(buffer, _unpack(layout.offset, field, 0), layout, None, depth + 1)
            continue
        size = many * _SIZES[kind]
        place = _unpack(layout.offset, field, 0)
        left -= size
        if left < 0 or (size > layout.inline and place + size > len(buffer)):
            raise BrokenTagsError(f"tag {tag} points outside the file")
        data = field[:size] if size <= layout.inline else buffer[place : place + size]
        found[tag] = Tag(kind, many, _turned(bytes(data), kind, layout.order))
    return found


def _packed(
    tags: Tags, at: int, layout: _Layout, there: dict[int, tuple[int, int, bytes]] | None = None, follow: int = 0
) -> bytes:
    """A list of tags that is to lie at an offset, and behind it all that it points to.

    Args:
        tags: What is to be in it.
        at: Where it will lie, a multiple of 8.
        layout: How numbers lie there.
        there: Entries that are in it as they stand (kind, count, field); `tags` take their places.
        follow: Where the next list lies; 0 for none.
    """
    entries = dict(there or {})
    values = b""
    size = struct.calcsize(layout.head) + len({*entries, *tags}) * layout.entry.size + layout.inline
    place = at + size + -size % 8
    for tag, value in tags.items():
        if isinstance(value, dict):
            inner = _packed(value, place + len(values), layout)
            kind = _LONG8 if layout.wide else _LONG
            entries[tag] = (kind, 1, struct.pack(layout.offset, place + len(values)))
            values += inner
        else:
            data = _turned(value.data, value.kind, layout.order)
            if len(data) > layout.inline:
                entries[tag] = (value.kind, value.many, struct.pack(layout.offset, place + len(values)))
                values += data
            else:
                entries[tag] = (value.kind, value.many, data)
        values += b"\0" * (-len(values) % 8)
    head = struct.pack(layout.head, len(entries))
    head += b"".join(layout.entry.pack(tag, *entries[tag]) for tag in sorted(entries))
    head += struct.pack(layout.offset, follow)
    return head + b"\0" * (-size % 8) + values


def _turned(data: bytes, kind: int, order: str) -> bytes:
    """Numbers from one order of bytes to little end first, or back."""
    width = _NUMBERS.get(kind, 1)
    if order == "<" or width == 1:
        return data
    return np.frombuffer(data, f"u{width}").byteswap().tobytes()


def _unpack(form: str, buffer: Any, at: int) -> int:
    size = struct.calcsize(form)
    piece = buffer[at : at + size]
    if len(piece) < size:
        raise BrokenTagsError("the tags are cut short")
    value: int = struct.unpack(form, piece)[0]
    return value
