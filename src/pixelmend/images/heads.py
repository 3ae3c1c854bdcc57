"""Telling the format of a file from its first bytes, without any library that decodes.

For those who take files from strangers, and refuse what they do not want before anything looks into it. Whether the
rest of the file keeps what its head says is for `decode` to find out.
"""

from __future__ import annotations

import re

from pixelmend.images.limits import begins_as_tiff

READABLE_FORMATS = ("jpeg", "png", "webp", "tiff", "avif", "heic", "gif", "bmp", "ppm", "pgm", "pfm")
"""All that are read, as `Picture.format` names them."""
HEAD = 64
"""So many bytes tell the format."""
_STARTS = {
    b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif", b"BM": "bmp",
}  # fmt: skip
_PLAIN = {b"5": "pgm", b"6": "ppm", b"F": "pfm", b"f": "pfm"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}
_AVIF = {b"avif", b"avis"}


def format_by_bytes(head: bytes) -> str | None:
    """The format that a file says it is of: one of those that `Picture.format` names; None where it is none of them.

    Args:
        head: Its first bytes, at least `HEAD` where it has so many.
    """
    found = next((form for start, form in _STARTS.items() if head.startswith(start)), None)
    if found is not None:
        return found
    if begins_as_tiff(head):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if (plain := re.match(rb"P([56Ff])\s", head)) is not None:
        return _PLAIN[plain[1]]
    return _boxed(head) if head[4:8] == b"ftyp" else None


def _boxed(head: bytes) -> str | None:
    """AVIF or HEIC, by the brands that the first box names: the main one, a version, and those that fit as well."""
    end = min(len(head), int.from_bytes(head[:4], "big"), HEAD)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & _AVIF:
        return "avif"
    return "heic" if brands & _HEIC else None
