"""Fingerprints of pictures: what is left of one when it is compressed, rescaled, brightened, turned, or cut.

Two kinds, both from luma alone, both hashes that give no pixel back:

- **Whole**: 255 bits, the signs of the lowest frequencies of the DCT of a 64×64 reduction (C. Zauner, "Implementation
  and Benchmarking of Perceptual Image Hash Functions", 2010, the DCT hash). The eight symmetries of the square only
  change signs and swap axes of a DCT, so that all eight hashes of a picture come from one transform.
- **Points**: a hash of 63 bits around each of the strongest blobs of a picture, with its place and size (extrema of
  differences of Gaussians: D. Lowe, IJCV 2004). Each patch is first turned into one of its eight symmetries, chosen
  by its own gradients. Two pictures that share a part share points which agree on where that part lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

from pixelmend.images import LUMA, full_scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIDE = 64
"""Side of the reduction that the whole hash is taken from."""
FREQUENCIES = 16
"""The whole hash keeps the signs of 16×16 frequencies, all but the mean."""
WORKING_PIXELS = 300_000
"""Points are sought in a reduction of at most so many pixels."""
PATCH = 16
"""Samples along one side of a point's patch."""
REACH = 6.0
"""Half the side of a patch, in units of the blob's size."""

_BASE_SIGMA, _STEPS, _OCTAVES = 1.6, 3, 4
_FLAT = 1e-3
"""Standard deviation (white = 1) under which a picture is too plain to be told from another."""
_CONTRAST = 0.0025
_ELONGATED = 10.0
"""Blobs longer than so many times their breadth are left out."""
_LUMA = np.array(LUMA, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Points:
    """Local hashes of one picture, N of them.

    Attributes:
        bits: (N, 63) bool.
        place: (N, 2) float32, x and y of the blob in pixels of the picture.
        size: (N,) float32, radius of the blob (sigma) in pixels of the picture.
        symmetry: (N,) uint8, which of the eight symmetries brought the patch into its standing (bit 0: mirrored in x,
            bit 1: mirrored in y, bit 2: axes swapped afterwards).
    """

    bits: NDArray[np.bool_]
    place: NDArray[np.float32]
    size: NDArray[np.float32]
    symmetry: NDArray[np.uint8]

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.size)


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a picture is known by.

    Attributes:
        whole: (8, 255) bool, the hash of each symmetry of the picture, the picture as it stands first; None where it
            is too plain to be told from another.
        points: Its local hashes, strongest first.
    """

    whole: NDArray[np.bool_] | None
    points: Points


def fingerprint(pixels: NDArray[Any], *, points: int = 400) -> Fingerprint:
    """The fingerprint of a picture.

    Args:
        pixels: (H, W, C), C 1 or 3, uint8, uint16, or float32 in [0, 1].
        points: At most so many local hashes; 0 saves most of the time.
    """
    luma = luma_of(pixels)
    return Fingerprint(whole_hashes(luma), find_points(luma, points))


def luma_of(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """BT.601 luma, float32 (H, W), white = 1."""
    full = np.float32(1 / full_scale(pixels.dtype))
    if pixels.shape[2] == 1:
        return pixels[:, :, 0].astype(np.float32) * full
    luma: NDArray[np.float32] = pixels.astype(np.float32) @ (_LUMA * full)
    return luma


def whole_hashes(luma: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """The hashes of a picture's eight symmetries, (8, 255) bool; None for a picture without detail.

    Args:
        luma: (H, W) in [0, 1]; its proportions are ignored.
    """
    small = reduce_to(luma, SIDE, SIDE)
    if small.std() < _FLAT:
        return None
    dct = _dct(SIDE)[:FREQUENCIES]
    coefficients = dct @ small @ dct.T
    hashes = []
    for symmetry in range(8):
        turned = coefficients.copy()
        if symmetry & 1:
            turned[:, 1::2] *= -1
        if symmetry & 2:
            turned[1::2] *= -1
        hashes.append((turned.T if symmetry & 4 else turned).ravel()[1:] > 0)
    return np.stack(hashes)


def reduce_to(luma: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """The mean over each cell of a grid of height × width cells; parts of pixels count as parts."""
    return np.asarray(_cells(luma.shape[0], height) @ luma @ _cells(luma.shape[1], width).T, np.float32)


@cache
def _dct(side: int) -> NDArray[np.float32]:
    """The orthonormal DCT-II as a matrix, (side, side); row k is frequency k."""
    k, n = np.mgrid[0:side, 0:side]
    matrix = np.cos(np.pi * k * (2 * n + 1) / (2 * side)) * np.sqrt(2 / side)
    matrix[0] *= np.sqrt(0.5)
    return np.asarray(matrix, np.float32)


def _cells(length: int, cells: int) -> NDArray[np.float32]:
    """Weights that average ``length`` samples into ``cells``, (cells, length); also where there are fewer samples."""
    edges = np.linspace(0, length, cells + 1)
    starts = np.arange(length)
    low = np.maximum(edges[:-1, None], starts)
    high = np.minimum(edges[1:, None], starts + 1)
    overlap = np.clip(high - low, 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), np.float32)


def find_points(luma: NDArray[np.float32], limit: int) -> Points:
    """The strongest blobs and their hashes.

    Args:
        luma: (H, W) in [0, 1].
        limit: At most so many.
    """
    height, width = luma.shape
    # Halved at least: the finest details are what compression and noise change first.
    shrink = max(2.0, float(np.sqrt(luma.size / WORKING_PIXELS)))
    rows, columns = int(height / shrink), int(width / shrink)
    found: list[_Blobs] = []
    if limit and min(rows, columns) >= 4 * PATCH // 2:
        found = [*_octaves(reduce_to(luma, rows, columns))]
    if not sum(len(blobs.strength) for blobs in found):
        empty = np.zeros((0, PATCH, PATCH), np.float32)
        return _hashed(empty, np.zeros((0, 3), np.float32))
    strength = np.concatenate([blobs.strength for blobs in found])
    order = np.argsort(-strength, kind="stable")[:limit]
    patches = np.concatenate([blobs.patches for blobs in found])[order]
    where = np.concatenate([blobs.where for blobs in found])[order]
    unit = np.array([width / columns, height / rows, shrink], np.float32)
    return _hashed(patches, where * unit)


@dataclass(frozen=True)
class _Blobs:
    """Extrema of one octave: strength (N,), where (N, 3) as x, y, sigma in working pixels, patches (N, 16, 16)."""

    strength: NDArray[np.float32]
    where: NDArray[np.float32]
    patches: NDArray[np.float32]


def _octaves(image: NDArray[np.float32]) -> Iterator[_Blobs]:
    # A box reduction leaves about half a pixel of blur.
    base = gaussian_filter(image, float(np.sqrt(_BASE_SIGMA**2 - 0.25)), mode="nearest")
    for octave in range(_OCTAVES):
        if min(base.shape) < 2 * PATCH:
            return
        levels = [base]
        for step in range(1, _STEPS + 3):
            wanted, had = (_BASE_SIGMA * 2 ** (s / _STEPS) for s in (step, step - 1))
            blur = float(np.sqrt(wanted**2 - had**2))
            levels.append(gaussian_filter(levels[-1], blur, mode="nearest", truncate=3.0))
        yield _extrema(np.stack(levels), 2.0**octave)
        base = levels[_STEPS][::2, ::2]


def _extrema(levels: NDArray[np.float32], unit: float) -> _Blobs:
    """Blobs that stand out from their 26 neighbours in place and size, refined in size."""
    signed = np.diff(levels, axis=0)
    differences = np.abs(signed)
    peak = maximum_filter(differences, size=3, mode="nearest")
    standing = (differences == peak) & (differences > _CONTRAST)
    standing[[0, -1]] = False
    standing[:, [0, -1]] = False
    standing[:, :, [0, -1]] = False
    level, y, x = np.nonzero(standing)
    round_enough = _is_round(signed, level, y, x)
    level, y, x = level[round_enough], y[round_enough], x[round_enough]
    here, below, above = (differences[level + d, y, x] for d in (0, -1, 1))
    # The top of the parabola through three sizes.
    bend = np.minimum(below + above - 2 * here, -1e-9)
    shift = np.clip((below - above) / (2 * bend), -0.5, 0.5)
    sigma = _BASE_SIGMA * 2 ** ((level + shift) / _STEPS)
    reach = REACH * sigma
    height, width = levels.shape[1:]
    inside = (x >= reach) & (y >= reach) & (x <= width - 1 - reach) & (y <= height - 1 - reach)
    level, y, x, sigma, reach = (part[inside] for part in (level, y, x, sigma, reach))
    offset = (np.arange(PATCH) - (PATCH - 1) / 2) / (PATCH / 2)
    rows = y[:, None, None] + reach[:, None, None] * offset[:, None]
    columns = x[:, None, None] + reach[:, None, None] * offset
    planes = np.broadcast_to(level[:, None, None], (len(x), PATCH, PATCH))
    rows, columns = np.broadcast_arrays(rows, columns)
    patches = map_coordinates(levels, [planes, rows, columns], order=1, mode="nearest").astype(np.float32)
    # Decimation keeps every second sample, whose centre is half a pixel before the pair's.
    where = np.stack([x * unit + 0.5, y * unit + 0.5, sigma * unit], axis=1).astype(np.float32)
    return _Blobs(here[inside], where, patches)


def _is_round(signed: NDArray[np.float32], *at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether blobs are no stretches of an edge, which look alike everywhere (Lowe's ratio of curvatures)."""
    level, y, x = at
    centre = signed[level, y, x]
    xx = signed[level, y, x + 1] + signed[level, y, x - 1] - 2 * centre
    yy = signed[level, y + 1, x] + signed[level, y - 1, x] - 2 * centre
    xy = sum(a * b * signed[level, y + a, x + b] for a in (-1, 1) for b in (-1, 1)) / 4
    determinant, trace = xx * yy - xy**2, xx + yy
    limit = (_ELONGATED + 1) ** 2 / _ELONGATED
    round_enough: NDArray[np.bool_] = (determinant > 0) & (trace**2 < limit * determinant)
    return round_enough


def _hashed(patches: NDArray[np.float32], where: NDArray[np.float32]) -> Points:
    """Turn each patch into its standing, and keep the signs of its 8×8 lowest frequencies."""
    dct = _dct(PATCH)[:8]
    coefficients = dct @ patches @ dct.T
    mirror_x = coefficients[:, 0, 1] < 0
    mirror_y = coefficients[:, 1, 0] < 0
    swap = np.abs(coefficients[:, 1, 0]) > np.abs(coefficients[:, 0, 1])
    coefficients[mirror_x, :, 1::2] *= -1
    coefficients[mirror_y, 1::2] *= -1
    coefficients[swap] = coefficients[swap].transpose(0, 2, 1)
    symmetry = (mirror_x + 2 * mirror_y + 4 * swap).astype(np.uint8)
    return Points(coefficients.reshape(-1, 64)[:, 1:] > 0, where[:, :2], where[:, 2], symmetry)
