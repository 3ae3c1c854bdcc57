"""The damage that diagnosis learns to tell apart and is measured by: chains of damage, of useful strength."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from pixelmend.data.damage_files import plan_for
from pixelmend.degradations import PRESETS, degrade, parse_chain, perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pixelmend.degradations import Damage

SHAKE = (
    "one(camera_shake(extent=6..30, roll=0..0.5, tremor=0..0.4, exposure=0.05..0.4, light=linear/display) | "
    "camera_shake(extent=6..30, tremor=0..0.6, light=linear/display))"
)
LESS = "fit(scale=1.8..4, method=bicubic/bilinear/area/lanczos) | fit(scale=1, method=bicubic/bilinear/lanczos)"


@dataclass(frozen=True)
class Case:
    """One kind of damage.

    Attributes:
        name: In tables.
        main: What diagnosis should name, one of ``pixelmend.diagnosis.judge.MAINS``.
        chain: What is drawn from; "" for none.
        share: How often it is learnt from, against the others.
        also: What else is a right answer, where a picture has several damages.
    """

    name: str
    main: str
    chain: str
    share: float = 1.0
    also: tuple[str, ...] = ()


LEARNT = (
    Case("clean", "clean", "", 1.0),
    Case("clean, stored", "clean", "jpeg(quality=88..98)", 0.6),
    Case("clean, grain", "clean", "noise(sigma=0.3..1.5, gray=0.5) | round8", 0.3),
    Case("clean, smaller", "clean", "fit(scale=1.2..2.2, method=bicubic/area/lanczos) | round8", 0.7),
    Case(
        "clean, camera", "clean",
        "sensor(photons=20000..200000, demosaic=bilinear/malvar) | blur(kernel_sigma=0.3..0.8, p=0.7) | "
        "one(jpeg(quality=88..98, p=0.7) | round8(p=0.3))", 0.9,
    ),
    Case("clean, darker", "clean", "exposure(stops=-1.2..0.3) | round8", 0.4),
    Case("white noise", "noise", "noise(sigma=4..56, gray=0.3) | round8", 1.2),
    Case("white noise, channels", "noise", "correlated_noise(sigma=5..50, grain=0) | round8", 0.2),
    Case("grain", "camera", "correlated_noise(sigma=4..35, grain=0.4..1.5) | round8", 0.5),
    Case("sensor", "camera", "sensor(photons=80..2000) | round8", 0.5),
    Case("little light", "camera", "low_light(stops=-5..-2, photons=500..6000, brighten=1) | round8", 0.5),
    Case("noise, stored", "camera", "noise(sigma=6..40) | jpeg(quality=40..95)", 0.3),
    Case(
        "sensor, stored", "camera",
        "sensor(photons=80..2000) | blur(kernel_sigma=0.3..0.7, p=0.5) | jpeg(quality=50..97)", 0.5,
    ),
    Case("night", "camera", "phone-night", 0.4),
    Case("jpeg", "jpeg", "jpeg(quality=5..68)", 1.2),
    Case("jpeg twice", "jpeg", "jpeg(quality=10..55) | jpeg(quality=40..95, shift_x=0..7, shift_y=0..7)", 0.3),
    Case("shake", "blur", f"{SHAKE} | noise(sigma=0..3, p=0.4) | round8", 1.1),
    Case("shake, stored", "blur", f"{SHAKE} | jpeg(quality=85..97)", 0.3),
    Case("object", "blur", "object_motion(length=10..32, share=0.15..0.5, light=linear/display) | round8", 0.8),
    Case("defocus", "blur", "defocus(radius=1.8..8) | noise(sigma=0..3, p=0.4) | round8", 0.4),
    Case("soft", "blur", "blur(kernel_sigma=1.3..4, ratio=0.5..1) | round8", 0.3),
    Case("enlarged", "enlarged", f"{LESS} | round8", 0.9),
    Case("enlarged, stored", "enlarged", f"{LESS} | jpeg(quality=85..97)", 0.3),
    Case("found", "mixed", "real-esrgan-like", 0.5),
    Case("found, otherwise", "mixed", "bsrgan-like", 0.4),
    Case(
        "all at once", "mixed",
        "blur(kernel_sigma=0.9..2) | noise(sigma=5..25, gray=0.4) | jpeg(quality=25..75)", 0.3,
    ),
    Case("dark", "dark", "low_light(stops=-5..-2.3, brighten=0) | round8", 0.5),
    Case("underexposed", "dark", "exposure(stops=-4..-2) | round8", 0.3),
)  # fmt: skip
"""What diagnosis learns from; a few of each kind for each picture."""

STORED = (
    Case("night, again", "camera", "phone-night", 0.8),
    Case(
        "sensor, well stored",
        "camera",
        "sensor(photons=80..2000) | blur(kernel_sigma=0.3..0.7, p=0.5) | jpeg(quality=80..97)",
        0.8,
    ),
    *(
        replace(case, name=f"{case.name}, as JPEG", chain=case.chain.replace("| round8", "| jpeg(quality=85..98)"))
        for case in LEARNT
        if case.main in {"blur", "camera", "enlarged", "dark"} and case.chain.endswith("| round8")
    ),
)
"""The same as cameras and people store them, so that a good JPEG does not speak for a clean picture."""

MEASURED = (
    Case("clean", "clean", ""),
    Case("clean, JPEG 90", "clean", "jpeg(quality=90)"),
    Case("noise 5–50", "noise", "noise(sigma=5..50) | round8", also=("camera",)),
    Case("grey noise 5–50", "noise", "noise(sigma=5..50, gray=1) | round8", also=("camera",)),
    Case("grain", "camera", "correlated_noise(sigma=8..40, grain=0.4..1.5) | round8", also=("noise",)),
    Case("sensor", "camera", "sensor(photons=100..1500) | round8", also=("noise",)),
    Case("noise and JPEG", "camera", "noise(sigma=10..40) | jpeg(quality=50..90)", also=("noise", "jpeg", "mixed")),
    Case(
        "little light, brightened", "camera",
        "low_light(stops=-5..-2.5, photons=500..5000, brighten=1) | round8", also=("noise",),
    ),
    Case("little light, dark", "dark", "low_light(stops=-5..-2.5, brighten=0) | round8"),
    Case("JPEG 5–60", "jpeg", "jpeg(quality=5..60)"),
    Case("hand shake 6–30", "blur", f"{SHAKE} | round8"),
    Case("object moved", "blur", "object_motion(length=12..30, share=0.2..0.4) | round8"),
    Case("out of focus", "blur", "defocus(radius=2..8) | round8"),
    Case("enlarged ×2–×4", "enlarged", "downscale(scale=2..4, method=bicubic) | fit(scale=1, method=bicubic) | round8"),
    Case("phone at night", "camera", "phone-night", also=("noise", "dark", "blur", "mixed", "jpeg")),
    Case("found on the net", "mixed", "real-esrgan-like", also=("noise", "camera", "blur", "jpeg", "enlarged")),
)  # fmt: skip
"""What diagnosis is measured by, on pictures that it never saw."""


@dataclass(frozen=True, eq=False)
class Made:
    """A damaged picture.

    Attributes:
        pixels: (H, W, 3) uint8.
        plan: What was done.
        apart: Root mean square of what it differs by from the clean one, as dark as it is, 0–255 scale; NaN where the
            size changed.
    """

    pixels: NDArray[np.uint8]
    plan: tuple[Damage, ...]
    apart: float


def make(clean: NDArray[np.float32], case: Case, name: str, seed: int) -> Made:
    """Damage a picture (H, W, 3), [0, 1]: a function of the case, the picture's name and the seed."""
    plan = plan_for(parse_chain(case.chain, PRESETS), f"{case.name}/{name}", seed) if case.chain else ()
    tensor = torch.from_numpy(np.ascontiguousarray(clean.transpose(2, 0, 1)))[None]
    done = perform(tensor, [plan])
    gray = bool((np.ptp(clean, axis=2) == 0).all())
    result = done.pictures[0].numpy().transpose(1, 2, 0)
    result = np.repeat(result[:, :, 1:2], 3, axis=2) if gray else result
    pixels = np.rint(np.clip(result, 0, 1) * 255).astype(np.uint8)
    return Made(pixels, done.plans[0], _apart(pixels, tensor, done.plans[0]))


