"""What noise a picture holds, told from itself: how strong at each brightness, and how far it reaches.

A sensor's noise grows with brightness; where a camera or a scanner has interpolated, it also spreads to neighbours, so
that their noise is alike. Both are measured on what is left of a picture when a network took the noise away.
"""

from __future__ import annotations

import math
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
ALIKE = 0.9
"""Correlations above this are not believed."""
REACH = 4
"""Kernels that spread noise reach so far, pixels."""


@dataclass(frozen=True, eq=False)
class NoiseLaw:
    """The noise of one picture: Gaussian, as strong as ``variance`` says, white or spread by a Gaussian kernel.

    Attributes:
        brightness: (groups,) ascending, white = 1.
        variance: (groups,), on the same scale squared.
        correlation: Of noise in direct neighbours, 0–0.9; two pixels apart it is the fourth power of that, as for
            white noise behind a Gaussian filter.
    """

    brightness: NDArray[np.float64]
    variance: NDArray[np.float64]
    correlation: float

    @property
    def kernel_sigma(self) -> float:
        """Of the Gaussian filter that white noise went through, pixels; 0 for none."""
        return 0.5 / math.sqrt(-math.log(self.correlation)) if self.correlation else 0.0

    def draw(self, restored: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of this law for a picture (C, H, W) without noise; the same shape, mean 0."""
        channels, height, width = restored.shape
        rim = REACH if self.correlation else 0
        white = torch.randn(channels, height + 2 * rim, width + 2 * rim, generator=generator)
        deviation = np.sqrt(np.interp(restored.numpy(), self.brightness, self.variance))
        return _spread(white, self.kernel_sigma) * torch.from_numpy(deviation).float()


def measure_noise(noisy: Tensor, restored: Tensor) -> NoiseLaw:
    """The law of the noise in a picture.

    Restoring takes some of the picture away as well, most of it coarse. So all is read from differences of pixels that
    are near each other: the correlation from those one and two apart, the variance from those two apart, or, where
    noise is white, from the finest detail (J. Immerkær, "Fast Noise Variance Estimation", 1996).

    Args:
        noisy: (C, H, W), white = 1.
        restored: The same with the noise taken away, rather too much than too little.
    """
    rest, light = (noisy - restored).double(), restored.double()
    near, far = (_differences(rest, apart) for apart in (1, 2))
    # Told by places without edges: elsewhere what was lost of the picture is alike in neighbours too.
    edges = _differences(_around(restored.double()), 2)
    quiet = edges <= edges.median()
    share = float(near[quiet].mean() / far[quiet].mean().clamp_min(1e-12))
    correlation = _correlation(share)
    if correlation:
        variance = far / (2 * (1 - correlation**4))
    else:
        detail = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=torch.float64) / 6
        variance = F.conv2d(rest[:, None], detail[None, None])[:, 0].square()
    light = light[:, 1:-1, 1:-1]
    order = light.flatten().argsort()
    groups = [(light.flatten()[each], variance.flatten()[each]) for each in order.tensor_split(GROUPS) if len(each)]
    means = np.array([(float(one.mean()), float(other.mean())) for one, other in groups])
    return NoiseLaw(means[:, 0], means[:, 1], correlation)


def _around(restored: Tensor) -> Tensor:
    """The mean around each pixel of (C, H, W); the same shape."""
    mean: Tensor = F.avg_pool2d(restored[None], AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)[0]
    return mean


def _differences(rest: Tensor, apart: int) -> Tensor:
    """(C, H-2, W-2): squares of differences to the right and below, their mean."""
    height, width = rest.shape[1] - 2, rest.shape[2] - 2
    here = rest[:, :height, :width]
    right = rest[:, :height, apart : apart + width]
    below = rest[:, apart : apart + height, :width]
    return ((right - here).square() + (below - here).square()) / 2


def _correlation(share: float) -> float:
    """Solve (1 - q) / (1 - q⁴) = share for the correlation q of neighbours; 0 where it is small."""
    low, high = 0.0, ALIKE
    for _ in range(40):
        q = (low + high) / 2
        low, high = (q, high) if 1 / (1 + q + q**2 + q**3) > share else (low, q)
    return low if low >= ALONE else 0.0


def _spread(white: Tensor, kernel_sigma: float) -> Tensor:
    """White noise (C, H + 2·REACH, W + 2·REACH) through a Gaussian filter, (C, H, W), still of variance 1."""
    if not kernel_sigma:
        return white
    place = torch.arange(-REACH, REACH + 1.0)
    kernel = torch.exp(-(place**2) / (2 * kernel_sigma**2))
    kernel = kernel / kernel.square().sum().sqrt()
    spread: Tensor = F.conv2d(F.conv2d(white[:, None], kernel[None, None, :, None]), kernel[None, None, None])[:, 0]
    return spread
