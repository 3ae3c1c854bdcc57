"""SRCNN, the first convolutional network for super-resolution.

C. Dong, C. C. Loy, K. He and X. Tang, "Learning a Deep Convolutional Network for Image Super-Resolution", ECCV 2014;
in the 9-5-5 form of their later article (IEEE TPAMI 38(2), 2016, section 4.3.2).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pixelmend.models.baselines.common import Luminance, enlarger, start_like_he
from pixelmend.models.network import Network, NetworkConfig, check_conditions

Width = Annotated[int, Field(ge=1, le=1024)]
LOST = 8
"""How many pixels the three convolutions lose at each border."""


class SRCNNConfig(NetworkConfig):
    """What shape the network has."""

    architecture: Literal["srcnn"] = "srcnn"
    scale: int = Field(default=4, ge=1, le=4, description="what it enlarges by")
    conditions: tuple[()] = Field(default=(), description="it is told nothing")
    widths: tuple[Width, Width] = Field(default=(64, 32), description="features after the first and the second layer")


class SRCNN(Network):
    """Three convolutions on the luminance of the bicubic enlargement: patches, a mapping, a reconstruction.

    As in the paper convolutions leave out the border; what they lose is put around the picture before, by repeating its
    edge, so that the size is kept. The last layer starts from the paper's small weights, a deviation of 0.001.
    """

    def __init__(self, config: SRCNNConfig) -> None:
        super().__init__()
        self.config: SRCNNConfig = config
        first, second = config.widths
        self.enlarge, self.luminance = enlarger(config.scale), Luminance()
        self.patches = nn.Conv2d(1, first, 9)
        self.mapping = nn.Conv2d(first, second, 5)
        self.reconstruction = nn.Conv2d(second, 1, 5)
        start_like_he(self)
        nn.init.normal_(self.reconstruction.weight, std=1e-3)

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Enlarge and restore; see `Network`."""
        check_conditions(self.config, conditions)
        enlarged = self.enlarge(degraded)
        luminance = self.luminance(enlarged)
        features = F.relu(self.mapping(F.relu(self.patches(F.pad(luminance, (LOST,) * 4, mode="replicate")))))
        return self.luminance.changed(enlarged, self.reconstruction(features).float() - luminance)
