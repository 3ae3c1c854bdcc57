"""Named chains: the damage that tables of the field are made with, and mixtures to learn real pictures from.

Numbers in a preset's name are what the field puts into its tables. "-like" follows a published recipe as nearly as the
kinds of damage here allow; what differs is said beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelmend.degradations.language import parse_chain
from pixelmend.errors import UnknownNameError

if TYPE_CHECKING:
    from pixelmend.degradations.chain import Sequence

# K. Zhang, J. Liang, L. Van Gool and R. Timofte, "Designing a practical degradation model for deep blind image
# super-resolution" (ICCV 2021): blur twice, two steps down, three noises in random order, then JPEG. Here the second
# step down is always the last one of all, so that each picture ends a quarter as large.
_BSRGAN = """
    shuffle(
        blur(kernel_sigma=0.1..2.4, ratio=1) |
        blur(kernel_sigma=0.5..4, ratio=0.3..1) |
        resize(factor=0.5..1, method=bilinear/bicubic/area, p=0.75) |
        one(noise(sigma=2..25, p=0.4) | noise(sigma=2..25, gray=1, p=0.4) |
            correlated_noise(sigma=2..25, correlation=0..1, grain=0, p=0.2)) |
        jpeg(quality=30..95, p=0.9) |
        sensor(photons=300..5000, p=0.25)
    ) |
    fit(scale=4, method=bilinear/bicubic/area) |
    jpeg(quality=30..95)
"""

# X. Wang, L. Xie, C. Dong and Y. Shan, "Real-ESRGAN: training real-world blind super-resolution with pure synthetic
# data" (ICCVW 2021), with the settings of its published training: the whole classical model twice, sinc filters last.
# Poisson noise is drawn as a sensor does, in linear light.
_REAL_ESRGAN = """
    one(blur(kernel_sigma=0.2..3, ratio=1, p=0.405) |
        blur(kernel_sigma=0.2..3, ratio=0.2..1, p=0.225) |
        blur(kernel_sigma=0.2..3, ratio=0.2..1, profile=generalized, beta=0.5..4, p=0.135) |
        blur(kernel_sigma=0.2..3, ratio=0.2..1, profile=plateau, beta=1..2, p=0.135) |
        sinc(p=0.1)) |
    one(resize(factor=1..1.5, method=area/bilinear/bicubic, p=0.2) |
        resize(factor=0.15..1, method=area/bilinear/bicubic, p=0.7) |
        resize(factor=1, p=0.1)) |
    one(noise(sigma=1..30, gray=0.4, p=0.5) | sensor(photons=100..5000, p=0.5)) |
    jpeg(quality=30..95) |
    one(blur(kernel_sigma=0.2..1.5, ratio=1, p=0.405) |
        blur(kernel_sigma=0.2..1.5, ratio=0.2..1, p=0.225) |
        blur(kernel_sigma=0.2..1.5, ratio=0.2..1, profile=generalized, beta=0.5..4, p=0.135) |
        blur(kernel_sigma=0.2..1.5, ratio=0.2..1, profile=plateau, beta=1..2, p=0.135) |
        sinc(p=0.1),
        p=0.8) |
    one(fit(scale=3.33..4, method=area/bilinear/bicubic, p=0.3) |
        fit(scale=4..13.3, method=area/bilinear/bicubic, p=0.4) |
        fit(scale=4, p=0.3)) |
    one(noise(sigma=1..25, gray=0.4, p=0.5) | sensor(photons=150..5000, p=0.5)) |
    shuffle(seq(fit(scale=4, method=area/bilinear/bicubic) | sinc(p=0.8)) | jpeg(quality=30..95)) |
    fit(scale=4) |
    round8
"""

# What a phone does at night, in the order in which it happens: the hand shakes, little light falls on a small sensor
# with a Bayer mosaic, the picture is brightened and its colours are off, noise is smoothed away in part, and it is
# saved.
_PHONE_NIGHT = """
    camera_shake(extent=1..8, p=0.5) |
    defocus(radius=0.5..1.5, p=0.3) |
    low_light(stops=-4..-1) |
    color_cast(p=0.5) |
    blur(kernel_sigma=0.3..0.8, p=0.5) |
    jpeg(quality=60..95)
"""

PRESETS: dict[str, str] = {
    "awgn-15": "noise(sigma=15)",
    "awgn-25": "noise(sigma=25)",
    "awgn-50": "noise(sigma=50)",
    "bicubic-x2": "downscale(scale=2, method=bicubic) | round8",
    "bicubic-x3": "downscale(scale=3, method=bicubic) | round8",
    "bicubic-x4": "downscale(scale=4, method=bicubic) | round8",
    "jpeg-10": "jpeg(quality=10, subsampling=420)",
    "jpeg-20": "jpeg(quality=20, subsampling=420)",
    "jpeg-30": "jpeg(quality=30, subsampling=420)",
    "jpeg-40": "jpeg(quality=40, subsampling=420)",
    "double-jpeg": "jpeg(quality=10..60) | jpeg(quality=30..95, shift_x=0..7, shift_y=0..7)",
    "half-missing": "missing_pixels(share=0.5)",
    "mask-thin": "strokes(thickness=0.005..0.02)",
    "mask-thick": "strokes(thickness=0.08..0.2)",
    "hand-shake": "camera_shake(extent=4..24)",
    "moving-object": "object_motion",
    "old-photo": "scratches(p=0.8) | correlated_noise(sigma=5..20, grain=0.5..1.5) | color_cast | round8",
    "bsrgan-like": _BSRGAN,
    "real-esrgan-like": _REAL_ESRGAN,
    "phone-night": _PHONE_NIGHT,
}


def find_preset(name: str) -> Sequence:
    """The chain of this name.

    Raises:
        UnknownNameError: There is none; names the nearest.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return parse_chain(PRESETS[name], PRESETS)