def _apart(pixels: NDArray[np.uint8], clean: torch.Tensor, plan: Sequence[Damage]) -> float:
    if pixels.shape != (*clean.shape[2:], 3):
        return math.nan
    stops = value(plan, "low_light", "stops")
    if not math.isnan(stops) and not value(plan, "low_light", "brighten"):
        clean = degrade(clean, parse_chain(f"exposure(stops={stops:.4f})", PRESETS), seed=0).pictures
    reference = clean[0].numpy().transpose(1, 2, 0)
    return float(np.sqrt(np.square(pixels / 255.0 - reference).mean())) * 255


def value(plan: Sequence[Damage], kind: str, name: str) -> float:
    """A number of the last step of a kind; NaN where there is none."""
    found = [step.params[name] for step in plan if step.kind == kind]
    return float(found[-1]) if found else math.nan


def extent_of(plan: Sequence[Damage]) -> float:
    """How far blur reaches, pixels: a path's longer side, a disc's diameter, a Gaussian's width at half height."""
    found = [
        value(plan, "camera_shake", "extent"), value(plan, "object_motion", "length"),
        2 * value(plan, "defocus", "radius"), 2.355 * value(plan, "blur", "kernel_sigma"),
    ]  # fmt: skip
    return max([each for each in found if not math.isnan(each)], default=math.nan)
