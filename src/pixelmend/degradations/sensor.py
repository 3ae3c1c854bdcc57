"""What a camera's sensor does to light: a count of electrons, noise of reading, one colour for each site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelmend.degradations.base import Degradation, column, generators, normal
from pixelmend.degradations.curves import camera_curve, inverse_camera_curve
from pixelmend.degradations.declare import Amount, Choice, amount, chance, choice
from pixelmend.degradations.rounding import replaced

if TYPE_CHECKING:
    from pixelmend.degradations.declare import Params

DEMOSAIC = ("none", "bilinear", "malvar")
_FEW = 8.0
"""Electrons; below this mean the count is drawn from the exact distribution."""
_MOST = 40
"""Counts that are told apart there: with a mean of 8, more come once in 10¹⁵ draws."""
_REACH = 2
"""Pixels on each side that demosaicing looks at."""


@dataclass(frozen=True)
class Sensor(Degradation):
    """Noise as a camera's sensor and its processing leave it.

    Display values become light by the inverse of the camera's curve, and raw light by division by the white balance.
    Where a demosaic is chosen each site keeps one colour (a Bayer mosaic in any of its four positions). Electrons are
    counted: Poisson of mean ``photons`` · light, plus normal read noise, so that raw light x has the variance
    x / photons + (read_noise / photons)² (Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling and fitting
    for single-image raw-data"). Then all is undone: white balance, demosaic, curve. The steps are those of Brooks et
    al. 2019, "Unprocessing Images for Learned Raw Denoising". Light below black counts as none.

    Attributes:
        photons: Electrons that a site counts at white. 10000 is daylight, 300 a phone in the evening.
        read_noise: Standard deviation of the noise of reading, electrons.
        red_gain, blue_gain: White balance, relative to green. Raw red and blue are darker by it, so noisier.
        gamma, contrast: The camera's curve; see ``camera_curve``.
        demosaic: "none" (each pixel has all colours), "bilinear", or "malvar" (Malvar, He, Cutler 2004).
        clip: Probability of saturation: the sensor is full at white, and the picture is clipped to [0, 1].
    """

    kind: ClassVar[str] = "sensor"
    seeded: ClassVar[bool] = True

    photons: Amount = amount((200, 20_000), 10, 200_000, "electrons at white", spread="log")
    read_noise: Amount = amount((1, 10), 0, 100, "electrons")
    red_gain: Amount = amount((1.4, 2.4), 1, 4, "relative to green")
    blue_gain: Amount = amount((1.3, 2.2), 1, 4, "relative to green")
    gamma: Amount = amount((2.0, 2.5), 1, 3, "power")
    contrast: Amount = amount((0, 0.6), 0, 0.9, "share of an S-shaped curve")
    demosaic: Choice = choice(DEMOSAIC, DEMOSAIC)
    clip: float = chance(1)

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Take the picture."""
        curve = params["gamma"], params["contrast"]
        light = capture(inverse_camera_curve(pictures, *curve), params)
        taken = camera_curve(light, *curve)
        return torch.where(column(params["clip"], pictures) > 0, taken.clamp(0, 1), taken)


def capture(light: Tensor, params: Params) -> Tensor:
    """Linear light as a sensor measures it, white balanced: (N, 3, H, W).

    Args:
        light: (N, 3, H, W), 1 is white.
        params: ``photons``, ``read_noise``, ``red_gain``, ``blue_gain``, ``demosaic``, ``clip`` and ``seed`` as
            ``Sensor`` tells; with ``clip`` the result is at most 1.
    """
    ways = params["demosaic"]
    measured = torch.empty_like(light)
    for way in sorted(set(ways.tolist())):
        rows = torch.nonzero(ways == way).flatten()
        own = {name: values[rows] for name, values in params.items()}
        if len(rows) == len(light):
            return _developed(light, own, DEMOSAIC[way])
        there = rows.to(light.device)
        measured = measured.index_copy(0, there, _developed(light[there], own, DEMOSAIC[way]))
    return measured


def _developed(light: Tensor, params: Params, way: str) -> Tensor:
    """As ``capture``, where all pictures are demosaiced in one way."""
    gains = torch.stack([params["red_gain"], torch.ones_like(params["red_gain"]), params["blue_gain"]], dim=1)
    gains = gains.to(light)[:, :, None, None]
    if way == "none":
        return _saturated(expose(light / gains, params) * gains, params)
    # A camera's picture goes on beyond this one: so that its borders are no different, more is measured.
    scene = F.pad(light / gains, (_REACH,) * 4, mode="replicate")
    sites = bayer_sites(params["seed"], (scene.shape[2], scene.shape[3]), light.device)
    # Balanced first, since the correction of one colour by another's Laplacian takes them to be alike (so dcraw does).
    mosaic = expose(scene.gather(1, sites), params) * gains.expand_as(scene).gather(1, sites)
    colors = demosaic(_saturated(mosaic, params), sites, way)
    return _saturated(colors[..., _REACH:-_REACH, _REACH:-_REACH], params)


def _saturated(light: Tensor, params: Params) -> Tensor:
    return torch.where(column(params["clip"], light) > 0, light.clamp(max=1), light)


def expose(raw: Tensor, params: Params) -> Tensor:
    """Count electrons: Poisson of mean ``photons`` · raw, plus read noise, over ``photons``.

    Args:
        raw: (N, C, H, W) linear light, 1 is white; below 0 it counts as none and is kept beside the noise.
        params: ``photons``, ``read_noise``, ``clip`` and ``seed`` as ``Sensor`` tells.

    Returns:
        (N, C, H, W) of the same mean and scale; its gradient is that of the mean.
    """
    photons = column(params["photons"], raw)
    exact = raw.detach() * photons
    channels = raw.shape[1]
    mean = exact.clamp(min=0)
    counts = poisson(mean, normal(raw, params["seed"], channels=channels)) + (exact - mean)
    reading = normal(raw, params["seed"], salt=1, channels=channels)
    counts = torch.addcmul(counts, reading, column(params["read_noise"], raw))
    return _saturated(replaced(raw, counts / photons), params)


def poisson(mean: Tensor, noise: Tensor) -> Tensor:
    """Counts of these means, each made from one standard normal number.

    Below 8 this is the exact distribution: how many terms of its sum lie below the normal distribution's. Above, it is
    m + √(m - 1/18) z + (z² - 1) / 6, whose mean and variance are m and whose third moment is m - 0.02 (the first terms
    of Cornish and Fisher 1938); it is not rounded. Since a count depends on its own pixel alone, it is the same in any
    batch.

    Args:
        mean: At least 0, any shape.
        noise: Standard normal, of the same shape.
    """
    counts = mean + (mean - 1 / 18).clamp(min=0).sqrt() * noise + (noise * noise - 1) / 6
    few = mean < _FEW
    if not few.any():
        return counts
    rare, places = mean[few], torch.special.ndtr(noise[few])
    term = torch.exp(-rare)
    total, exact = term.clone(), torch.zeros_like(rare)
    for count in range(1, _MOST):
        exact += places > total
        if count % 8 == 0 and not (places > total).any():
            break
        term *= rare / count
        total += term
    counts[few] = exact
    return counts


def bayer_sites(seeds: Tensor, size: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
    """Which colour each site keeps, 0 red, 1 green, 2 blue: (N, 1, H, W) int64; each picture's seed sets the corner."""
    corners = torch.stack([torch.randint(2, (2,), generator=g) for g in generators(seeds, salt=2)]).to(device)
    rows = (torch.arange(size[0], device=device) + corners[:, :1]) % 2
    columns = (torch.arange(size[1], device=device) + corners[:, 1:]) % 2
    return (rows[:, :, None] + columns[:, None, :])[:, None]


def demosaic(mosaic: Tensor, sites: Tensor, way: str) -> Tensor:
    """Fill in the two colours that each site lacks: (N, 3, H, W).

    Args:
        mosaic: (N, 1, H, W), white balanced.
        sites: As ``bayer_sites`` gives them.
        way: "bilinear", or "malvar": bilinear plus a Laplacian of the colour that the site has, 5×5 (Malvar, He,
            Cutler 2004, "High-quality linear interpolation for demosaicing of Bayer-patterned color images").
    """
    kernels = torch.tensor(_KERNELS[way]).to(mosaic)[:, None] / 16
    padded = F.pad(mosaic, (_REACH,) * 4, mode="replicate")
    values = torch.cat([mosaic, F.conv2d(padded, kernels)], dim=1)
    # A green site's red lies beside it in a row of red, and above and below it in a row of blue.
    red_row = (sites == 0).any(dim=3, keepdim=True).expand_as(sites)
    green = sites == 1
    red = torch.where(green, torch.where(red_row, _ACROSS, _ALONG), torch.where(sites == 0, _OWN, _DIAGONAL))
    blue = torch.where(green, torch.where(red_row, _ALONG, _ACROSS), torch.where(sites == 2, _OWN, _DIAGONAL))
    return values.gather(1, torch.cat([red, torch.where(green, _OWN, _CROSS), blue], dim=1))


_OWN, _CROSS, _ACROSS, _ALONG, _DIAGONAL = range(5)
"""Where a colour comes from: the site, its four neighbours, those left and right, above and below, at the corners."""


def _turned(kernel: list[list[float]]) -> list[list[float]]:
    return [list(row) for row in zip(*kernel, strict=True)]


_ZEROS: list[float] = [0, 0, 0, 0, 0]
_BILINEAR_ACROSS: list[list[float]] = [_ZEROS, _ZEROS, [0, 8, 0, 8, 0], _ZEROS, _ZEROS]
_MALVAR_ACROSS: list[list[float]] = [
    [0, 0, 1, 0, 0],
    [0, -2, 0, -2, 0],
    [-2, 8, 10, 8, -2],
    [0, -2, 0, -2, 0],
    [0, 0, 1, 0, 0],
]
_KERNELS: dict[str, list[list[list[float]]]] = {
    "bilinear": [
        [_ZEROS, [0, 0, 4, 0, 0], [0, 4, 0, 4, 0], [0, 0, 4, 0, 0], _ZEROS],
        _BILINEAR_ACROSS,
        _turned(_BILINEAR_ACROSS),
        [_ZEROS, [0, 4, 0, 4, 0], _ZEROS, [0, 4, 0, 4, 0], _ZEROS],
    ],
    "malvar": [
        [[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]],
        _MALVAR_ACROSS,
        _turned(_MALVAR_ACROSS),
        [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]],
    ],
}
"""Weights in sixteenths, in the order of the places above but for the site's own."""
