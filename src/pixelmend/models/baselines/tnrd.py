"""TNRD, trainable nonlinear reaction diffusion: a few steps of a diffusion whose filters and forces are learnt.

Y. Chen, W. Yu and T. Pock, "On Learning Optimized Reaction Diffusion Processes for Effective Image Restoration",
CVPR 2015; Y. Chen and T. Pock, "Trainable Nonlinear Reaction Diffusion", IEEE TPAMI 39(6), 2017.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pixelmend.models.network import Network, NetworkConfig, check_conditions

LEAST_LEVEL = 1 / 255
"""Noise below this level counts as this much, on the unit scale: the diffusion divides by it."""
SAMPLES = 16
"""How many points of its table an influence function has between two centres."""
BEYOND = 4
"""How many gaps between centres the table goes on after the last one; there a Gaussian has 0.03 % of its height."""
FIRST_FORCE = 0.001
"""Height of the influence functions before anything is learnt, in noise levels: small, so that little changes."""
FIRST_FIDELITY = 0.1
"""Weight of the data before anything is learnt."""


class TNRDConfig(NetworkConfig):
    """What shape the network has."""

    architecture: Literal["tnrd"] = "tnrd"
    scale: int = Field(default=1, ge=1, le=1, description="it does not enlarge")
    conditions: tuple[Literal["noise_level"]] = Field(
        default=("noise_level",), description="what responses are measured by"
    )
    stages: int = Field(default=5, ge=2, le=20, description="steps of the diffusion")
    kernel: Literal[5, 7] = Field(default=5, description="side of the filters, pixels; kernel² − 1 of them")
    centres: int = Field(default=31, ge=3, le=127, description="Gaussians that an influence function is the sum of")
    reach: float = Field(default=10, gt=0, le=100, description="where the last centre lies, in noise levels")

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels: so that a filter fits into the picture."""
        return 8


class TNRD(Network):
    """Steps x ← x − (Σᵢ k̄ᵢ ∗ φᵢ(kᵢ ∗ x) + λ (x − y)) of a reaction diffusion (article of 2017, eq. 6).

    Each colour is restored alone. The paper learns one diffusion for each noise level; here one is told the level and
    measures the responses of its filters by it, σ φ(k ∗ x / σ), so that stronger noise is the same problem at another
    scale. Everything is worked out in float32, since responses are small differences of large values.
    """

    def __init__(self, config: TNRDConfig) -> None:
        super().__init__()
        self.config: TNRDConfig = config
        self.stages = nn.ModuleList(Diffusion(config) for _ in range(config.stages))
        # Not for the first step, which begins at y itself. Their logarithms, so that they stay positive.
        self.fidelity = nn.Parameter(torch.full((config.stages - 1,), math.log(FIRST_FIDELITY)))

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore; see `Network`."""
        check_conditions(self.config, conditions)
        n, c, h, w = degraded.shape
        with torch.autocast(degraded.device.type, enabled=False):
            level = conditions[0].float().clamp_min(LEAST_LEVEL).expand(n, c, *conditions[0].shape[2:])
            level = level.reshape(n * c, 1, *level.shape[2:])
            first = degraded.float().reshape(n * c, 1, h, w) / level
            # What one colour needs is much; where nothing is learnt from it, one goes after the other.
            parts = [first] if torch.is_grad_enabled() else first[:, None]
            return (torch.cat([self._diffused(part) for part in parts]) * level).reshape(n, c, h, w)

    def _diffused(self, first: Tensor) -> Tensor:
        """(N, 1, H, W) in noise levels, after all steps."""
        x = first
        for number, stage in enumerate(self.stages):
            force = stage(x)
            if number:
                force = force + self.fidelity[number - 1].exp() * (x - first)
            x = x - force
        return x


class Diffusion(nn.Module):
    """What drives one step: Σᵢ k̄ᵢ ∗ φᵢ(kᵢ ∗ x), k̄ the filter turned by 180°.

    Filters are sums of the DCT's filters but the constant one, brought to length one (section 3.3 of the article), so
    that none answers to brightness. A filter answers where it lies inside the picture, and what it answers is spread by
    the transpose of that: there is no border to make up.
    """

    def __init__(self, config: TNRDConfig) -> None:
        super().__init__()
        self.kernel = config.kernel
        count = config.kernel**2 - 1
        self.coefficients = nn.Parameter(torch.eye(count))
        self.influence = Influence(count, config.centres, config.reach)
        self.register_buffer("basis", dct_filters(config.kernel), persistent=False)
        self.basis: Tensor

    def filters(self) -> Tensor:
        """(count, 1, kernel, kernel), each with mean zero and length one."""
        return (F.normalize(self.coefficients, dim=1) @ self.basis).reshape(-1, 1, self.kernel, self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) float32, in noise levels, in; the same out."""
        filters = self.filters()
        return F.conv_transpose2d(self.influence(F.conv2d(x, filters)), filters)


class Influence(nn.Module):
    """A function for each channel: a sum of Gaussians at equal distances, as wide as these (article, eq. 10).

    It is worked out through a table with linear interpolation, as the authors' program does: 16 points between two
    centres leave an error below a thousandth of the largest weight. Far outside all centres it is zero.

    Args:
        channels: How many functions.
        centres: How many Gaussians each is made of.
        reach: Where the first and the last one lie, ±.
    """

    def __init__(self, channels: int, centres: int, reach: float) -> None:
        super().__init__()
        self.gap = 2 * reach / (centres - 1)
        end = reach + BEYOND * self.gap
        places = torch.linspace(-reach, reach, centres)
        points = torch.linspace(-end, end, SAMPLES * (centres - 1 + 2 * BEYOND) + 1)
        self.register_buffer("gaussians", gaussian((points - places[:, None]) / self.gap), persistent=False)
        self.gaussians: Tensor
        self.register_buffer("middle", torch.tensor((len(points) - 1) / 2), persistent=False)
        self.middle: Tensor
        # What the paper starts from is the force of the Student's t distribution; at the centres, since a sum of
        # Gaussians that are as wide as far apart is √(2π) times as high as their weights.
        start = FIRST_FORCE * 2 * places / (1 + places.square()) / math.sqrt(2 * math.pi)
        self.weights = nn.Parameter(start.expand(channels, -1).clone())

    def forward(self, responses: Tensor) -> Tensor:
        """(N, channels, H, W) float32 in, the same out."""
        table = self.weights @ self.gaussians
        channels, points = table.shape
        place = torch.add(self.middle, responses, alpha=SAMPLES / self.gap).clamp(0, points - 1.001)
        below = place.nan_to_num().int()  # no number stays none by what is added below, and a run goes back
        rows = torch.arange(channels, dtype=torch.int32, device=table.device).reshape(-1, 1, 1) * (points - 1)
        index = (below + rows).flatten()
        values, slopes = (
            each.flatten().index_select(0, index).view_as(place) for each in (table[:, :-1], table.diff(dim=1))
        )
        return torch.addcmul(values, place - below, slopes)


def gaussian(distance: Tensor) -> Tensor:
    """exp(−d² / 2)."""
    return torch.exp(-0.5 * distance.square())


def dct_filters(side: int) -> Tensor:
    """All filters of the two-dimensional DCT-II but the constant one: (side² − 1, side²), orthonormal rows."""
    places = torch.arange(side, dtype=torch.float64)
    waves = torch.cos(math.pi / side * (places + 0.5) * places[:, None])
    waves = waves / waves.norm(dim=1, keepdim=True)
    return torch.kron(waves, waves)[1:].float()
