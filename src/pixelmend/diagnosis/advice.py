"""From what is wrong with a picture to what should be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.diagnosis.findings import Diagnosis

_NOISY = 3.0
"""Noise of a dark picture that is worth taking out, 0–255 scale."""
_FEW_PIXELS = 1_000_000
"""A picture of several damages and no more pixels was mostly made small on its way, and may well be enlarged."""
_SCALES = (2, 3, 4)


@dataclass(frozen=True)
class Advice:
    """What to do about a picture.

    Attributes:
        task: One of `pixelmend.catalog.tasks()`; None where nothing should be done.
        sigma: The noise level to tell `denoise`, 0–255 scale; None for other tasks.
        scale: For a picture that was enlarged: by how much to make it smaller and then larger again, since it holds no
            more detail than the smaller one it came from, and networks that enlarge have learnt from such; else None.
        reason: In plain words, a sentence.
    """

    task: str | None
    sigma: float | None
    scale: int | None
    reason: str


def advise(diagnosis: Diagnosis) -> Advice:
    """What should be done first: about what matters most, and nothing about a clean picture."""
    return _ADVICE.get(diagnosis.main, _nothing)(diagnosis)


def _do(task: str, reason: str, *, sigma: float | None = None, scale: int | None = None) -> Advice:
    return Advice(task, sigma, scale, reason)


def _noisy(diagnosis: Diagnosis) -> Advice:
    level = diagnosis.noise.sigma
    return _do("denoise", f"noise of level {level:.1f} that is the same everywhere", sigma=level)


def _camera_noise(_diagnosis: Diagnosis) -> Advice:
    return _do("photo", "noise as a camera and its processing leave it")


def _compressed(diagnosis: Diagnosis) -> Advice:
    quality = "" if diagnosis.jpeg.quality is None else f" of quality {diagnosis.jpeg.quality}"
    return _do("dejpeg", f"JPEG compression{quality} shows")


def _blurred(diagnosis: Diagnosis) -> Advice:
    extent = f" over about {diagnosis.blur.extent:.0f} pixels" if diagnosis.blur.extent is not None else ""
    if diagnosis.blur.kind == "focus":
        return _do("deblur", f"it is out of focus{extent} (deblur has learnt motion, and helps a little with that)")
    return _do("deblur", f"the camera or something in the picture moved{extent}")


def _enlarged(diagnosis: Diagnosis) -> Advice:
    factor = diagnosis.resolution.factor
    scale = min(_SCALES, key=lambda each: abs(each - factor))
    reason = f"it was enlarged about {factor:.1f} times and holds no more detail than before"
    return _do("super-resolve", reason, scale=scale)


def _several(diagnosis: Diagnosis) -> Advice:
    few = diagnosis.width * diagnosis.height <= _FEW_PIXELS
    larger = "; --task super-resolve-real enlarges such a picture as well, four times" if few else ""
    return _do("photo", f"noise, blur and compression together{larger}")


def _nothing(diagnosis: Diagnosis) -> Advice:
    """Nothing is done: because nothing is wrong, or because no network here mends it."""
    if diagnosis.main == "lost pixels":
        share = f"{100 * diagnosis.lost.share:.2g} % of the pixels are stuck at black or white"
        return _do_not(f"{share}: paint them white on a mask and give it to --task inpaint")
    if diagnosis.main == "dark":
        if diagnosis.noise.confidence > 0.5 and diagnosis.noise.sigma >= _NOISY:
            return _do("photo", "it is dark and noisy: the noise is taken out, which lets it be brightened afterwards")
        return _do_not("it is dark, but hardly noisy: brighten it in any editor")
    if not diagnosis.judged:
        return _do_not("it is too small to tell what is wrong with it")
    if diagnosis.resolution.small:
        return _do_not("nothing is wrong with it, but that it is small: --task super-resolve enlarges it")
    return _do_not("nothing is wrong with it that could be mended")


def _do_not(reason: str) -> Advice:
    return Advice(None, None, None, reason)


_ADVICE: dict[str, Callable[[Diagnosis], Advice]] = {
    "noise": _noisy, "camera noise": _camera_noise, "jpeg": _compressed, "blur": _blurred, "enlarged": _enlarged,
    "several": _several,
}  # fmt: skip
"""By what matters most; about anything else nothing is done."""
