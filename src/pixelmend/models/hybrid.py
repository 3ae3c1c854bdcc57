"""The hybrid network: a convolutional encoder, a transformer at the coarsest scale, a decoder with skips.

::

    degraded ─ stem ─ E0 ─┬─ E1 ─┬─ E2 ─┬─ E3 ─ context ─ D2 ─ D1 ─ D0 ─ head ─(+)─ restored
     + conditions         │      │      └────── skip ─────┘    │    │           │
                          │      └───────────── skip ──────────┘    │        degraded, or its
                          └──────────────────── skip ───────────────┘        bicubic enlargement

E0 and D0 work at full resolution with few channels: light noise is lost where everything happens at half resolution.
Each part can be replaced or left out by the configuration, so that a recipe can ask what it is worth.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from pixelmend.models.blocks import (
    Activation,
    BlockKind,
    ContextKind,
    Down,
    Enlarge,
    Point,
    SkipKind,
    Up,
    make_block,
    make_context,
)
from pixelmend.models.network import Condition, Network, NetworkConfig, check_conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

Width = Annotated[int, Field(ge=8, le=1024)]
Depth = Annotated[int, Field(ge=0, le=64)]
Hidden = Annotated[int, Field(ge=1, le=8192)]


class HybridConfig(NetworkConfig):
    """What shape the network has. Levels go from the finest to the coarsest; each halves height and width."""

    architecture: Literal["hybrid"] = "hybrid"
    conditions: tuple[Condition, ...] = Field(default=("noise_level",), description="maps given beside the picture")
    unshuffle: Literal[1, 2] = Field(
        default=1, description="2 folds 2×2 pixels into channels first, so that nothing happens at full resolution"
    )
    widths: tuple[Width, ...] = Field(default=(16, 64, 96, 128), min_length=2, description="channels at each level")
    encoder: BlockKind = "residual"
    encoder_blocks: tuple[Depth, ...] = Field(
        default=(1, 3, 2, 1), description="blocks of the encoder at each level, going down"
    )
    decoder: BlockKind = "residual"
    decoder_blocks: tuple[Depth, ...] = Field(
        default=(1, 3, 2), description="blocks of the decoder at each level, from the finest"
    )
    skips: SkipKind = Field(default="add", description="how the decoder gets what the encoder saw")
    activation: Activation = Field(default="relu", description="of residual blocks")
    context: tuple[ContextKind, ...] = Field(default=("window", "shifted", "channel"))
    attention: Literal["plain", "normalized"] = Field(
        default="plain", description="normalized: queries and keys of windows have length one, and a temperature"
    )
    window: int = Field(
        default=8, ge=2, le=32, multiple_of=2, description="side of an attention window, in coarsest pixels"
    )
    head_width: int = Field(default=64, ge=8, le=128, description="channels of one attention head")
    feed_forward: float = Field(
        default=1.5, gt=0, le=8, description="hidden width of the gated feed-forward, in widths"
    )
    encoder_hidden: tuple[tuple[Hidden, ...], ...] = Field(
        default=(), description="channels inside each residual block, level by level; absent: those of the level"
    )
    decoder_hidden: tuple[tuple[Hidden, ...], ...] = Field(default=(), description="the same for the decoder")
    context_hidden: tuple[Hidden, ...] = Field(
        default=(), description="channels inside each block of the context; absent: feed_forward says it"
    )

    @model_validator(mode="after")
    def _levels_agree(self) -> HybridConfig:
        levels = len(self.widths)
        if len(self.encoder_blocks) != levels or len(self.decoder_blocks) != levels - 1:
            raise ValueError(
                f"{levels} widths want {levels} encoder_blocks and {levels - 1} decoder_blocks, "
                f"got {len(self.encoder_blocks)} and {len(self.decoder_blocks)}"
            )
        if self.attends and self.widths[-1] % self.head_width:
            raise ValueError(f"the last width {self.widths[-1]} is not a multiple of head_width {self.head_width}")
        self._check_hidden()
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(f"conditions {', '.join(self.conditions)} name one twice")
        return self

    def _check_hidden(self) -> None:
        """See that hidden widths, where they are given, are given for every block."""
        for name, kind in (("encoder", self.encoder), ("decoder", self.decoder)):
            given: tuple[tuple[int, ...], ...] = getattr(self, f"{name}_hidden")
            blocks: tuple[int, ...] = getattr(self, f"{name}_blocks")
            if given and kind != "residual":
                raise ValueError(f"{name}_hidden is for residual blocks, and {name} is {kind}: leave it out")
            if given and tuple(map(len, given)) != blocks:
                raise ValueError(f"{name}_hidden gives {list(map(len, given))} numbers, wanted {list(blocks)}")
        if self.context_hidden and len(self.context_hidden) != len(self.context):
            raise ValueError(f"context_hidden gives {len(self.context_hidden)} numbers, wanted {len(self.context)}")

    def hidden_in_context(self, block: int) -> int:
        """Channels inside a block of the context, counted from 0."""
        if self.context_hidden:
            return self.context_hidden[block]
        width = self.widths[-1]
        return width if self.context[block] == "convolution" else int(self.feed_forward * width)

    @property
    def attends(self) -> bool:
        """Whether there is any attention."""
        return any(kind != "convolution" for kind in self.context)

    @property
    def multiple_of(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        halvings = len(self.widths) - 1
        return self.unshuffle * (self.window if self.attends else 1) << halvings


SIZES: dict[str, HybridConfig] = {
    "nano": HybridConfig(
        unshuffle=2,
        widths=(32, 48, 64),
        encoder_blocks=(1, 1, 1),
        decoder_blocks=(1, 1),
        context=("window",),
    ),
    "small": HybridConfig(),
    "base": HybridConfig(
        widths=(32, 128, 192, 256),
        encoder_blocks=(1, 3, 2, 1),
        decoder_blocks=(1, 3, 2),
        context=("window", "shifted", "channel"),
    ),
}
"""The sizes that have a name, for scale 1: nano up to 0.3 M parameters, small up to 2 M, base up to 8 M."""

_ENLARGING = {
    "nano": HybridConfig(widths=(32, 48, 64), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1), context=("window",)),
    "small": HybridConfig(widths=(64, 64, 128), encoder_blocks=(5, 2, 1), decoder_blocks=(6, 2)),
    "base": HybridConfig(widths=(128, 192, 256), encoder_blocks=(3, 2, 1), decoder_blocks=(3, 2)),
}
"""The same where the picture grows: it is small before, so that its own resolution gets the width at once."""


def sized(size: str, scale: int = 1, conditions: tuple[Condition, ...] = ("noise_level",)) -> HybridConfig:
    """The network of a named size.

    Args:
        size: One of ``SIZES``.
        scale: 1–4, what it enlarges by.
        conditions: What it is told beside the picture.
    """
    config = SIZES[size] if scale == 1 else _ENLARGING[size]
    return HybridConfig.model_validate({**config.model_dump(), "scale": scale, "conditions": conditions})


class Hybrid(Network):
    """Restores a degraded picture, told its conditions.

    Shapes: ``degraded`` (N, 3, H, W) float RGB, nominally in [0, 1] but never clipped; each condition (N, 1, H, W) or
    (N, 1, 1, 1), in the order of ``config.conditions``: ``noise_level`` is sigma / 255, ``mask`` is 1 where pixels are
    lost; the result (N, 3, H·scale, W·scale), not clipped. H and W must be multiples of ``config.multiple_of``.
    """

    def __init__(self, config: HybridConfig) -> None:
        super().__init__()
        self.config: HybridConfig = config
        widths, folded = config.widths, config.unshuffle**2
        self.stem = nn.Conv2d((3 + len(config.conditions)) * folded, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(config, "encoder", level) for level in range(len(widths)))
        self.downs = nn.ModuleList(Down(a, b) for a, b in itertools.pairwise(widths))
        heads = widths[-1] // config.head_width
        self.context = nn.Sequential(
            *(
                make_context(
                    kind,
                    widths[-1],
                    window=config.window,
                    heads=heads,
                    hidden=config.hidden_in_context(block),
                    normalized=config.attention == "normalized",
                )
                for block, kind in enumerate(config.context)
            )
        )
        self.ups = nn.ModuleList(Up(b, a, config.skips) for a, b in itertools.pairwise(widths))
        self.decoder = nn.ModuleList(_blocks(config, "decoder", level) for level in range(len(widths) - 1))
        self.head = nn.Conv2d(widths[0], 3 * folded * config.scale**2, 3, padding=1)
        # The network starts as the identity: it is to learn the damage, not the picture (DnCNN, Zhang et al. 2017).
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)
        self.point_stem, self.point_head = Point(), Point()
        self.enlarge = Enlarge(config.scale) if config.scale > 1 else nn.Identity()

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """Restore; see the class for shapes.

        Raises:
            ModelError: Another number of conditions than the configuration names.
        """
        check_conditions(self.config, conditions)
        n, _, h, w = degraded.shape
        given = torch.cat([degraded, *(condition.expand(n, 1, h, w) for condition in conditions)], dim=1)
        features = self.point_stem(self.stem(_fold(given, self.config.unshuffle)))
        seen: list[Tensor] = []
        for blocks, down in zip(self.encoder, self.downs, strict=False):
            features = blocks(features)
            seen.append(features)
            features = down(features)
        features = self.context(self.encoder[-1](features))
        for level in range(len(seen) - 1, -1, -1):
            features = self.decoder[level](self.ups[level](features, seen[level]))
        change = _unfold(self.point_head(self.head(features)), self.config.unshuffle * self.config.scale)
        restored: Tensor = self.enlarge(degraded) + change
        return restored


def _fold(pixels: Tensor, factor: int) -> Tensor:
    return F.pixel_unshuffle(pixels, factor) if factor > 1 else pixels


def _unfold(pixels: Tensor, factor: int) -> Tensor:
    return F.pixel_shuffle(pixels, factor) if factor > 1 else pixels


def _blocks(config: HybridConfig, side: Literal["encoder", "decoder"], level: int) -> nn.Sequential:
    """The blocks of encoder or decoder at one level."""
    depths, given = (
        (config.encoder_blocks, config.encoder_hidden)
        if side == "encoder"
        else (config.decoder_blocks, config.decoder_hidden)
    )
    kind: BlockKind = config.encoder if side == "encoder" else config.decoder
    hidden: Sequence[int | None] = given[level] if given else [None] * depths[level]
    return nn.Sequential(*(make_block(kind, config.widths[level], config.activation, each) for each in hidden))
