"""Numbers that tell one damage from another: frequencies, edges, regularities, light; what `judge` decides by.

Every number is a logarithm, a share or a ratio of moderate size, and is finite for any picture of at least 32×32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.diagnosis.jpeg import cosines, patches_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.diagnosis.jpeg import Traces
    from pixelmend.diagnosis.sampling import Sample

LEAST_SIDE = 32
"""Pictures that are smaller on a side are not judged."""
_ORDERS = ((1,), (2,), (3,), (4, 5), (6, 7), (8, 9), (10, 11), (12, 13, 14))
"""Frequencies of an 8×8 patch (row + column) that are taken together, lowest first."""
_SHARES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
_FLOOR = 1e-3
"""Added to energies before a logarithm, 0–255 scale squared: below the rounding of 8 bits (1/12)."""
_RINGS = 16
_SECTORS = 8
_BANDS = ((0.03, 0.1), (0.1, 0.22))
"""Frequencies whose directions are compared, cycles per pixel."""
_DISTANCES = (1, 2, 3, 4, 6, 8, 12, 24)
_PART = 64
"""Side of the parts of a block that are compared, pixels."""
_STEEP = 0.985
"""Which of a block's differences stands for its edges."""
_PERIODS = 16


def features(sample: Sample, traces: Traces, sigma: float) -> NDArray[np.float32]:
    """All numbers of a picture: (COUNT,) float32.

    Args:
        sample: Blocks of at least 32×32.
        traces: What was found of JPEG.
        sigma: The level of white noise, 0–255 scale.
    """
    groups = (
        _of_patches(sample), _of_noise(sample), _of_spectrum(sample.luma), _of_edges(sample.luma),
        _of_parts(sample.luma), _of_regularity(sample.luma), _of_jpeg(traces), _of_light(sample), [np.log(0.3 + sigma)],
    )  # fmt: skip
    numbers = np.concatenate([np.ravel(np.asarray(each, np.float64)) for group in groups for each in group])
    found: NDArray[np.float32] = np.clip(np.nan_to_num(numbers), -30, 30).astype(np.float32)
    return found


def _of_patches(sample: Sample) -> list[Any]:
    """How much of each frequency the calm, the usual and the busy patches hold; luma, and colour in less detail."""
    energy = _energies(patches_at(sample.luma, 4, 4))
    numbers: list[Any] = [np.quantile(energy, _SHARES, axis=0)]
    # across and down apart: blur that goes one way
    basis = cosines()
    across = np.square(patches_at(sample.luma, 4, 4) @ basis[:, [3, 4, 5, 6]]).mean(axis=1)
    down = np.square(patches_at(sample.luma, 4, 4) @ basis[:, [24, 32, 40, 48]]).mean(axis=1)
    ways = np.quantile(np.log10(_FLOOR + np.stack([across, down])), (0.5, 0.9), axis=1)
    numbers.append(np.abs(ways[:, 0] - ways[:, 1]))
    colours = [_energies(patches_at(plane, 4, 4))[:, ::2] for plane in sample.chroma()]
    return [*numbers, *(np.quantile(each, (0.1, 0.5, 0.9), axis=0) for each in colours)]


def _energies(patches: NDArray[np.float32]) -> NDArray[np.float64]:
    """(patches, groups of frequencies): logarithm of the mean energy."""
    squares = np.square(patches @ cosines())
    order = np.add.outer(np.arange(8), np.arange(8)).ravel()
    groups = [squares[:, np.isin(order, which)].mean(axis=1) for which in _ORDERS]
    return np.log10(_FLOOR + np.stack(groups, axis=1))


def _of_noise(sample: Sample) -> list[Any]:
    """Of the calmest patches: how noise depends on light, how strong it is in each channel, how channels agree."""
    patches = patches_at(sample.luma, 4, 4)
    order = np.add.outer(np.arange(8), np.arange(8)).ravel()
    high = cosines()[:, order >= 7]
    energy = np.square(patches @ high).mean(axis=1)
    mean = patches.mean(axis=1)
    everywhere = np.quantile(energy, 0.1)
    by_light = [
        np.log10((_FLOOR + np.quantile(part, 0.1)) / (_FLOOR + everywhere))
        for part in (energy[mean <= np.quantile(mean, 1 / 3)], energy[mean >= np.quantile(mean, 2 / 3)])
    ]
    calm = energy <= everywhere
    channels = [255 * sample.colour[..., min(index, sample.colour.shape[3] - 1)] for index in range(3)]
    details = np.stack([(patches_at(channel, 4, 4)[calm] @ high).ravel() for channel in channels])
    covariance = details @ details.T / details.shape[1] + _FLOOR * np.eye(3)
    spread = np.sqrt(np.diag(covariance))
    pairs = (covariance / np.outer(spread, spread))[[0, 0, 1], [1, 2, 2]]
    return [np.array(by_light), np.log10(spread), pairs]


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Of each frequency of a block's transform: its square ring, its sector, and how far out it lies."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    ring = np.minimum((np.maximum(np.abs(rows), columns) * 2 * _RINGS).astype(np.intp), _RINGS - 1)
    angle = np.arctan2(rows, columns + 1e-12) + np.pi / 2
    sector = np.minimum((angle / np.pi * _SECTORS).astype(np.intp), _SECTORS - 1)
    return ring, sector, np.hypot(rows, columns)


