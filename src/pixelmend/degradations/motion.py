"""A part of the picture that moves while the rest stays still."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F

from pixelmend.degradations.base import Degradation, column, generators
from pixelmend.degradations.convolve import LIGHTS, convolve, in_light
from pixelmend.degradations.declare import Amount, Choice, amount, choice
from pixelmend.degradations.kernels import line_kernels

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from torch import Tensor

    from pixelmend.degradations.declare import Params, Value

_WAVES = 4
"""An outline is a circle with so many waves on it."""


@dataclass(frozen=True)
class ObjectMotion(Degradation):
    """A part with a random smooth outline moves on a straight line in front of a still background.

    With a the part's opacity, k the kernel of the motion and * convolution, the picture is k * (a clean) +
    (1 - k * a) background: the exact mean over time of the part in front of the background. What the
    part hides is filled in smoothly from around it. The part is sharp at its place in the middle of the exposure.

    Attributes:
        length: From where the part starts to where it ends.
        angle: Of its way, from the right downwards.
        share: How much of the picture's area the part covers; less where it is cut off by the border.
        light: What is mixed: a sensor adds up linear light; averages of video frames are often of display values.
    """

    kind: ClassVar[str] = "object_motion"
    seeded: ClassVar[bool] = True

    length: Amount = amount((4, 30), 0, 200, "pixels")
    angle: Amount = amount((0, 360), 0, 360, "degrees")
    share: Amount = amount((0.05, 0.4), 0, 1, "of the picture's area")
    light: Choice = choice("linear", LIGHTS)

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:
        """Pictures blurred in the same light."""
        return params["light"]

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Move the part."""
        part = opacity(pictures, params["share"], params["seed"])
        kernels = line_kernels(params["length"], params["angle"])
        light = LIGHTS[int(params["light"][0])]
        return in_light(pictures, lambda values: _compose(values, part, kernels), light)


def opacity(pictures: Tensor, share: Tensor, seeds: Tensor) -> Tensor:
    """Opacity of a random part of each picture, (N, 1, H, W) in [0, 1], its edge two pixels soft.

    The outline is r(phi) = r0 (1 + sum of a_j cos(j phi + b_j), j to 4), random a_j and b_j; its middle lies in the
    inner half of the picture.
    """
    height, width = pictures.shape[2:]
    draws = torch.stack([torch.rand(2 + 2 * _WAVES, generator=one) for one in generators(seeds)]).double()
    wave = torch.arange(1, _WAVES + 1)
    sizes = draws[:, 2 : 2 + _WAVES] * 0.45 / wave
    phases = draws[:, 2 + _WAVES :] * (2 * math.pi)
    # Area of the outline: pi r0² (1 + half the sum of the squares of a_j).
    area = share.double() * height * width
    radius = (area / math.pi / (1 + sizes.square().sum(1) / 2)).sqrt()
    top, left = ((0.25 + 0.5 * draws[:, axis]) * side - 0.5 for axis, side in ((0, height), (1, width)))
    y = torch.arange(height, device=pictures.device, dtype=pictures.dtype)[:, None] - column(top, pictures)
    x = torch.arange(width, device=pictures.device, dtype=pictures.dtype) - column(left, pictures)
    turn = torch.atan2(y, x)
    outline = torch.ones_like(turn)
    for j in range(_WAVES):
        outline = outline + column(sizes[:, j], pictures) * torch.cos((j + 1) * turn + column(phases[:, j], pictures))
    edge = column(radius, pictures) * outline - torch.hypot(x, y)
    return ((edge / 2 + 0.5) * (column(share, pictures) > 0)).clamp(0, 1)


def fill(pictures: Tensor, lost: Tensor) -> Tensor:
    """Fill in what is lost smoothly from around it: means over larger and larger squares (pull-push, Gortler 1996).

    Args:
        pictures: (N, C, H, W).
        lost: (N, 1, H, W), 1 where a pixel is lost, 0 where it is kept, between where it is mixed.

    Returns:
        Where nothing is lost, the pictures as they are.
    """
    kept = 1 - lost
    result: Tensor = _pull(pictures * kept, kept)
    return torch.lerp(pictures, result, lost)


def _pull(weighted: Tensor, weight: Tensor) -> Tensor:
    """Means of what is kept near; where too little is, those of a picture half the size."""
    here = weighted / weight.clamp(min=1e-4)
    if max(weight.shape[2:]) == 1:
        return here
    # Twice the weight on the way up: four half-lost pixels tell as much as two kept ones.
    coarse = [F.avg_pool2d(one, 2, ceil_mode=True, count_include_pad=False) for one in (weighted, weight)]
    gain = (2 * coarse[1]).clamp(max=1) / coarse[1].clamp(min=1e-4)
    below = _pull(coarse[0] * gain, coarse[1] * gain)
    around = F.interpolate(below, weight.shape[2:], mode="bilinear", align_corners=False)
    return torch.lerp(around, here, weight)


def _compose(light: Tensor, part: Tensor, kernels: Tensor) -> Tensor:
    moved = convolve(torch.cat([light * part, part], 1), kernels)
    background = fill(light, part)
    return moved[:, :3] + (1 - moved[:, 3:]) * background
