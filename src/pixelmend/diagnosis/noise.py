"""How noisy a picture is, told from the picture alone.

G. Chen, F. Zhu, P. A. Heng, "An Efficient Statistical Method for Image Noise Level Estimation", ICCV 2015:
clean patches lie near a subspace, so the small eigenvalues of the patches' covariance are those of the noise;
the level is read where the mean of the smallest eigenvalues is their median (algorithm 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.diagnosis.clipping import Seen, unclipped_variance
from pixelmend.images import ArrayPicture, to_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pixelmend.images import PictureLike

_BLOCK = 64  # side of the blocks that are looked at, in pixels
_BLOCKS_A_SIDE = 7  # at most so many across and down, spread evenly: the cost does not grow with the picture
_PATCH_SIDES = (8, 6, 5, 4, 3)
_MOST_PATCHES = 12000  # about so many at most: patches are taken one, two or three pixels apart
_LEAST_PATCHES = 500  # below this, eigenvalues scatter
_WEAK = 0.08  # the share of patches, those with the least texture, that is looked at
_WEAKEST = 0.02  # the same where noise is faint, and texture more easily taken for it
_FAINT = 0.07  # below this level on the [0, 1] scale
_MARGIN = 1.5  # noise is clipped nearer to black and white than so many standard deviations
_FIRST_GUESS = 0.1  # level on the [0, 1] scale that the first choice of patches supposes
_SATURATED = 0.01  # nearer to black or white than this, patches are left out whatever the level
_CLIPPED = 0.0005  # clipping matters where a larger share of the values is black or white


@dataclass(frozen=True)
class _Patches:
    """What is kept of each patch.

    Attributes:
        details: (patches, dimensions), its high frequencies.
        texture: (patches,), the energy of its low frequencies.
        mean: (patches,), its mean.
        low: How many low frequencies there are.
        clipped: Whether the picture as a whole holds clipped values.
    """

    details: NDArray[np.float32]
    texture: NDArray[np.float32]
    mean: NDArray[np.float32]
    low: int
    clipped: bool

    def take(self, which: NDArray[np.bool_]) -> _Patches:
        """Some of them."""
        return _Patches(self.details[which], self.texture[which], self.mean[which], self.low, self.clipped)


def estimate_sigma(picture: PictureLike | NDArray[Any]) -> float:
    """The standard deviation of white Gaussian noise in a picture.

    Departs from the paper so as to serve textured, clipped and coloured pictures alike: each channel gives
    patches of its own (JPEG smooths colour, which would hide the noise of luminance); the 2 % with the least
    texture are used (8 % where noise is strong), judged by low frequencies, while the level is read from the
    high ones, so that the choice does not bias it; where values are clipped, patches near black and white
    are left out, and what clipping took from the others is added.

    Mean absolute error, white Gaussian noise, over every third picture of CBSD68, Kodak24 and (gray) BSD68,
    the worst set:

    ========  ====  ====  ====  ====  ====  ====
    sigma        0     5    15    25    50    75
    ========  ====  ====  ====  ====  ====  ====
    float     1.19  0.24  0.35  0.36  0.37  0.55
    8 bits    1.19  0.35  0.38  0.46  0.73  1.72
    ========  ====  ====  ====  ====  ====  ====

    At 8 bits black and white cut part of the noise off; what is told is the level that it had before (see `clipping`).

    Args:
        picture: Anything with `region`, or an array (H, W) or (H, W, C), C in {1, 3}, uint8, uint16 or
            float32 (white = 1).

    Returns:
        On the 0-255 scale, at least 0; 0 where the picture is flat or too small to tell (below 3×3).

    Raises:
        UnreadableError: The file behind the picture is damaged.
    """
    if isinstance(picture, np.ndarray):
        whole = picture[:, :, None] if picture.ndim == 2 else picture
        picture = ArrayPicture(whole, None, picture)
    blocks = [to_unit(block) for block in _blocks(picture)]
    if picture.channels == 3 and all((np.ptp(block, axis=2) == 0).all() for block in blocks):
        blocks = [block[:, :, :1] for block in blocks]  # grey stored as RGB: three times the same noise
    patches = _patches(blocks)
    if patches is None:
        return 0.0
    sigma01 = _FIRST_GUESS
    # Which patches are free of clipping depends on the level, and the level on the patches.
    for _ in range(3):
        sigma01 = math.sqrt(max(0.0, _variance(_weak(_inside(patches, sigma01), sigma01))))
    return 255 * sigma01


def _blocks(picture: PictureLike) -> Iterator[NDArray[Any]]:
    height, width = min(_BLOCK, picture.height), min(_BLOCK, picture.width)
    for top in _spread(picture.height, height):
        for left in _spread(picture.width, width):
            yield picture.region(top, left, height, width)


def _spread(length: int, block: int) -> list[int]:
    """Where blocks begin along one side: the first at 0, the last at the end, no overlap."""
    count = min(_BLOCKS_A_SIDE, length // block)
    return [(length - block) * index // max(1, count - 1) for index in range(count)]


def _patches(blocks: list[NDArray[np.float32]]) -> _Patches | None:
    """Patches of every block, as large as there are enough of; None where even the smallest do not fit."""
    height, width, channels = blocks[0].shape
    sides = [side for side in _PATCH_SIDES if side <= min(height, width)]
    if not sides:
        return None
    room = [(height - side + 1) * (width - side + 1) * len(blocks) for side in sides]
    side = next((side for side, count in zip(sides, room, strict=True) if count >= _LEAST_PATCHES), sides[-1])
    rows = max(room) * channels
    step = 1 + (rows > 4 * _MOST_PATCHES) + (rows > 16 * _MOST_PATCHES)
    values = np.concatenate([_cut(block, side, step) for block in blocks])
    low, high = _frequencies(side)
    texture = np.square(values @ low).sum(axis=1)
    clipped = bool(((np.abs(values) < 1e-6) | (np.abs(values - 1) < 1e-6)).mean() > _CLIPPED)
    return _Patches(values @ high, texture, values.mean(axis=1), low.shape[1], clipped)


def _cut(block: NDArray[np.float32], side: int, step: int) -> NDArray[np.float32]:
    """(patches, side²); each channel gives patches of its own."""
    views = np.lib.stride_tricks.sliding_window_view(block, (side, side), axis=(0, 1))
    rows: NDArray[np.float32] = views[::step, ::step].reshape(-1, side * side)
    return rows


def _frequencies(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The cosine basis of a patch: low frequencies without the mean, and high ones; (side², count) each."""
    place = np.arange(side)
    waves = np.cos(np.pi * (2 * place[None] + 1) * place[:, None] / (2 * side)) * math.sqrt(2 / side)
    waves[0] /= math.sqrt(2)
    basis = np.einsum("ui,vj->uvij", waves, waves).reshape(side * side, side * side).astype(np.float32)
    order = np.add.outer(place, place).ravel()
    return basis[(order > 0) & (order < side)].T, basis[order >= side].T


