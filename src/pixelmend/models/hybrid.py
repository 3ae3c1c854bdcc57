"""The hybrid network: a convolutional encoder, a transformer at the coarsest scale, a decoder with skips.

::

    degraded ─ stem ─ E0 ─┬─ E1 ─┬─ E2 ─┬─ E3 ─ context ─ D2 ─ D1 ─ D0 ─ head ─(+)─ restored
     + noise level        │      │      └────── skip ─────┘    │    │           │
                          │      └───────────── skip ──────────┘    │        degraded
                          └──────────────────── skip ───────────────┘

E0 and D0 work at full resolution with few channels: light noise is lost where everything happens at half resolution.
"""

from __future__ import annotations

import itertools
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from pixelmend.models.blocks import ContextBlock, ContextKind, Down, ResidualBlock, Up

Width = Annotated[int, Field(ge=8, le=1024)]
Depth = Annotated[int, Field(ge=0, le=64)]


class HybridConfig(BaseModel):
    """What shape the network has. Levels go from full resolution to the coarsest; each halves height and width."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    widths: tuple[Width, ...] = Field(default=(16, 64, 96, 128), min_length=2, description="channels at each level")
    encoder_blocks: tuple[Depth, ...] = Field(
        default=(1, 3, 2, 1), description="residual blocks at each level, going down"
    )
    decoder_blocks: tuple[Depth, ...] = Field(
        default=(1, 3, 2), description="residual blocks at each level, from full resolution"
    )
    context: tuple[ContextKind, ...] = Field(default=("window", "shifted", "channel"))
    window: int = Field(
        default=8, ge=2, le=32, multiple_of=2, description="side of an attention window, in coarsest pixels"
    )
    head_width: int = Field(default=64, ge=8, le=128, description="channels of one attention head")
    feed_forward: float = Field(
        default=1.5, gt=0, le=8, description="hidden width of the gated feed-forward, in widths"
    )

    @model_validator(mode="after")
    def _levels_agree(self) -> HybridConfig:
        levels = len(self.widths)
        if len(self.encoder_blocks) != levels or len(self.decoder_blocks) != levels - 1:
            raise ValueError(
                f"{levels} widths want {levels} encoder_blocks and {levels - 1} decoder_blocks, "
                f"got {len(self.encoder_blocks)} and {len(self.decoder_blocks)}"
            )
        if self.context and self.widths[-1] % self.head_width:
            raise ValueError(f"the last width {self.widths[-1]} is not a multiple of head_width {self.head_width}")
        return self

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        halvings = len(self.widths) - 1
        return (self.window if self.context else 1) << halvings


SIZES: dict[str, HybridConfig] = {
    "small": HybridConfig(),
}
"""The sizes that have a name; the parameter limit of ``small`` is 2 M."""


class Hybrid(nn.Module):
    """Restores a degraded picture, given its noise level.

    Shapes: ``degraded`` (N, 3, H, W) float RGB, nominally in [0, 1] but never clipped; ``noise_level`` (N, 1, H, W)
    or (N, 1, 1, 1), sigma / 255; the result (N, 3, H, W), not clipped. H and W must be multiples of
    ``config.multiple_of``.
    """

    def __init__(self, config: HybridConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.stem = nn.Conv2d(3 + 1, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(w, d) for w, d in zip(widths, config.encoder_blocks, strict=True))
        self.downs = nn.ModuleList(Down(a, b) for a, b in itertools.pairwise(widths))
        hidden = int(config.feed_forward * widths[-1])
        heads = widths[-1] // config.head_width
        self.context = nn.Sequential(
            *(ContextBlock(widths[-1], k, window=config.window, heads=heads, hidden=hidden) for k in config.context)
        )
        self.ups = nn.ModuleList(Up(b, a) for a, b in itertools.pairwise(widths))
        self.decoder = nn.ModuleList(_blocks(w, d) for w, d in zip(widths[:-1], config.decoder_blocks, strict=True))
        self.head = nn.Conv2d(widths[0], 3, 3, padding=1)
        # The network starts as the identity: it is to learn the damage, not the picture (DnCNN, Zhang et al. 2017).
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, degraded: Tensor, noise_level: Tensor) -> Tensor:
        """Restore; see the class for shapes."""
        n, _, h, w = degraded.shape
        features = self.stem(torch.cat([degraded, noise_level.expand(n, 1, h, w)], dim=1))
        skips: list[Tensor] = []
        for blocks, down in zip(self.encoder, self.downs, strict=False):
            features = blocks(features)
            skips.append(features)
            features = down(features)
        features = self.context(self.encoder[-1](features))
        for level in range(len(skips) - 1, -1, -1):
            features = self.decoder[level](self.ups[level](features, skips[level]))
        change: Tensor = self.head(features)
        return degraded + change


def _blocks(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(depth)))
