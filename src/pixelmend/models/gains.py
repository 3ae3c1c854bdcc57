"""Gains of residual blocks and the layers whose weights they scale: made one, and made two again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pixelmend.models.blocks import ContextBlock, GatedBlock, ResidualBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALED: dict[type[torch.nn.Module], dict[str, str]] = {
    ResidualBlock: {"gain": "conv2"},
    GatedBlock: {"gain1": "reduce1", "gain2": "reduce2"},
    ContextBlock: {"gain1": "attention.out", "gain2": "reduce"},
}
"""Gains for each channel, and the layer whose weights they scale."""
_DRAWN_NORM = 3**-0.5
"""Norm of the weights of one channel as PyTorch draws them: uniform to ±n^(-1/2), n of them."""


def gains(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Every gain of a network by its name."""
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[2].startswith("gain"):
            yield name, parameter


@torch.no_grad()
def fold_gains(model: torch.nn.Module) -> None:
    """Multiply every gain into the layer that it scales and leave it out, in place: only layers are left.

    What the network computes stays the same but for rounding. Such a network has no gains to load or to save.
    """
    for module in model.modules():
        for gain_name, layer_name in _SCALED.get(type(module), {}).items():
            gain, layer = getattr(module, gain_name), module.get_submodule(layer_name)
            if gain is None:
                continue
            weight = layer.get_parameter("weight")
            weight.mul_(_across(gain, weight))
            layer.get_parameter("bias").mul_(gain.flatten())
            setattr(module, gain_name, None)


@torch.no_grad()
def unfold_gains(model: torch.nn.Module) -> None:
    """Give scaled weights the size that they are drawn with, and their gains the rest; in place, gains being one.

    So that an optimizer whose steps have one size moves them as it moves the others. Gains are powers of two: what the
    network computes, and the file that it is exported to, stay the same to the bit.
    """
    for module in model.modules():
        for gain_name, layer_name in _SCALED.get(type(module), {}).items():
            gain, layer = module.get_parameter(gain_name), module.get_submodule(layer_name)
            weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
            norms = weight.flatten(1).norm(dim=1)
            rest = torch.where(norms > 0, torch.exp2(torch.log2(norms / _DRAWN_NORM).round()), 1)
            gain.copy_(rest.reshape(gain.shape))
            weight.div_(_across(rest, weight))
            bias.div_(rest)


def _across(gain: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A gain for each output channel, in a shape that multiplies the weight."""
    return gain.reshape(-1, *[1] * (weight.ndim - 1))
