"""From display values to light and back: the sRGB transfer, and a family of curves such as cameras apply.

A display value says how bright a pixel shall look, and is what a picture file holds; linear light is proportional to
the photons that arrive. Exposure, noise of a sensor, blur and mixing of light happen in linear light. All curves go
from 0 to 0 and from 1 to 1, rise throughout, and have inverses in closed form; below 0 they go on oddly,
f(-x) = -f(x), so that noise around black survives the way there and back, and a gradient flows everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pixelmend.degradations.base import column

if TYPE_CHECKING:
    from torch import Tensor

_TOE = 0.04045
"""sRGB is a straight line up to this display value ..."""
_TOE_LIGHT = 0.0031308
"""... which is this much light."""
_OFFSET = 0.002
"""Light added under the power of a camera's curve, which bounds its slope at black, as every camera's curve does."""


def to_linear(display: Tensor) -> Tensor:
    """Linear light of sRGB display values (IEC 61966-2-1), any shape; odd below 0, the same power above 1."""
    size = display.abs()
    power = ((size.clamp(min=_TOE) + 0.055) / 1.055) ** 2.4
    return torch.where(size <= _TOE, display / 12.92, power.copysign(display))


def to_display(linear: Tensor) -> Tensor:
    """The sRGB display values of linear light: the inverse of ``to_linear``."""
    size = linear.abs()
    power = 1.055 * size.clamp(min=_TOE_LIGHT) ** (1 / 2.4) - 0.055
    return torch.where(size <= _TOE_LIGHT, linear * 12.92, power.copysign(linear))


def camera_curve(linear: Tensor, gamma: Tensor, contrast: Tensor) -> Tensor:
    """Display values that a camera makes of linear light: a power, then an S-shaped curve.

    With e = 0.002, v = ((x + e)^(1/gamma) - e^(1/gamma)) / ((1 + e)^(1/gamma) - e^(1/gamma)), then
    (1 - contrast) v + contrast (3 v² - 2 v³), whose second term is the tone curve of Brooks et al. 2019, "Unprocessing
    Images for Learned Raw Denoising". Outside of [0, 1] the S-shaped part goes on with slope 1.

    Args:
        linear: (N, C, H, W).
        gamma: (N,), above 1; 2.2 is close to sRGB.
        contrast: (N,), 0 (none) to less than 1; in the middle the slope is 1 + contrast / 2.
    """
    power, low, span = _power(linear, gamma)
    value = (((linear.abs() + _OFFSET) ** power - low) / span).copysign(linear)
    inside = value.clamp(0, 1)
    strength = column(contrast, linear)
    curved = inside * (1 - strength + strength * inside * (3 - 2 * inside))
    return curved + (value - inside)


def inverse_camera_curve(display: Tensor, gamma: Tensor, contrast: Tensor) -> Tensor:
    """The light from which ``camera_curve`` makes these display values.

    Around the middle the S-shaped part is the cubic d = (1 + contrast/2) u - 2 contrast u³, solved by u = r sin(t),
    sin(3t) = 3d / ((1 + contrast/2) r); contrast 1 gives the inverse that Brooks et al. 2019 print.
    """
    inside = display.clamp(0, 1)
    # At 1 the slope of the inverse is without bound; near 0 the solution stays exact, and at 0 it would divide by 0.
    strength = column(contrast.clamp(1e-6, 0.99), display)
    slope = 1 + strength / 2
    radius = (2 * slope / (3 * strength)).sqrt()
    third = torch.asin((inside - 0.5) * (3 / (slope * radius))) / 3
    value = torch.sin(third) * radius + 0.5 + (display - inside)
    power, low, span = _power(display, gamma)
    return ((value.abs() * span + low) ** (1 / power) - _OFFSET).copysign(value)


def _power(like: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The exponent, what it makes of no light, and what it spans from there to white, each (N, 1, 1, 1)."""
    power = 1 / gamma.double()
    low = _OFFSET**power
    return column(power, like), column(low, like), column((1 + _OFFSET) ** power - low, like)
