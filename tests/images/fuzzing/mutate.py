"""Damaged files: file number n is a function of (seed, n) alone, so that whatever is found can be made again."""

from __future__ import annotations

import random
import struct
import zlib
from typing import TYPE_CHECKING

from tests.images.fuzzing.corpus import corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    Mutator = Callable[[random.Random, bytearray], None]

_ODD = (0, 1, 2, 7, 8, 9, 127, 128, 255, 256, 16383, 16384, 32767, 32768, 65500, 65535, 65536, 2**24, 2**31 - 1, 2**31,
        2**32 - 1)  # fmt: skip
"""Numbers at which lengths, sizes and signs turn."""
_HEAD = 96
_PNG = b"\x89PNG\r\n\x1a\n"
_BEGINNINGS = {_PNG: 8, b"\xff\xd8": 2, b"II": 4, b"MM": 4, b"RIFF": 12, b"GIF8": 6, b"\0\0\0": 12}
"""By how a file begins, so many bytes tell what it is."""


def damaged(seed: int, number: int) -> tuple[str, bytes]:
    """File `number`: what it was made from and by, and its bytes."""
    source = random.Random(f"{seed} {number}")  # noqa: S311  (repeatable, not secret)
    files = corpus()
    name = source.choice(sorted(files))
    data = bytearray(files[name])
    steps = []
    for _ in range(source.choice((1, 1, 1, 2, 3, 5))):
        step = source.choice(_MUTATORS)
        step(source, data)
        steps.append(step.__name__.strip("_"))
    if source.random() < 0.85:
        # what is no picture at all is soon told
        start = next((length for begin, length in _BEGINNINGS.items() if files[name].startswith(begin)), 2)
        data[:start] = files[name][:start]
    if data.startswith(_PNG) and source.random() < 0.8:
        # its checksums would else end the matter at once
        data = _with_checksums(data)
    return f"{name}: {', '.join(steps)}", bytes(data)


def _flip_bits(source: random.Random, data: bytearray) -> None:
    for _ in range(source.choice((1, 1, 2, 8, 32))):
        if data:
            data[_place(source, data)] ^= 1 << source.randrange(8)


def _set_bytes(source: random.Random, data: bytearray) -> None:
    for _ in range(source.choice((1, 2, 4))):
        if data:
            data[_place(source, data)] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))


def _set_number(source: random.Random, data: bytearray) -> None:
    """A length, a size or an address becomes another."""
    order, form = source.choice("<>"), source.choice("HIIQ")
    value = source.choice((*_ODD, len(data), source.randrange(2**16))) + source.choice((0, 0, 0, -1, 1))
    size = struct.calcsize(form)
    at = min(_place(source, data), max(0, len(data) - size)) if data else 0
    data[at : at + size] = struct.pack(order + form, value % 2 ** (8 * size))


def _edit_head(source: random.Random, data: bytearray) -> None:
    for _ in range(source.choice((1, 2, 3))):
        if data:
            data[source.randrange(min(_HEAD, len(data)))] = source.randrange(256)


def _cut_off(source: random.Random, data: bytearray) -> None:
    del data[source.randrange(len(data) + 1) :]


def _leave_out(source: random.Random, data: bytearray) -> None:
    at = source.randrange(len(data) + 1)
    del data[at : at + source.choice((1, 2, 4, 16, 64, 256))]


def _repeat(source: random.Random, data: bytearray) -> None:
    at, length = source.randrange(len(data) + 1), source.choice((1, 4, 12, 64, 256))
    data[at:at] = data[at : at + length] * source.choice((1, 1, 2, 50))


def _put_in(source: random.Random, data: bytearray) -> None:
    at = source.randrange(len(data) + 1)
    data[at:at] = source.choice((source.randbytes, bytes))(source.choice((1, 3, 16, 200)))


def _wipe(source: random.Random, data: bytearray) -> None:
    at, length = source.randrange(len(data) + 1), source.choice((4, 16, 64))
    stretch = data[at : at + length]
    data[at : at + length] = bytes([source.choice((0, 255))]) * len(stretch)


def _splice(source: random.Random, data: bytearray) -> None:
    """The beginning of this file, and the end of another."""
    other = corpus()[source.choice(sorted(corpus()))]
    data[source.randrange(len(data) + 1) :] = other[source.randrange(len(other)) :]


def _exchange(source: random.Random, data: bytearray) -> None:
    """Part of another file in place of a part of this."""
    other = corpus()[source.choice(sorted(corpus()))]
    length = source.choice((8, 32, 128))
    at, start = source.randrange(len(data) + 1), source.randrange(len(other))
    data[at : at + length] = other[start : start + length]


_MUTATORS: tuple[Mutator, ...] = (
    _flip_bits, _set_bytes, _set_number, _set_number, _edit_head, _cut_off, _leave_out, _repeat, _put_in, _wipe,
    _splice, _exchange,
)  # fmt: skip


def _place(source: random.Random, data: bytearray) -> int:
    """Anywhere, the head of the file more often than its length would have it."""
    return source.randrange(min(_HEAD * 4, len(data)) if source.random() < 0.5 else len(data))


def _with_checksums(data: bytearray) -> bytearray:
    """A PNG whose chunks say of themselves what is true, as far as they can be followed."""
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data
