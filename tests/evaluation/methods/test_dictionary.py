"""Sparse coding makes pictures better by as much as was measured, and its parts do what they say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pytest

from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import MissingExtraError
from pixelmend.evaluation.methods.dictionary import SparseCoding
from pixelmend.evaluation.problem import Problem
from pixelmend.images import read_float
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

Pixels = npt.NDArray[np.float32]
Color = Literal["rgb", "gray"]


def pair(shared: Path, color: Color) -> tuple[Pixels, Pixels]:
    """A part of Kodak's lighthouse, 40×40, clean and with noise of sigma 25."""
    whole = read_float(shared / "data" / "test" / "kodak24" / "kodim19.webp", color=color)
    clean = np.ascontiguousarray(whole[366:406, 216:256])
    return clean, clean + gaussian_noise_for("kodim19", clean.shape, 25, 0)


@pytest.mark.shared
@pytest.mark.parametrize(("color", "measured"), [("rgb", 10.72), ("gray", 9.52)])
def test_noise_is_removed(shared: Path, color: Color, measured: float) -> None:
    clean, degraded = pair(shared, color)
    before = degraded.copy()
    problem = Problem("denoise", "kodim19", degraded, sigma=25.0)
    restored = SparseCoding().restore(problem)
    assert restored.shape == problem.wanted_shape
    assert restored.dtype == np.float32
    assert np.array_equal(degraded, before)
    scores = [psnr(each, clean, data_range=1.0, color=color) for each in (restored, degraded)]
    assert scores[0] - scores[1] > measured - 0.5
    assert np.array_equal(SparseCoding().restore(problem), restored)


@pytest.mark.shared
def test_another_seed_learns_another_dictionary(shared: Path) -> None:
    clean, degraded = pair(shared, "gray")
    first, second = (
        SparseCoding().restore(Problem("denoise", "x", degraded, sigma=25.0, seed=seed)) for seed in (1, 2)
    )
    assert not np.array_equal(first, second)
    scores = [psnr(each, clean, data_range=1.0, color="gray") for each in (first, second)]
    assert scores[0] == pytest.approx(scores[1], abs=0.5)


def test_of_noise_alone_next_to_nothing_is_left() -> None:
    """Patches become their mean, of 64 pixels, and overlapping means average further; at the border fewer overlap."""
    noise = gaussian_noise_for("flat", (40, 48), 25, 0)
    restored = SparseCoding().restore(Problem("denoise", "x", 0.5 + noise, sigma=25.0))
    assert np.std(restored[8:-8, 8:-8]) < np.std(noise) / 8
    assert np.mean(restored) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("shape", [(5, 20), (8, 8, 3), (1, 1), (9, 23, 3)])
def test_small_and_odd_sizes_are_taken(shape: tuple[int, ...]) -> None:
    degraded = np.random.default_rng(0).random(shape, dtype=np.float32)
    restored = SparseCoding().restore(Problem("denoise", "x", degraded, sigma=10.0))
    assert restored.shape == shape
    assert np.isfinite(restored).all()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtraError, match="scikit-learn"):
        SparseCoding().restore(Problem("denoise", "x", np.zeros((8, 8), np.float32), sigma=25.0))
