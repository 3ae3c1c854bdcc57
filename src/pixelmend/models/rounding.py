"""Features rounded to uint8 at some points of a network: what a file in int8 computes, in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pixelmend.errors import ModelError
from pixelmend.models.blocks import Point

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGHEST = 255
"""Features take the whole numbers from zero to this."""

Rounding = dict[str, tuple[float, int]]
"""By the name of a point: what one step is worth, and the whole number that stands for 0."""


@torch.library.custom_op("pixelmend::rounded", mutates_args=())
def rounded(features: Tensor, scale: float, zero: int, place: str) -> Tensor:  # noqa: ARG001
    """Features rounded to uint8 and back: an operator of its own, so that the exporter knows it again.

    Args:
        features: Of any shape, float.
        scale: What one step is worth.
        zero: The whole number that stands for 0, 0 to 255.
        place: Name of the point, for who reads the exported program.
    """
    return ((features / scale).round() + zero).clamp(0, HIGHEST).sub(zero) * scale


@rounded.register_fake
def _(features: Tensor, scale: float, zero: int, place: str) -> Tensor:  # noqa: ARG001
    return torch.empty_like(features)


class Rounded(Point):
    """Stands at a ``Point`` and rounds what passes.

    Args:
        scale: What one step is worth.
        zero: The whole number that stands for 0, 0 to 255.
        place: Name of the point in the network.
    """

    def __init__(self, scale: float, zero: int, place: str) -> None:
        super().__init__()
        self.scale, self.zero, self.place = scale, zero, place

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, the same out."""
        result: Tensor = torch.ops.pixelmend.rounded(features, self.scale, self.zero, self.place)
        return result


def points(model: nn.Module) -> dict[str, Point]:
    """Every point of a network by its name, in the order in which they are defined."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Point)}


def replace_points(model: nn.Module, by: Mapping[str, Point]) -> None:
    """Put others in the place of points, in place.

    Raises:
        ModelError: The network has no point of such a name.
    """
    known = points(model)
    if strange := sorted(by.keys() - known.keys()):
        raise ModelError(f"the network has no point {strange[0]}: it is another one than that which was quantized")
    for name, point in by.items():
        holder, _, last = name.rpartition(".")
        setattr(model.get_submodule(holder), last, point)


def round_points(model: nn.Module, rounding: Rounding) -> None:
    """Round features at these points from now on, in place.

    Raises:
        ModelError: See ``replace_points``.
    """
    replace_points(model, {name: Rounded(*numbers, name) for name, numbers in rounding.items()})