def _inside(patches: _Patches, sigma01: float) -> _Patches:
    """Patches so far from black and white that noise is not clipped there; the midmost where there are few.

    Chosen by their mean, which tells next to nothing of the noise inside, so that the choice does not bias
    the level.
    """
    if not patches.clipped:
        return patches
    distance = np.minimum(patches.mean, 1 - patches.mean)
    good = distance >= max(_MARGIN * sigma01, _SATURATED)
    least = min(len(distance), max(_LEAST_PATCHES, len(distance) // 20))
    if np.count_nonzero(good) < least:
        good = distance >= np.partition(distance, len(distance) - least)[len(distance) - least]
    return patches.take(good)


def _weak(patches: _Patches, sigma01: float) -> _Patches:
    """Patches with the least texture in low frequencies: white noise there says nothing of the high ones."""
    count = len(patches.texture)
    least = min(count, max(_LEAST_PATCHES, int(count * (_WEAK if sigma01 > _FAINT else _WEAKEST))))
    return patches.take(patches.texture <= np.partition(patches.texture, least - 1)[least - 1])


def _variance(patches: _Patches) -> float:
    """The variance of the noise of these patches before it was clipped, on the [0, 1] scale."""
    variance = _noise_variance(patches)
    if not patches.clipped or variance <= 0:
        return variance
    pixels = patches.low + patches.details.shape[1] + 1
    calm = float(patches.texture.mean()) / (patches.low * variance)
    return unclipped_variance(Seen(variance, patches.mean, calm, patches.low, pixels))


def _noise_variance(patches: _Patches) -> float:
    """Algorithm 1 of the paper on the high frequencies, on the [0, 1] scale."""
    details = patches.details
    covariance = details.T @ details / len(details)
    eigenvalues = np.linalg.eigvalsh(covariance.astype(np.float64))
    for count in range(len(eigenvalues), 0, -1):
        mean = float(eigenvalues[:count].mean())
        # at the true split the mean is the median: as many eigenvalues above as below
        if np.count_nonzero(eigenvalues[:count] > mean) >= np.count_nonzero(eigenvalues[:count] < mean):
            return mean
    return float(eigenvalues[0])
