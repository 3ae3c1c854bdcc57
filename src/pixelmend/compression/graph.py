"""Which channels of a hybrid network go together, found by tracing it, and taking them out.

A channel inside a residual block is an output of one convolution and an input of the next. A channel of a whole level
passes through skips and sums: every layer that writes or reads it loses it. Torch-Pruning's dependency graph (Fang et
al. 2023, "DepGraph") finds these groups. Two things hide from it and are put right first: gains, which scale weights on
the way (`fold_gains`), and sub-pixel convolutions, of which four channels become one.

What may shrink: the inside of residual blocks and of feed-forwards, and the levels but for the coarsest, whose width
is that of the heads of attention.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch_pruning
from torch import Tensor, nn

from pixelmend.models import Hybrid, HybridConfig
from pixelmend.models.blocks import ContextBlock, ResidualBlock
from pixelmend.models.gains import fold_gains, gains, unfold_gains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SMALLEST_LEVEL = 8
"""Channels that a level keeps at least: what the configuration asks for."""


class _SubPixel(nn.Conv2d):
    """A convolution whose outputs are folded into 2×2 pixels right after: four in a row are one channel."""


class _SubPixelPruning(torch_pruning.BasePruningFunc):  # type: ignore[misc] # the library has no annotations
    """What the library is to do with such a convolution; layers are given and taken as it wants."""

    prune_in_channels = staticmethod(torch_pruning.prune_conv_in_channels)

    def prune_out_channels(self, layer: _SubPixel, idxs: Sequence[int]) -> nn.Module:
        """Take out four outputs for each channel."""
        taken: nn.Module = torch_pruning.prune_conv_out_channels(layer, [4 * i + k for i in idxs for k in range(4)])
        return taken

    def get_out_channels(self, layer: _SubPixel) -> int:
        """Channels after folding."""
        return layer.out_channels // 4

    def get_in_channels(self, layer: _SubPixel) -> int:
        """Channels that it reads."""
        return layer.in_channels


@dataclass(frozen=True, eq=False)
class Dimension:
    """Channels of which some can be taken out.

    Attributes:
        name: "encoder.1.0" is the inside of that block, "level 1" a level's width.
        layer: The convolution that makes them.
        shares: How many of its outputs make one channel: 2 where values come with gates.
        least: So many stay.
    """

    name: str
    layer: nn.Conv2d
    shares: int = 1
    least: int = 1

    @property
    def channels(self) -> int:
        """How many there are."""
        return self.layer.out_channels // self.shares


class Graph:
    """A copy of a network, without gains, that channels can be taken out of.

    Args:
        model: The network; it is not changed.

    Attributes:
        model: The copy.
        dimensions: What may shrink.
    """

    def __init__(self, model: Hybrid) -> None:
        self.model = copy.deepcopy(model).to(memory_format=torch.contiguous_format).eval()
        fold_gains(self.model)
        for up in self.model.ups:
            up.conv = _sub_pixel(up.get_submodule("conv"))
        # The tracer gives up on splits that come after a learnt number outside of layers, such as a temperature.
        self.model.requires_grad_(requires_grad=False)
        for module in self.model.modules():
            if isinstance(module, nn.Conv2d):
                module.requires_grad_(requires_grad=True)
        self.dimensions = tuple(_dimensions(self.model))
        self._graph = _trace(self.model)

    @property
    def parameters(self) -> int:
        """Parameters of the network that `network` gives."""
        with torch.device("meta"):
            return sum(p.numel() for p in Hybrid(self.config()).parameters())

    def per_channel(self, dimension: Dimension, values: Callable[[Tensor], Tensor], *, readers: bool = False) -> Tensor:
        """The sum of some values over all that each channel would take with it.

        Args:
            dimension: Whose channels.
            values: Of a parameter, in its shape.
            readers: Only over the weights that read the channel, not over those that make it.

        Returns:
            (channels,)
        """
        total = torch.zeros(dimension.channels, device=dimension.layer.weight.device)
        for item in self._group(dimension, range(dimension.channels)):
            (dependency, indices), roots = item, item.root_idxs
            layer = dependency.layer
            if not isinstance(layer, nn.Conv2d):
                continue
            reads = dependency.handler.__name__ == "prune_in_channels"
            if readers and not reads:
                continue
            sums = _sums(layer, values, reads=reads)
            total.index_add_(0, torch.tensor(roots, device=total.device), sums[list(indices)])
        return total

    def freed(self, dimension: Dimension) -> int:
        """Parameters that go with each channel; a gain for each output of a block is not counted."""
        return int(self.per_channel(dimension, torch.ones_like)[0])

    def remove(self, dimension: Dimension, channels: Sequence[int]) -> None:
        """Take channels out of every layer that makes or reads them."""
        self._group(dimension, channels).prune()
        if dimension.shares > 1:
            # Where a layer's outputs are split into halves, the library goes on with the old place of the cut.
            self._graph = _trace(self.model)

    def config(self) -> HybridConfig:
        """The shape of what is left."""
        widths = {each.name: each.channels for each in self.dimensions}
        old = self.model.config
        inside = {
            side: tuple(
                tuple(widths[f"{side}.{level}.{block}"] for block in range(depth)) for level, depth in enumerate(depths)
            )
            for side, kind, depths in (
                ("encoder", old.encoder, old.encoder_blocks),
                ("decoder", old.decoder, old.decoder_blocks),
            )
            if kind == "residual"
        }
        changed = {
            "widths": tuple(widths.get(f"level {level}", width) for level, width in enumerate(old.widths)),
            "encoder_hidden": inside.get("encoder", ()),
            "decoder_hidden": inside.get("decoder", ()),
            "context_hidden": tuple(widths[f"context.{block}"] for block in range(len(old.context))),
        }
        return HybridConfig.model_validate({**old.model_dump(), **changed})

    def network(self) -> Hybrid:
        """What is left, as a network of its own, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            model = Hybrid(self.config())
        ones = {name: torch.ones_like(gain) for name, gain in gains(model)}
        model.load_state_dict({**self.model.state_dict(), **ones})
        unfold_gains(model)
        return model.to(next(self.model.parameters()).device).eval()

    def _group(self, dimension: Dimension, channels: Sequence[int]) -> Any:
        return self._graph.get_pruning_group(dimension.layer, torch_pruning.prune_conv_out_channels, list(channels))


