"""The U-Net, as it is used for restoration.

O. Ronneberger, P. Fischer and T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pixelmend.models.baselines.common import start_from_nothing, start_like_he
from pixelmend.models.network import Network, NetworkConfig, check_conditions


class UNetConfig(NetworkConfig):
    """What shape the network has; levels go from the finest to the coarsest, each halves height and width."""

    architecture: Literal["unet"] = "unet"
    scale: int = Field(default=1, ge=1, le=1, description="it does not enlarge")
    widths: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        default=(32, 64, 128, 256), min_length=2, max_length=6, description="features at each level"
    )

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        return 1 << (len(self.widths) - 1)


class UNet(Network):
    """Two 3×3 convolutions at each level, halving by maxima, and features of the way down beside those of the way up.

    Differs from the paper as restoration has it: convolutions are padded, so that the size is kept, and what comes out
    is added to the picture. Conditions are channels beside its colours.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config: UNetConfig = config
        widths = config.widths
        self.downs = nn.ModuleList(_twice(a, b) for a, b in itertools.pairwise((3 + len(config.conditions), *widths)))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.joins = nn.ModuleList(_twice(2 * a, a) for a in widths[:-1])
        self.last = nn.Conv2d(widths[0], 3, 1)
        start_like_he(self)
        start_from_nothing(self.last)

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore; see `Network`."""
        check_conditions(self.config, conditions)
        n, _, h, w = degraded.shape
        features = torch.cat([degraded, *(each.expand(n, 1, h, w) for each in conditions)], dim=1)
        seen: list[Tensor] = []
        for down in self.downs[:-1]:
            seen.append(down(features))
            features = F.max_pool2d(seen[-1], 2)
        features = self.downs[-1](features)
        for up, join, skip in zip(reversed(self.ups), reversed(self.joins), reversed(seen), strict=True):
            features = join(torch.cat([skip, up(features)], dim=1))
        change: Tensor = self.last(features)
        return degraded + change


def _twice(width_in: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(width_out, width_out, 3, padding=1),
        nn.ReLU(inplace=True),
    )
