"""VDSR, the deep residual network for super-resolution.

J. Kim, J. K. Lee and K. M. Lee, "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR 2016.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from pixelmend.models.baselines.common import Luminance, enlarger, start_from_nothing, start_like_he
from pixelmend.models.network import Network, NetworkConfig, check_conditions


class VDSRConfig(NetworkConfig):
    """What shape the network has."""

    architecture: Literal["vdsr"] = "vdsr"
    scale: int = Field(default=4, ge=1, le=4, description="what it enlarges by")
    conditions: tuple[()] = Field(default=(), description="it is told nothing")
    depth: int = Field(default=20, ge=2, le=64, description="convolutions")
    width: int = Field(default=64, ge=1, le=512, description="features of each layer between")


class VDSR(Network):
    """A stack of 3×3 convolutions that predicts what the luminance of the bicubic enlargement lacks (section 3.1)."""

    def __init__(self, config: VDSRConfig) -> None:
        super().__init__()
        self.config: VDSRConfig = config
        self.enlarge, self.luminance = enlarger(config.scale), Luminance()
        layers: list[nn.Module] = [nn.Conv2d(1, config.width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(config.depth - 2):
            layers += [nn.Conv2d(config.width, config.width, 3, padding=1), nn.ReLU(inplace=True)]
        last = nn.Conv2d(config.width, 1, 3, padding=1)
        self.layers = nn.Sequential(*layers, last)
        start_like_he(self)
        start_from_nothing(last)

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Enlarge and restore; see `Network`."""
        check_conditions(self.config, conditions)
        enlarged = self.enlarge(degraded)
        return self.luminance.changed(enlarged, self.layers(self.luminance(enlarged)))
