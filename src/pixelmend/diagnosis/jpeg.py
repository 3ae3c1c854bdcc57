"""How strongly a picture was compressed as JPEG: from the tables in its own file, or from its pixels.

The tables are those of ITU-T T.81 (Annex B.2.4.1 says how a file holds them); quality is the scale of the Independent
JPEG Group's library, 1–100. Pixels that went through JPEG and were then stored without loss still have cosine
coefficients that are multiples of the table's entries: where the blocks began and which table fits tells the quality
(compare Z. Fan, R. L. de Queiroz, "Identification of bitmap compression history", IEEE TIP 2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images.jpeg_tables import LUMA_TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.diagnosis.sampling import Sample

_LUMA_TABLE = np.array(LUMA_TABLE)
_QUALITIES = np.arange(3, 94)
"""Told from pixels: below, hardly a coefficient is left; above, the entries are 1 and 2, which fit any whole number."""
_SPREAD = 0.75
"""Standard deviation of coefficients around the multiples, after rounding to 8 bits and colour conversion."""
_WORST = -3.0
"""What one coefficient can say against a table at most."""
_LEAST = 1.5
"""Coefficients below are taken for 0, which fits every table."""
_MOST = 300
"""Coefficients of one frequency that are looked at."""
_ENDS = 0.5 / 255
"""Nearer to 0 and 1 a value was cut off."""
_FEWEST = 40
"""Coefficients in all, without which nothing is told."""
_MARKERS_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))


@dataclass(frozen=True)
class FileTables:
    """What a JPEG file says of its compression.

    Attributes:
        quality: Of the nearest of the Independent JPEG Group's luma tables, 1–100.
        exact: Whether it is that very table.
    """

    quality: int
    exact: bool


@dataclass(frozen=True)
class Traces:
    """What pixels say of a compression that they went through.

    Attributes:
        quality: Of the table that fits best, 3–93; 100 where there is none that could.
        fit: Mean logarithm of how much better that table explains a coefficient than chance does; above 0.5 it is sure.
        offset: Where blocks begin, (rows, columns), 0–7.
        standing_out: How many standard deviations that place stands out from the 63 others.
    """

    quality: int
    fit: float
    offset: tuple[int, int]
    standing_out: float


def table_of(quality: int) -> NDArray[np.int64]:
    """The luma table at a quality: (64,), row by row, 1–255."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    table: NDArray[np.int64] = np.clip((_LUMA_TABLE * percent + 50) // 100, 1, 255)
    return table


def read_tables(data: bytes | memoryview) -> FileTables | None:
    """The quality that a JPEG file was written with; None where it is no JPEG or has no table before its pixels.

    Args:
        data: The file, or so much of it as comes before the pixels. Nothing of it is trusted.
    """
    if bytes(data[:2]) != b"\xff\xd8":
        return None
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _MARKERS_WITHOUT_LENGTH or marker == 0xFF:
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDB and (table := _first_table(bytes(data[place + 4 : place + 2 + length]))) is not None:
            return _nearest(table)
        if marker == 0xDA or length < 2:
            return None
        place += 2 + length
    return None


def _first_table(segment: bytes) -> NDArray[np.int64] | None:
    """Table 0, which is that of luma: (64,) in zigzag order; None where the segment holds others or is cut short."""
    place = 0
    while place < len(segment):
        wide, name = divmod(segment[place], 16)
        size = 128 if wide else 64
        entries = segment[place + 1 : place + 1 + size]
        if len(entries) < size:
            return None
        if name == 0:
            return np.frombuffer(entries, ">u2" if wide else np.uint8).astype(np.int64)
        place += 1 + size
    return None