def _of_spectrum(luma: NDArray[np.float32]) -> list[Any]:
    """Where the spectrum falls off, square ring by ring, and whether it falls off in some directions sooner."""
    height, width = luma.shape[1:]
    ring, sector, distance = _places(height, width)
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    power = np.square(np.abs(np.fft.rfft2((luma - luma.mean(axis=(1, 2), keepdims=True)) * window)))
    power /= np.square(window).sum()
    profile = np.log10(_FLOOR + np.stack([_means(block, ring, _RINGS) for block in power]))
    numbers: list[Any] = [np.median(profile, axis=0), profile.max(axis=0)]
    for low, high in _BANDS:
        inside = (distance >= low) & (distance < high)
        each = np.log10(_FLOOR + np.stack([_means(block[inside], sector[inside], _SECTORS) for block in power]))
        apart = np.ptp(each, axis=1)
        together = np.sort(each.mean(axis=0))
        numbers += [np.quantile(apart, (0.15, 0.5, 0.85)), together[-1] - together[[0, 1, 3]]]
    return numbers


def _means(values: NDArray[np.float64], place: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    sums = np.bincount(place.ravel(), values.ravel(), count)
    return sums / np.maximum(np.bincount(place.ravel(), minlength=count), 1)


def _of_edges(luma: NDArray[np.float32]) -> list[Any]:
    """How much of an edge's height is climbed within few pixels, in four directions: the width of edges.

    Blocks whose edges are steepest stand for what the lens had in focus, the others for what moved or lay behind.
    """
    rise, height = _rises(luma)
    blocks = np.quantile(np.stack([rise.min(axis=0), rise.max(axis=0)]), (0.15, 0.5, 0.85, 1.0), axis=1)
    return [blocks, np.quantile(height, (0.15, 0.5, 0.85))]


def _of_parts(luma: NDArray[np.float32]) -> list[Any]:
    """The same of quarters of blocks that have edges: what moved is blurred one way, what lies beside it is not."""
    count, height, width = luma.shape
    rows, columns = max(1, height // _PART), max(1, width // _PART)
    cut = luma[:, : height // rows * rows, : width // columns * columns]
    parts = cut.reshape(count, rows, height // rows, columns, width // columns).swapaxes(2, 3)
    rise, contrast = _rises(parts.reshape(-1, *parts.shape[3:]))
    rise = rise[:, contrast >= np.median(contrast), ::2]
    oneway = rise.max(axis=0) - rise.min(axis=0)
    return [
        np.quantile(oneway, (0.5, 0.85, 0.97), axis=0),
        np.quantile(rise.mean(axis=0), (0.03, 0.15, 0.5, 0.85), axis=0),
    ]


def _rises(luma: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Climb within each distance over that within the longest, (ways, blocks, distances - 1); the latter, (blocks,)."""
    ratios = []
    reach = min(_DISTANCES[-1], min(luma.shape[1:]) // 2)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        climbs = [_climb(luma, down * min(far, reach), right * min(far, reach)) for far in _DISTANCES]
        ratios.append(np.log10(0.1 + np.stack(climbs, axis=1)))
    steps = np.stack(ratios)
    return steps[:, :, :-1] - steps[:, :, -1:], steps[:, :, -1].mean(axis=0)


def _climb(luma: NDArray[np.float32], down: int, right: int) -> NDArray[np.float64]:
    """The steep differences between pixels so far apart: (blocks,)."""
    height, width = luma.shape[1:]
    first = luma[:, : height - down, max(0, -right) : width - max(0, right)]
    second = luma[:, down:, max(0, right) : width - max(0, -right)]
    apart = np.abs(second - first).reshape(len(luma), -1)
    kth = int(_STEEP * (apart.shape[1] - 1))
    climbs: NDArray[np.float64] = np.partition(apart, kth, axis=1)[:, kth].astype(np.float64)
    return climbs


def _of_regularity(luma: NDArray[np.float32]) -> list[Any]:
    """What returns every few pixels: enlarging leaves curvature that does (A. C. Gallagher, CRV 2005)."""
    found = []
    for planes in (luma, luma.transpose(0, 2, 1)):
        curvature = np.abs(np.diff(planes, n=2, axis=2)).mean(axis=1)
        waves = np.abs(
            np.fft.rfft((curvature - curvature.mean(axis=1, keepdims=True)) * np.hanning(curvature.shape[1]))
        )
        level = np.median(waves, axis=1, keepdims=True) + 1e-3
        bins = np.minimum(np.arange(waves.shape[1]) * _PERIODS // waves.shape[1], _PERIODS - 1)
        peaks = np.stack([(waves / level)[:, bins == each].max(axis=1) for each in range(_PERIODS)])
        found.append(np.log10(1e-2 + np.median(peaks, axis=1)))
    return [np.maximum(*found), np.minimum(*found)]


def _of_jpeg(traces: Traces) -> list[Any]:
    fits = max(traces.fit, -1.0)
    told = traces.fit > 0.3
    return [
        fits,
        traces.quality / 100 if told else 1.0,
        float(any(traces.offset)) * told,
        np.log10(1 + traces.standing_out),
    ]


def _of_light(sample: Sample) -> list[Any]:
    levels = np.quantile(sample.luma, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)) / 255
    black, white = (sample.luma <= 0.5).mean(), (sample.luma >= 254.5).mean()
    colour = np.abs(sample.chroma()).mean() / 255
    return [levels, sample.luma.mean() / 255, np.log10(1e-4 + black), np.log10(1e-4 + white), colour]
