"""Too little light, too much, or of the wrong colour; and the rounding that a file does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pixelmend.degradations.base import Degradation, column
from pixelmend.degradations.curves import to_display, to_linear
from pixelmend.degradations.declare import Amount, Choice, amount, chance, choice
from pixelmend.degradations.rounding import to_levels
from pixelmend.degradations.sensor import DEMOSAIC, capture

if TYPE_CHECKING:
    from pixelmend.degradations.declare import Params

DAYLIGHT = 6504.0
"""Kelvin: the white of sRGB, D65."""
_LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Of linear sRGB, BT.709."""
_FROM_XYZ = (
    (3.2406, -1.5372, -0.4986),
    (-0.9689, 1.8758, 0.0415),
    (0.0557, -0.2040, 1.0570),
)
"""XYZ to linear sRGB (IEC 61966-2-1)."""


@dataclass(frozen=True)
class Exposure(Degradation):
    """Another exposure: linear light times 2^stops. Not clipped: above white where stops are above 0.

    Attributes:
        stops: -1 is half of the light.
    """

    kind: ClassVar[str] = "exposure"

    stops: Amount = amount((-3, 0), -8, 4, "stops")

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Expose."""
        return to_display(to_linear(pictures) * column(2 ** params["stops"].double(), pictures))


@dataclass(frozen=True)
class ClipHighlights(Degradation):
    """Highlights lost by overexposure: linear light times 2^stops, then cut at white, each channel on its own.

    Attributes:
        stops: How far over.
        dim: Probability that the picture is scaled back afterwards, so that its lost highlights are grey.
    """

    kind: ClassVar[str] = "clip_highlights"

    stops: Amount = amount((0.3, 2), 0, 8, "stops")
    dim: float = chance(0.5)

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Overexpose."""
        gain = 2 ** params["stops"].double()
        light = (to_linear(pictures) * column(gain, pictures)).clamp(max=1)
        return to_display(light / column(torch.where(params["dim"] > 0, gain, 1), pictures))


@dataclass(frozen=True)
class ColorCast(Degradation):
    """White balance for another light than there was: gains of the channels in linear light, then cut at white.

    The gains are the colour of a black body of that temperature over that of one of 6504 K, and of the tint; they
    leave the luminance of grey (BT.709) as it is.

    Attributes:
        temperature: Of the light that the camera did not expect, kelvin: candles 2000, lamps 3000, daylight 6500
            (no cast), shade 8000, blue sky above.
        tint: Stops of green: above 0 green as of tubes, below magenta.
    """

    kind: ClassVar[str] = "color_cast"

    temperature: Amount = amount((3500, 12_000), 2000, 25_000, "kelvin", spread="log")
    tint: Amount = amount((-0.2, 0.2), -1, 1, "stops of green")

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Tinge."""
        gains = color_gains(params["temperature"], params["tint"]).to(pictures)[:, :, None, None]
        return to_display((to_linear(pictures) * gains).clamp(max=1))


@dataclass(frozen=True)
class LowLight(Degradation):
    """A picture taken with too little light: linear light times 2^stops, measured by a sensor (see ``Sensor``).

    Transfer is that of sRGB. Saturates as a camera does: the result is clipped to [0, 1].

    Attributes:
        stops: How much light there was; -3 is an eighth.
        photons: Electrons that a site counts at the sensor's white.
        read_noise: Standard deviation of the noise of reading, electrons.
        brighten: Probability that the picture is amplified to its former brightness, with its noise; else it is dark.
        red_gain, blue_gain: White balance, relative to green.
        demosaic: How the missing colours of each site are filled in.
    """

    kind: ClassVar[str] = "low_light"
    seeded: ClassVar[bool] = True

    stops: Amount = amount((-5, -1), -10, 0, "stops")
    photons: Amount = amount((1000, 20_000), 10, 200_000, "electrons at white", spread="log")
    read_noise: Amount = amount((1, 8), 0, 100, "electrons")
    brighten: float = chance(0.5)
    red_gain: Amount = amount((1.4, 2.4), 1, 4, "relative to green")
    blue_gain: Amount = amount((1.3, 2.2), 1, 4, "relative to green")
    demosaic: Choice = choice(DEMOSAIC, DEMOSAIC)

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Take the picture."""
        gain = 2 ** params["stops"].double()
        full = {**params, "clip": torch.ones_like(params["seed"])}
        light = capture(to_linear(pictures) * column(gain, pictures), full)
        return to_display(light / column(torch.where(params["brighten"] > 0, gain, 1), pictures)).clamp(0, 1)


@dataclass(frozen=True)
class Round8(Degradation):
    """What a file of 8 bits keeps: clipped to [0, 1] and rounded to 256 levels. The gradient passes the rounding."""

    kind: ClassVar[str] = "round8"

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:  # noqa: ARG003 (it has none)
        """Round."""
        return to_levels(pictures) / 255


def color_gains(temperature: Tensor, tint: Tensor) -> Tensor:
    """Gains of linear red, green and blue for the light of a black body, seen as daylight: (N, 3) float64.

    The chromaticity is the cubic approximation of the Planckian locus by Kim et al. 2002 (US patent 7024034), good to
    1667–25000 K.

    Args:
        temperature: (N,), kelvin.
        tint: (N,), stops of green.
    """
    body = _black_body(temperature.double()) / _black_body(torch.tensor([DAYLIGHT], dtype=torch.float64))
    body[:, 1] *= 2 ** tint.double()
    body = body.clamp(min=0)
    return body / (body * torch.tensor(_LUMINANCE, dtype=torch.float64)).sum(dim=1, keepdim=True)


def _black_body(kelvin: Tensor) -> Tensor:
    """Linear sRGB of a black body with luminance 1: (N, 3)."""
    inverse = 1000 / kelvin
    powers = torch.stack([inverse**3, inverse**2, inverse, torch.ones_like(inverse)], dim=1)
    x = powers @ _locus(-3.0258469, 2.1070379, 0.2226347, 0.240390)
    x = torch.where(kelvin < 4000, powers @ _locus(-0.2661239, -0.2343589, 0.8776956, 0.179910), x)
    powers = torch.stack([x**3, x**2, x, torch.ones_like(x)], dim=1)
    y = powers @ _locus(3.0817580, -5.87338670, 3.75112997, -0.37001483)
    y = torch.where(kelvin < 4000, powers @ _locus(-0.9549476, -1.37418593, 2.09137015, -0.16748867), y)
    y = torch.where(kelvin < 2222, powers @ _locus(-1.1063814, -1.34811020, 2.18555832, -0.20219683), y)
    xyz = torch.stack([x / y, torch.ones_like(x), (1 - x - y) / y], dim=1)
    return xyz @ torch.tensor(_FROM_XYZ, dtype=torch.float64).T


def _locus(*coefficients: float) -> Tensor:
    return torch.tensor(coefficients, dtype=torch.float64)