def _nearest(zigzag: NDArray[np.int64]) -> FileTables:
    table = np.empty(64, np.int64)
    table[_zigzag()] = zigzag
    tables = np.stack([table_of(quality) for quality in range(1, 101)])
    # in proportion, as quantization is felt; low frequencies, which hold most of a picture, count more
    weight = 1 / np.add.outer(np.arange(1, 9), np.arange(8)).ravel()
    apart = np.abs(np.log(tables / np.maximum(table, 1))) @ weight
    best = int(apart.argmin())
    return FileTables(best + 1, bool((tables[best] == table).all()))


@cache
def _zigzag() -> NDArray[np.int64]:
    """Where, row by row, the entries lie that a file tells one after the other: (64,)."""
    places = sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    return np.array([8 * row + column for row, column in places])


@cache
def cosines() -> NDArray[np.float32]:
    """The orthonormal 8×8 cosine transform as one matrix: (64 pixels, 64 frequencies), row by row."""
    place = np.arange(8)
    one = np.cos((2 * place + 1) * place[:, None] * math.pi / 16) / 2
    one[0] /= math.sqrt(2)
    return np.kron(one, one).T.astype(np.float32)


def patches_at(planes: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
    """All 8×8 patches of a grid that begins at a place: (patches, 64) from (N, H, W)."""
    count, height, width = planes.shape
    rows, columns = (height - top) // 8, (width - left) // 8
    cut = planes[:, top : top + 8 * rows, left : left + 8 * columns]
    return cut.reshape(count, rows, 8, columns, 8).transpose(0, 1, 3, 2, 4).reshape(-1, 64)


def find_traces(sample: Sample) -> Traces:
    """Look for JPEG in pixels.

    Args:
        sample: Blocks of at least 16×16.
    """
    offset, standing_out = _grid(sample.luma)
    patches = patches_at(sample.luma, *offset)
    # a channel cut off at its ends moves coefficients away from their multiples
    ends = np.abs(sample.colour - 0.5).max(axis=3) >= 0.5 - _ENDS
    free = patches_at(np.asarray(ends, np.float32), *offset).max(axis=1) == 0
    quality, fit = _fit(patches[free] @ cosines()) if free.any() else (100, 0.0)
    return Traces(quality, fit, offset, standing_out)


def _grid(luma: NDArray[np.float32]) -> tuple[tuple[int, int], float]:
    """Where most coefficients vanish: the grid's offset, and by how many standard deviations it stands out."""
    busy = np.argsort(luma.std(axis=(1, 2)))[-6:]
    planes = luma[busy]
    middle = [8 * u + v for u in range(8) for v in range(8) if 2 <= u + v <= 9]
    basis = cosines()[:, middle]
    shares = np.zeros((8, 8))
    for top in range(8):
        for left in range(8):
            shares[top, left] = (np.abs(patches_at(planes, top, left) @ basis) < 0.7).mean()
    best = int(shares.argmax())
    others = np.delete(shares.ravel(), best)
    return divmod(best, 8), float((shares.max() - others.mean()) / (others.std() + 1e-3))


def _fit(coefficients: NDArray[np.float32]) -> tuple[int, float]:
    """The quality whose table explains the coefficients best, and how well."""
    tables = np.stack([table_of(int(quality)) for quality in _QUALITIES]).astype(np.float32)
    total: NDArray[Any] = np.zeros(len(tables))
    counted = 0
    for frequency in (8 * u + v for u in range(8) for v in range(8) if 1 <= u + v <= 6):
        values = np.abs(coefficients[:, frequency])
        values = values[values > _LEAST]
        values = values[:: max(1, len(values) // _MOST)]
        steps = tables[:, frequency, None]
        apart = values - steps * np.rint(values / steps)
        gain = np.log(steps / (_SPREAD * math.sqrt(2 * math.pi))) - 0.5 * (apart / _SPREAD) ** 2
        total += np.maximum(gain, _WORST).sum(axis=1)
        counted += len(values)
    if counted < _FEWEST:
        return 100, 0.0
    best = int(total.argmax())
    return int(_QUALITIES[best]), float(total[best] / counted)
