"""How far two forms of a network are apart: an ONNX file from PyTorch, rounded weights from those that were learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from pixelmend.errors import ModelError
from pixelmend.inference import OnnxEngine, crop, pad, padded_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pixelmend.models import Hybrid

    Maps = Mapping[str, NDArray[np.float32]]

PARITY_SIZES = ((64, 64), (192, 128), (101, 75))
"""Heights and widths that an export is checked on, pixels: the smallest, an oblong one, an odd one."""


@dataclass(frozen=True)
class Parity:
    """How close the exported network came to the original on one size; ``psnr`` in dB, infinite where equal."""

    height: int
    width: int
    psnr: float


def measure_parity(
    model: Hybrid,
    path: Path,
    sizes: Sequence[tuple[int, int]] = PARITY_SIZES,
    *,
    precision: Literal["float32", "int8"] = "float32",
) -> tuple[Parity, ...]:
    """Run the network and an ONNX file on the same noise, told the same, padded as the run half pads.

    Sizes are those of what goes in. A noise level is another one at each size, a mask is drawn.

    Args:
        model: The network.
        path: The file.
        sizes: Heights and widths, pixels.
        precision: What the file is run in.

    Raises:
        ModelError: The file cannot be run, or gives results of another size.
    """
    return _compare(model, OnnxEngine(path, "cpu", precision=precision), sizes, natural=False)


def measure_rounding(model: Hybrid, path: Path) -> float:
    """What storing weights compactly costs, on pictures that look like photographs, damaged as the network is told.

    Args:
        model: The network with the weights that were learned.
        path: The ONNX file with rounded ones, run as it is by default.

    Returns:
        PSNR between the two results in dB, data range 1, where they are furthest apart; infinite where they are equal.

    Raises:
        ModelError: See ``measure_parity``.
    """
    return min(each.psnr for each in _compare(model, OnnxEngine(path, "cpu"), PARITY_SIZES, natural=True))


def example(conditions: Sequence[str], height: int, width: int) -> tuple[NDArray[np.float32], Maps]:
    """A picture that looks like a photograph, damaged as a network is told, and what it is told.

    Args:
        conditions: Names of the maps beside the picture.
        height: Pixels.
        width: Pixels.

    Returns:
        (1, 3, H, W), and (1, 1, H, W) by name; noise of sigma 25, three pixels of ten lost. The same each time.
    """
    generator = np.random.default_rng(0)
    known: Maps = {
        "noise_level": np.full((1, 1, height, width), 25 / 255, np.float32),
        "mask": (generator.random((1, 1, height, width)) < 0.3).astype(np.float32),
    }
    told: Maps = {name: known[name] for name in conditions}
    clean = np.ascontiguousarray(_photograph(generator, height, width).transpose(2, 0, 1)[None])
    return _damaged(clean, told, generator), told


def psnr_between(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How close two results are, in dB, data range 1; infinite where they are equal."""
    return _decibels(one - other)


def _decibels(difference: NDArray[np.float32]) -> float:
    error = float(np.square(difference, dtype=np.float64).mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def _compare(
    model: Hybrid, engine: OnnxEngine, sizes: Sequence[tuple[int, int]], *, natural: bool
) -> tuple[Parity, ...]:
    generator = np.random.default_rng(0)
    needs, scale = model.config.multiple_of, model.config.scale
    found = []
    for index, (height, width) in enumerate(sizes):
        sides = [padded_length(side, multiple_of=needs, minimum=1) for side in (height, width)]
        picture = (_photograph if natural else _white)(generator, height, width)
        known: Maps = {
            "noise_level": np.full((1, 1, *sides), (5 + 30 * index) / 255, np.float32),
            "mask": (generator.random((1, 1, *sides)) < 0.3).astype(np.float32),
        }
        conditions: Maps = {name: known[name] for name in model.config.conditions}
        degraded = np.ascontiguousarray(pad(picture, *sides).transpose(2, 0, 1)[None])
        if natural:
            degraded = _damaged(degraded, conditions, generator)
        with torch.inference_mode():
            wanted = model(*(torch.from_numpy(each) for each in (degraded, *conditions.values()))).numpy()
        got = engine.run(degraded, conditions)
        if got.shape != wanted.shape:
            raise ModelError(f"the ONNX form gives {got.shape} where PyTorch gives {wanted.shape}: export it again")
        difference = crop((got - wanted)[0].transpose(1, 2, 0), height * scale, width * scale)
        found.append(Parity(height, width, _decibels(difference)))
    return tuple(found)


def _white(generator: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Noise without any structure, (H, W, 3) in [0, 1]: it drives every part of a network."""
    picture: NDArray[np.float32] = generator.random((height, width, 3), dtype=np.float32)
    return picture


def _photograph(generator: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Waves of all lengths, the longer the stronger, behind discs with sharp edges: (H, W, 3) in [0, 1]."""
    y, x = np.mgrid[0:height, 0:width] / 64
    picture = np.full((height, width, 3), 0.5)
    for cycles in np.geomspace(0.5, 16, 16):
        angle, phase = generator.uniform(0, 2 * np.pi, 2)
        wave = np.sin(2 * np.pi * cycles * (y * np.sin(angle) + x * np.cos(angle)) + phase)
        picture += wave[..., None] * generator.normal(0, 0.1 / np.sqrt(cycles), 3)
    for _ in range(8):
        row, column, radius = generator.random(3) * (height / 64, width / 64, 0.4)
        inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
        picture[inside] = 0.3 * picture[inside] + 0.7 * generator.random(3)
    clipped: NDArray[np.float32] = np.clip(picture, 0, 1).astype(np.float32)
    return clipped


def _damaged(clean: NDArray[np.float32], told: Maps, generator: np.random.Generator) -> NDArray[np.float32]:
    """The damage that a network is told of: noise of its level, black where the mask says so."""
    degraded = clean
    if "noise_level" in told:
        degraded = degraded + told["noise_level"] * generator.standard_normal(clean.shape, dtype=np.float32)
    if "mask" in told:
        degraded = degraded * (1 - told["mask"])
    return degraded
