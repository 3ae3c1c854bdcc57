"""Every kind of damage by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelmend.degradations.blur import Blur, Defocus, LinearMotion, ShakeUniform, Sinc
from pixelmend.degradations.camera import CameraNoise
from pixelmend.degradations.jpeg import Jpeg
from pixelmend.degradations.light import ClipHighlights, ColorCast, Exposure, LowLight, Round8
from pixelmend.degradations.missing import Blobs, MissingBoxes, MissingPixels
from pixelmend.degradations.motion import ObjectMotion
from pixelmend.degradations.noise import CorrelatedNoise, GaussianNoise, SaltAndPepper, Speckle
from pixelmend.degradations.resample import Downscale, Fit, Resize
from pixelmend.degradations.sensor import Sensor
from pixelmend.degradations.shake import CameraShake
from pixelmend.degradations.strokes import Scratches, Strokes
from pixelmend.degradations.text import Text
from pixelmend.degradations.webp import WebP
from pixelmend.errors import UnknownNameError

if TYPE_CHECKING:
    from pixelmend.degradations.base import Degradation

KINDS: dict[str, type[Degradation]] = {
    kind.kind: kind
    for kind in (
        GaussianNoise,
        CorrelatedNoise,
        Speckle,
        SaltAndPepper,
        Sensor,
        CameraNoise,
        LowLight,
        Exposure,
        ClipHighlights,
        ColorCast,
        Round8,
        MissingPixels,
        MissingBoxes,
        Blobs,
        Strokes,
        Scratches,
        Text,
        Jpeg,
        WebP,
        Blur,
        Sinc,
        Defocus,
        LinearMotion,
        ShakeUniform,
        CameraShake,
        ObjectMotion,
        Downscale,
        Resize,
        Fit,
    )
}


def kind_of(name: str) -> type[Degradation]:
    """The kind of this name.

    Raises:
        UnknownNameError: There is none; names the nearest.
    """
    if name not in KINDS:
        raise UnknownNameError("kind of damage", name, KINDS)
    return KINDS[name]
