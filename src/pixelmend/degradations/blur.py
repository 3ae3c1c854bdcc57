"""Blur that is the same all over the picture: lens, low-pass filter, defocus, motion along a line, shaking hand."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pixelmend.degradations import kernels as made
from pixelmend.degradations.base import Degradation
from pixelmend.degradations.convolve import LIGHTS, convolve, in_light
from pixelmend.degradations.declare import Amount, Choice, amount, choice

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from torch import Tensor

    from pixelmend.degradations.declare import Params, Value


class UniformBlur(Degradation):
    """A kernel for each picture, the picture mirrored at its border."""

    @classmethod
    @abstractmethod
    def kernels(cls, params: Params) -> Tensor:
        """One kernel for each picture, (N, k, k) float32 on the CPU."""

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:
        """Pictures blurred in the same light."""
        return params.get("light")

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Convolve."""
        light = LIGHTS[int(params["light"][0])] if "light" in params else "display"
        kernels = cls.kernels(params)
        return in_light(pictures, lambda light: convolve(light, kernels), light)


@dataclass(frozen=True)
class Blur(UniformBlur):
    """Gaussian blur and its relatives; the formulas and their sources are those of ``lens_kernels``.

    Attributes:
        kernel_sigma: Width, the longer one where the kernel is oblong.
        ratio: Shorter width over longer.
        angle: Of the longer width, from the right downwards.
        profile: Of the kernel: gaussian, generalized or plateau.
        beta: Exponent of generalized and plateau; Real-ESRGAN takes 0.5..4 and 1..2.
        light: What is mixed: display values, as the literature on blind super-resolution does, or linear light.
    """

    kind: ClassVar[str] = "blur"

    kernel_sigma: Amount = amount((0.2, 3), 0.1, 30, "pixels")
    ratio: Amount = amount(1, 0.1, 1, "shorter / longer")
    angle: Amount = amount((0, 180), 0, 180, "degrees")
    profile: Choice = choice("gaussian", made.PROFILES)
    beta: Amount = amount((0.5, 2), 0.25, 8)
    light: Choice = choice("display", LIGHTS)

    @classmethod
    def kernels(cls, params: Params) -> Tensor:
        """One kernel for each picture, (N, k, k)."""
        return made.lens_kernels(*(params[name] for name in ("kernel_sigma", "ratio", "angle", "profile", "beta")))


@dataclass(frozen=True)
class Sinc(UniformBlur):
    """An ideal low-pass filter on display values: ringing and overshoot, as sharpening and careless resizing leave.

    The result may leave [0, 1]. See ``sinc_kernels`` (Wang et al. 2021, Real-ESRGAN).

    Attributes:
        cutoff: Highest frequency that is kept; pi is all along each axis.
        radius: Of the filter's square.
    """

    kind: ClassVar[str] = "sinc"

    cutoff: Amount = amount((1.05, 3.14), 0.3, math.pi, "radians per pixel")
    radius: Amount = amount((3, 10), 1, 20, "pixels", spread="integer")

    @classmethod
    def kernels(cls, params: Params) -> Tensor:
        """One kernel for each picture, (N, k, k)."""
        return made.sinc_kernels(params["cutoff"], params["radius"])


@dataclass(frozen=True)
class Defocus(UniformBlur):
    """A lens that is out of focus: each point becomes a disc.

    Attributes:
        radius: Of the disc.
        light: What is mixed; a lens mixes linear light.
    """

    kind: ClassVar[str] = "defocus"

    radius: Amount = amount((0.5, 8), 0.1, 60, "pixels")
    light: Choice = choice("linear", LIGHTS)

    @classmethod
    def kernels(cls, params: Params) -> Tensor:
        """One kernel for each picture, (N, k, k)."""
        return made.disc_kernels(params["radius"])


@dataclass(frozen=True)
class LinearMotion(UniformBlur):
    """Uniform motion on a straight line while the shutter is open; the picture shows the middle of it.

    Attributes:
        length: From where a point starts to where it ends.
        angle: From the right downwards.
        light: What is mixed; a sensor adds up linear light.
    """

    kind: ClassVar[str] = "linear_motion"

    length: Amount = amount((1, 25), 0, 200, "pixels")
    angle: Amount = amount((0, 180), 0, 180, "degrees")
    light: Choice = choice("linear", LIGHTS)

    @classmethod
    def kernels(cls, params: Params) -> Tensor:
        """One kernel for each picture, (N, k, k)."""
        return made.line_kernels(params["length"], params["angle"])


@dataclass(frozen=True)
class ShakeUniform(UniformBlur):
    """A shaking hand, the same path all over the picture (the camera shifts, but does not roll).

    The path is a random walk with inertia after Boracchi and Foi 2012; see ``trajectories``. Such kernels are what
    Levin et al. 2009 measured.

    Attributes:
        extent: Longer side of the box around the path.
        tremor: 0 is an almost straight sweep, 1 a nervous hand.
        exposure: Share of the hand's walk that is seen: 0.1 is short, so that paths are nearly straight and even; 1
            is long.
        light: What is mixed; a sensor adds up linear light.
    """

    kind: ClassVar[str] = "shake_uniform"
    seeded: ClassVar[bool] = True

    extent: Amount = amount((3, 24), 0, 100, "pixels")
    tremor: Amount = amount((0, 1), 0, 1)
    exposure: Amount = amount(1, 0.01, 1)
    light: Choice = choice("linear", LIGHTS)

    @classmethod
    def kernels(cls, params: Params) -> Tensor:
        """One kernel for each picture, (N, k, k)."""
        return made.shake_kernels(params["extent"], params["tremor"], params["exposure"], params["seed"])
