"""Noise of a sensor as a camera's own smoothing and sharpening hand it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from pixelmend.degradations.base import column
from pixelmend.degradations.convolve import convolve
from pixelmend.degradations.declare import Amount, Choice, amount, choice
from pixelmend.degradations.kernels import lens_kernels
from pixelmend.degradations.sensor import DEMOSAIC, Sensor

if TYPE_CHECKING:
    from torch import Tensor

    from pixelmend.degradations.declare import Params

_LEAST = 0.1
"""Pixels; a Gaussian of this kernel sigma leaves a picture as it is."""


@dataclass(frozen=True)
class CameraNoise(Sensor):
    """Noise of a sensor that its camera has smoothed and sharpened: grain that lies in lumps and glitters.

    A camera smooths what it has demosaiced and then sharpens it by an unsharp mask, the scene and the noise alike. The
    picture is taken as what the camera would make of the scene without noise, so it stays as it is; what ``Sensor``
    adds to it, n, becomes s + ``sharpening`` (s - g(s)), where s is n after a Gaussian of ``smoothing`` and g a
    Gaussian of ``radius``. Clipped to [0, 1].

    Attributes:
        photons, read_noise, red_gain, blue_gain, gamma, contrast, demosaic, clip: As ``Sensor`` has it.
        smoothing: Kernel sigma, pixels; below 0.1 there is none.
        sharpening: Strength of the unsharp mask; 1 doubles what is finest.
        radius: Kernel sigma of the unsharp mask, pixels.
    """

    kind: ClassVar[str] = "camera_noise"

    demosaic: Choice = choice(DEMOSAIC[1:], DEMOSAIC)
    smoothing: Amount = amount((0, 1), 0, 3, "kernel sigma in pixels")
    sharpening: Amount = amount((0, 2), 0, 5, "strength")
    radius: Amount = amount((0.6, 1.5), 0.1, 5, "kernel sigma in pixels")

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Take the picture."""
        noise = _smooth(super().apply(pictures, params) - pictures, params["smoothing"])
        finest = noise - _smooth(noise, params["radius"])
        return (pictures + torch.addcmul(noise, finest, column(params["sharpening"], noise))).clamp(0, 1)


def _smooth(pictures: Tensor, kernel_sigma: Tensor) -> Tensor:
    ones, none = torch.ones_like(kernel_sigma), torch.zeros_like(kernel_sigma)
    return convolve(pictures, lens_kernels(kernel_sigma.clamp(min=_LEAST), ones, none, none, ones))