def _sub_pixel(conv: nn.Module) -> _SubPixel:
    """The same convolution under the name that the tracer is told of."""
    assert isinstance(conv, nn.Conv2d)  # noqa: S101 (for the type checker)
    with torch.random.fork_rng(devices=[]):
        same = _SubPixel(conv.in_channels, conv.out_channels, 1, device=conv.weight.device)
    same.load_state_dict(conv.state_dict())
    return same


def _dimensions(model: Hybrid) -> Iterator[Dimension]:
    config = model.config
    for side, parts in (("encoder", model.encoder), ("decoder", model.decoder)):
        for level, blocks in enumerate(parts):
            for number, block in enumerate(blocks.children()):
                if isinstance(block, ResidualBlock):
                    yield Dimension(f"{side}.{level}.{number}", block.conv1)
    for number, block in enumerate(model.context):
        if isinstance(block, ContextBlock):
            yield Dimension(f"context.{number}", block.expand, shares=2)
        elif isinstance(block, ResidualBlock):
            yield Dimension(f"context.{number}", block.conv1)
    # Elsewhere encoder and decoder have streams of their own at each level, and a level has one width.
    if config.skips == "add" and config.encoder == config.decoder == "residual":
        yield Dimension("level 0", model.stem, least=SMALLEST_LEVEL)
        for level, down in enumerate(model.downs[:-1], 1):
            conv = down.get_submodule("conv")
            assert isinstance(conv, nn.Conv2d)  # noqa: S101 (for the type checker)
            yield Dimension(f"level {level}", conv, least=SMALLEST_LEVEL)


def _trace(model: Hybrid) -> Any:
    side, device = model.config.multiple_of, next(model.parameters()).device
    # Two windows a side: where there is one only, what is cut into windows and what is not look alike.
    picture = torch.zeros(1, 3, 2 * side, 2 * side, device=device)
    conditions = [torch.zeros(1, 1, 1, 1, device=device) for _ in model.config.conditions]
    with warnings.catch_warnings():
        # It tells of numbers outside of layers: they belong to attention, which keeps its width.
        warnings.simplefilter("ignore")
        return torch_pruning.DependencyGraph().build_dependency(
            model, example_inputs=(picture, *conditions), customized_pruners={_SubPixel: _SubPixelPruning()}
        )


def _sums(layer: nn.Conv2d, values: Callable[[Tensor], Tensor], *, reads: bool) -> Tensor:
    """Values of a layer's weights, and of its bias where it makes them, summed for each channel."""
    weight = values(layer.weight)
    if reads:
        return weight.transpose(0, 1).flatten(1).sum(1)
    made = weight.flatten(1).sum(1)
    if layer.bias is not None:
        made = made + values(layer.bias)
    return made.reshape(-1, 4).sum(1) if isinstance(layer, _SubPixel) else made
