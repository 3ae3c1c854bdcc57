"""Makes docs/damage.md and its pictures: every kind of damage and every preset, on one photograph.

Run from the checkout: python docs/make_damage.py [photograph]. Without one it damages docs/damage/clean.webp again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from pixelmend.degradations import KINDS, PRESETS, degrade, parameters_of, parse_chain
from pixelmend.images import read_float
from pixelmend.images.vips import pyvips

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "damage"
SIDE = 240

# What is shown of each kind: a mild and a heavy case.
SHOWN: dict[str, tuple[str, str]] = {
    "noise": ("noise(sigma=15)", "noise(sigma=50)"),
    "correlated_noise": (
        "correlated_noise(sigma=20, correlation=0.9, grain=0)",
        "correlated_noise(sigma=30, correlation=0, grain=1.5)",
    ),
    "speckle": ("speckle(sigma=25)", "speckle(sigma=75, gray=1)"),
    "salt_pepper": ("salt_pepper(share=0.02)", "salt_pepper(share=0.2)"),
    "sensor": (
        "sensor(photons=2000, read_noise=3, demosaic=none)",
        "sensor(photons=200, read_noise=5, demosaic=malvar)",
    ),
    "camera_noise": (
        "camera_noise(photons=500, demosaic=malvar, smoothing=1, sharpening=0)",
        "camera_noise(photons=500, demosaic=malvar, smoothing=0.5, sharpening=2)",
    ),
    "blur": ("blur(kernel_sigma=1)", "blur(kernel_sigma=4, ratio=0.2, angle=30)"),
    "sinc": ("sinc(cutoff=2)", "sinc(cutoff=0.8)"),
    "defocus": ("defocus(radius=2)", "defocus(radius=7)"),
    "linear_motion": ("linear_motion(length=8, angle=20)", "linear_motion(length=24, angle=20)"),
    "shake_uniform": ("shake_uniform(extent=10)", "shake_uniform(extent=28)"),
    "camera_shake": ("camera_shake(extent=8)", "camera_shake(extent=24, roll=0.3)"),
    "object_motion": ("object_motion(length=12)", "object_motion(length=36)"),
    "downscale": ("downscale(scale=2)", "downscale(scale=4)"),
    "resize": (
        "resize(factor=0.5, method=area) | fit(method=nearest)",
        "resize(factor=0.25, method=bicubic) | fit(method=bicubic)",
    ),
    "fit": ("downscale(scale=3) | fit(scale=1, method=bilinear)", "downscale(scale=3) | fit(scale=1, method=lanczos)"),
    "jpeg": ("jpeg(quality=30, subsampling=444)", "jpeg(quality=5, subsampling=420)"),
    "webp": ("webp(quality=30)", "webp(quality=2)"),
    "missing_pixels": ("missing_pixels(share=0.1)", "missing_pixels(share=0.8)"),
    "missing_boxes": ("missing_boxes(count=1)", "missing_boxes(count=6)"),
    "strokes": ("strokes(count=5, thickness=0.02)", "strokes(count=3, thickness=0.12)"),
    "scratches": ("scratches(count=3)", "scratches(count=15)"),
    "text": ("text(height=0.06)", "text(height=0.2)"),
    "blobs": ("blobs(share=0.1)", "blobs(share=0.5)"),
    "exposure": ("exposure(stops=-1)", "exposure(stops=-3)"),
    "clip_highlights": ("clip_highlights(stops=0.7, dim=0)", "clip_highlights(stops=2, dim=1)"),
    "color_cast": ("color_cast(temperature=4000, tint=0)", "color_cast(temperature=12000, tint=0.2)"),
    "low_light": ("low_light(stops=-2, brighten=1)", "low_light(stops=-5, brighten=1)"),
    "round8": ("noise(sigma=5) | round8", "exposure(stops=-6) | round8 | exposure(stops=4)"),
}

ROOMS: dict[str, tuple[str, ...]] = {
    "Noise": ("noise", "correlated_noise", "speckle", "salt_pepper", "sensor", "camera_noise"),
    "Blur": ("blur", "sinc", "defocus", "linear_motion", "shake_uniform", "camera_shake", "object_motion"),
    "Resolution": ("downscale", "resize", "fit"),
    "Compression": ("jpeg", "webp"),
    "Missing parts": ("missing_pixels", "missing_boxes", "strokes", "scratches", "text", "blobs"),
    "Light": ("exposure", "clip_highlights", "color_cast", "low_light", "round8"),
}

INTRODUCTION = """# Damage

