"""What noise a picture holds, told from itself: how strong at each brightness, and how far it reaches.

A sensor's noise grows with brightness; where a camera or a scanner has interpolated, it also spreads to neighbours, so
that their noise is alike. Both are measured on what is left of a picture when a network took the noise away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 16
"""Into so many groups of one size pixels are sorted by brightness."""
AROUND = 5
"""Edges are looked for in means over squares of this side, pixels."""
ALONE = 0.25
"""Below this correlation of direct neighbours noise counts as independent from pixel to pixel."""
COARSE = 0.3
"""What is alike by more than this three pixels apart is a part of the picture, not noise."""
FAINT = 1e-7
"""Less than this, white = 1 squared, is not noise: rounding to 8 bits makes ten times as much."""
REACH = 5
"""Noise of pixels further apart than this is independent."""
FAR = (6, 7, 8)
"""Pixels so far apart tell what two that have nothing to do with each other differ by."""
FILTER = 8
"""Half the length of the filter that spreads noise, pixels."""


@dataclass(frozen=True, eq=False)
class NoiseLaw:
    """The noise of one picture: as strong as ``variance`` says, independent from pixel to pixel or spread.

    Attributes:
        brightness: (groups,) ascending, white = 1.
        variance: (groups,), on the same scale squared.
        correlations: (REACH,), of noise in pixels 1, 2, ... apart in a row or a column; all 0 where it is independent.
            Apart in both, it is the product.
    """

    brightness: NDArray[np.float64]
    variance: NDArray[np.float64]
    correlations: NDArray[np.float64]

    @property
    def spreads(self) -> bool:
        """Whether noise of neighbouring pixels is alike."""
        return bool(self.correlations.any())

    @property
    def as_white(self) -> float:
        """Standard deviation of the white noise that is as strong where it is coarsest, 0–255 scale."""
        return float(255 * np.sqrt(self.variance.mean()) * (1 + 2 * self.correlations.sum()))

    def draw(self, restored: Tensor, generator: torch.Generator) -> Tensor:
        """Gaussian noise of this law for a picture (C, H, W) without noise; the same shape, mean 0."""
        channels, height, width = restored.shape
        rim = FILTER if self.spreads else 0
        white = torch.randn(channels, height + 2 * rim, width + 2 * rim, generator=generator)
        deviation = np.sqrt(np.interp(restored.numpy(), self.brightness, self.variance))
        return _spread(white, self.correlations) * torch.from_numpy(deviation).float()


def measure_noise(noisy: Tensor, restored: Tensor) -> NoiseLaw:
    """The law of the noise in a picture.

    Restoring takes some of the picture away as well, most of it coarse, so all is read from differences of pixels: of
    those one and two apart, whether noise spreads; if it does, how far, from those up to ``REACH`` apart beside those
    that are ``FAR`` from each other; its variance from the latter; and if it does not, from the finest detail
    (J. Immerkær, "Fast Noise Variance Estimation", 1996).

    Args:
        noisy: (C, H, W), white = 1; H and W greater than the last of ``FAR``.
        restored: The same with the noise taken away, rather too much than too little.
    """
    rest, light = (noisy - restored).double(), restored.double()
    quiet = _quiet(noisy.double(), light)
    by_distance = {apart: _differences(rest, apart) for apart in (*range(1, REACH + 1), *FAR)}
    means = {apart: float(each[quiet].mean()) if quiet.any() else 0.0 for apart, each in by_distance.items()}
    if means[2] > FAINT and _neighbours(means[1] / means[2]) >= ALONE:
        far = torch.stack([by_distance[apart] for apart in FAR]).mean(0)
        between = [1 - means[apart] / float(far[quiet].mean()) for apart in range(1, REACH + 1)]
        if between[2] < COARSE:
            light = light[:, : far.shape[1], : far.shape[2]]
            return NoiseLaw(*_by_brightness(light[quiet], far[quiet] / 2), np.clip(between, 0, 1))
    detail = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=torch.float64) / 6
    fine = F.conv2d(rest[:, None], detail[None, None])[:, 0].square()
    return NoiseLaw(*_by_brightness(light[:, 1:-1, 1:-1], fine), np.zeros(REACH))


def _quiet(noisy: Tensor, restored: Tensor) -> Tensor:
    """Which places tell how far noise spreads, bool, of the size of differences.

    Not those near edges: what was lost of the picture there is alike in neighbours too. Nor those where nothing
    changes, such as a background that is black: what a network leaves there is its own.
    """
    mean = F.avg_pool2d(restored[None], AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)[0]
    edges = _differences(mean, 2)
    alive = (_differences(noisy, 1) + _differences(noisy, 2)) > 0
    return alive & (edges <= edges[alive].median()) if alive.any() else alive


def _differences(rest: Tensor, apart: int) -> Tensor:
    """(C, H - 8, W - 8): squares of the differences to the right and below, their mean."""
    height, width = rest.shape[1] - FAR[-1], rest.shape[2] - FAR[-1]
    here = rest[:, :height, :width]
    right = rest[:, :height, apart : apart + width]
    below = rest[:, apart : apart + height, :width]
    return ((right - here).square() + (below - here).square()) / 2


def _by_brightness(light: Tensor, variance: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of brightness and variance in groups of pixels that are as bright."""
    light, variance = light.flatten(), variance.flatten()
    groups = [each for each in light.argsort().tensor_split(GROUPS) if len(each)]
    means = np.array([(float(light[each].mean()), float(variance[each].mean())) for each in groups])
    return means[:, 0], means[:, 1]


def _neighbours(share: float) -> float:
    """Correlation q of neighbours, from how their differences compare with those of pixels two apart.

    Solves (1 - q) / (1 - q⁴) = share: behind a Gaussian filter, noise two pixels apart is correlated by q⁴.
    """
    low, high = 0.0, 1.0
    for _ in range(40):
        q = (low + high) / 2
        low, high = (q, high) if 1 / (1 + q + q**2 + q**3) > share else (low, q)
    return low


def _spread(white: Tensor, correlations: NDArray[np.float64]) -> Tensor:
    """White noise (C, H + 2·FILTER, W + 2·FILTER) to noise (C, H, W) of variance 1 with these correlations.

    The filter's spectrum is the root of theirs.
    """
    if not correlations.any():
        return white
    circle = np.zeros(64)
    circle[0], circle[1 : REACH + 1], circle[-REACH:] = 1, correlations, correlations[::-1]
    filtered = np.fft.fftshift(np.fft.ifft(np.sqrt(np.fft.fft(circle).real.clip(0))).real)[32 - FILTER : 33 + FILTER]
    kernel = torch.from_numpy(filtered / np.sqrt(np.square(filtered).sum())).float()
    spread: Tensor = F.conv2d(F.conv2d(white[:, None], kernel[None, None, :, None]), kernel[None, None, None])[:, 0]
    return spread
