"""BM3D makes pictures better by as much as was measured, gray and colour, told the noise level or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pytest

from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import MissingExtraError
from pixelmend.evaluation.methods.transform import Bm3d
from pixelmend.evaluation.problem import Problem
from pixelmend.images import read_float
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

Pixels = npt.NDArray[np.float32]
Color = Literal["rgb", "gray"]


def pair(shared: Path, color: Color) -> tuple[Pixels, Pixels]:
    """A part of Kodak's lighthouse, 48×48, clean and with noise of sigma 25."""
    whole = read_float(shared / "data" / "test" / "kodak24" / "kodim19.webp", color=color)
    clean = np.ascontiguousarray(whole[366:414, 216:264])
    return clean, clean + gaussian_noise_for("kodim19", clean.shape, 25, 0)


@pytest.mark.shared
@pytest.mark.parametrize(("color", "measured"), [("rgb", 11.61), ("gray", 9.39)])
def test_noise_is_removed(shared: Path, color: Color, measured: float) -> None:
    clean, degraded = pair(shared, color)
    before = degraded.copy()
    problem = Problem("denoise", "kodim19", degraded, sigma=25.0)
    restored = Bm3d().restore(problem)
    assert restored.shape == problem.wanted_shape
    assert restored.dtype == np.float32
    assert np.array_equal(degraded, before)
    scores = [psnr(each, clean, data_range=1.0, color=color) for each in (restored, degraded)]
    assert scores[0] - scores[1] > measured - 0.3
    assert np.array_equal(Bm3d().restore(problem), restored)


@pytest.mark.shared
def test_a_level_that_is_not_told_is_estimated(shared: Path) -> None:
    clean, degraded = pair(shared, "gray")
    scores = [
        psnr(Bm3d().restore(Problem("photo", "x", degraded, sigma=sigma)), clean, data_range=1.0, color="gray")
        for sigma in (25.0, None)
    ]
    assert scores[1] == pytest.approx(scores[0], abs=0.5)


def test_without_noise_hardly_anything_changes() -> None:
    picture = np.random.default_rng(4).random((32, 40), dtype=np.float32)
    assert np.allclose(Bm3d().restore(Problem("denoise", "x", picture, sigma=0.0)), picture, atol=0.002)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(MissingExtraError, match="bm3d"):
        Bm3d().restore(Problem("denoise", "x", np.zeros((8, 8), np.float32), sigma=25.0))