Every kind of damage that Pixelmend makes, on one photograph (Kodak's, free to use); made by
`python docs/make_damage.py`. Small pictures are enlarged pixel by pixel.

```
pixelmend degrade photo.jpg -o noisy.png --chain "noise(sigma=25) | jpeg(quality=20)"
pixelmend degrade photo.jpg -o night.png --preset phone-night --seed 3 --record night.json
pixelmend degrade photo.jpg -o again.png --repeat night.json
pixelmend degrade photos -o damaged --preset real-esrgan-like
pixelmend degrade --list
```

A chain is a list of steps, done in order. A parameter is a value (`sigma=25`), two ends to draw between
(`sigma=5..25`), or names to draw from (`method=area/bicubic`); what is not named is drawn from its default. `p=0.5`
lets a step happen for half of the pictures. `shuffle(a | b)` does its parts in random order, `one(a | b)` one of them,
`seq(a | b)` binds parts into one. What was drawn for each picture is recorded with `--record`, and repeats the damage
to the last pixel.

From Python, batched and on the device of the pictures:

```python
import torch
from pixelmend.degradations import degrade, parse_chain

clean = torch.rand(4, 3, 64, 64)
degraded = degrade(clean, parse_chain("camera_shake | sensor | jpeg(quality=40..95)"), seed=1)
degraded.pictures, degraded.missing, degraded.plans
```

| the photograph |
|---|
| ![clean](damage/clean.webp) |
"""


FRAMES = """### True motion blur

The average, in linear light, of consecutive frames of a fast camera is what a longer exposure would have been, with
every object's own motion. From folders of numbered frames this makes pairs, `blur/` and `sharp/` (the middle frame); a
chain may follow.

```
pixelmend degrade frames -o pairs --frames 9
pixelmend degrade frames -o pairs --frames 13 --chain "sensor | jpeg(quality=60..95)"
```
"""


def text() -> str:
    """The page."""
    parts = [INTRODUCTION]
    for room, names in ROOMS.items():
        parts.append(f"## {room}\n")
        parts += [_kind(name) for name in names]
        if room == "Blur":
            parts.append(FRAMES)
    parts.append("## Presets\n\nWhat a preset draws differs from picture to picture; three seeds are shown.\n")
    for name, chain in PRESETS.items():
        files = " | ".join(f"![{name}](damage/{_file(name, seed)})" for seed in range(3))
        table = f"| seed 0 | seed 1 | seed 2 |\n|---|---|---|\n| {files} |\n"
        parts.append(f"### {name}\n\n```\n{_folded(chain)}\n```\n\n{table}")
    return "\n".join(parts)


def _kind(name: str) -> str:
    doc = " ".join((KINDS[name].__doc__ or "").split("Attributes:")[0].split()).replace("``", "`")
    lines = [line.split(" (", 1) for line in parameters_of(KINDS[name])]
    parameters = "\n".join(f"- `{given}` ({rest}" for given, rest in lines).replace("``", "`")
    titles = " | ".join(f"`{chain.replace('|', chr(92) + '|')}`" for chain in SHOWN[name])
    files = " | ".join(f"![{name}](damage/{_file(name, case)})" for case in range(2))
    return f"### {name}\n\n{doc}\n\n{parameters}\n\n| {titles} |\n|---|---|\n| {files} |\n"


def _folded(chain: str) -> str:
    lines = [line.rstrip() for line in chain.strip("\n").splitlines()]
    margin = min(len(line) - len(line.lstrip()) for line in lines if line)
    return "\n".join(line[margin:] for line in lines)


def _file(name: str, case: int) -> str:
    return f"{name}-{case}.webp"


def _write(picture: torch.Tensor, path: Path) -> None:
    """A (1, 3, H, W) picture, small ones enlarged, compressed so lightly that the damage is what is seen."""
    factor = max(1, SIDE // picture.shape[2])
    large = picture.repeat_interleave(factor, 2).repeat_interleave(factor, 3)[0]
    pixels = (large.clamp(0, 1) * 255).round().permute(1, 2, 0).contiguous().numpy().astype(np.uint8)
    image = pyvips.Image.new_from_memory(pixels, pixels.shape[1], pixels.shape[0], 3, "uchar")
    image.copy(interpretation="srgb").webpsave(str(path), Q=88, effort=6)


def pictures(clean: torch.Tensor) -> None:
    """All pictures of the page."""
    for name in KINDS:
        for case, chain in enumerate(SHOWN[name]):
            _write(degrade(clean, parse_chain(chain), seed=case).pictures, PICTURES / _file(name, case))
    for name in PRESETS:
        for seed in range(3):
            _write(degrade(clean, parse_chain(name, PRESETS), seed=seed).pictures, PICTURES / _file(name, seed))


def main() -> None:
    """Make everything again."""
    PICTURES.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        photograph = torch.from_numpy(read_float(Path(sys.argv[1]), color="rgb")).permute(2, 0, 1)[None]
        half = degrade(photograph, parse_chain("downscale(scale=2) | round8"), seed=0).pictures[..., :SIDE, :SIDE]
        pixels = (half[0] * 255).round().permute(1, 2, 0).contiguous().numpy().astype(np.uint8)
        image = pyvips.Image.new_from_memory(pixels, SIDE, SIDE, 3, "uchar").copy(interpretation="srgb")
        image.webpsave(str(PICTURES / "clean.webp"), lossless=True)
    clean = torch.from_numpy(read_float(PICTURES / "clean.webp", color="rgb")).permute(2, 0, 1)[None]
    pictures(clean)
    (DOCS / "damage.md").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
