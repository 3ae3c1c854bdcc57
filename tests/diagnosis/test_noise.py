"""The noise level: right where it can be known, small where there is none, and never an error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from pixelmend.diagnosis import estimate_sigma
from pixelmend.images import read_float
from tests.diagnosis.pictures import Huge, as_8_bits

if TYPE_CHECKING:
    from pathlib import Path

Photo = NDArray[np.float32]


def noisy(clean: Photo, sigma: float, seed: int = 0) -> Photo:
    noise = np.random.default_rng(seed).normal(0, sigma / 255, clean.shape)
    return (clean + noise).astype(np.float32)


@pytest.mark.parametrize("sigma", [5, 15, 25, 50, 75])
def test_a_flat_picture_with_noise(sigma: float) -> None:
    flat = np.full((200, 200, 3), 0.5, np.float32)
    assert estimate_sigma(noisy(flat, sigma)) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("sigma", [5, 25, 50])
def test_half_of_the_picture_is_saturated(sigma: float) -> None:
    picture = np.full((200, 400, 3), 0.5, np.float32)
    picture[:, 200:] = 3.0
    assert estimate_sigma(as_8_bits(noisy(picture, sigma))) == pytest.approx(sigma, rel=0.05)


def test_grey_stored_as_colour_is_grey(photo: Photo) -> None:
    grey = noisy(photo[:, :, :1], 25)
    assert estimate_sigma(np.repeat(grey, 3, axis=2)) == estimate_sigma(grey) == estimate_sigma(grey[:, :, 0])


def test_depth_does_not_matter(photo: Photo) -> None:
    mid = noisy(0.3 + 0.4 * photo, 10)
    level = estimate_sigma(mid)
    assert estimate_sigma(as_8_bits(mid)) == pytest.approx(level, abs=0.3)
    assert estimate_sigma(np.rint(mid * 65535).astype(np.uint16)) == pytest.approx(level, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (2, 2, 1), (3, 3, 3), (5, 4, 1), (8, 8, 3), (9, 300, 3)])
def test_tiny_pictures_give_a_finite_number(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0).random(shape).astype(np.float32)
    assert 0 <= estimate_sigma(random) < 255
    assert estimate_sigma(np.zeros(shape, np.uint8)) == 0


def test_the_cost_does_not_grow_with_the_picture() -> None:
    def piece(top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(top * 100_003 + left)
        return as_8_bits(noisy(np.full((height, width, 3), 0.5, np.float32), 20, int(rng.integers(1 << 30))))

    start = time.perf_counter()
    assert estimate_sigma(Huge(piece)) == pytest.approx(20, rel=0.03)
    assert time.perf_counter() - start < 3  # 0.2 s on a quiet machine


# Bounds on the mean absolute error over a few pictures; over more of them it is about half (see `estimate_sigma`).
BOUNDS = {
    ("float", 0): 2.0, ("float", 5): 0.5, ("float", 15): 0.6, ("float", 25): 0.8, ("float", 50): 0.9,
    ("8 bits", 0): 2.0, ("8 bits", 5): 0.7, ("8 bits", 15): 0.9, ("8 bits", 25): 0.9, ("8 bits", 50): 2.0,
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("dataset", "color"), [("cbsd68", "rgb"), ("kodak24", "rgb"), ("bsd68", "gray")])
def test_the_errors_that_the_documentation_tells(shared: Path, dataset: str, color: str) -> None:
    every = sorted((shared / "data" / "test" / dataset).iterdir())
    files = every[:: len(every) // 6]
    for (kind, sigma), bound in BOUNDS.items():
        errors = []
        for index, file in enumerate(files):
            picture = noisy(read_float(file, color="rgb" if color == "rgb" else "gray"), sigma, seed=index)
            errors.append(abs(estimate_sigma(picture if kind == "float" else as_8_bits(picture)) - sigma))
        assert np.mean(errors) < bound, f"{kind} sigma {sigma}: {np.mean(errors):.2f}"
