"""The deep image prior restores from nothing but the picture, the same way each time."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.errors import UsageError
from pixelmend.evaluation.methods.deep_prior import DeepImagePrior
from pixelmend.evaluation.problem import Problem
from tests.evaluation.methods.restoring import SETUP, Pixels, checked, lighthouse, psnr, resized


@pytest.fixture(scope="module")
def clean() -> Pixels:
    """64×64×3."""
    return lighthouse(64)


def test_noise_is_drawn_later_than_the_picture(clean: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    degraded = (clean + np.random.default_rng(0).normal(0, 50 / 255, clean.shape)).astype(np.float32)
    problem = Problem("denoise", "x", degraded, sigma=50.0)
    assert psnr(checked(DeepImagePrior(SETUP, iterations=30), problem, capsys), clean) > psnr(degraded, clean) + 3


def test_it_fills_in_a_gray_picture(clean: Pixels) -> None:
    gray = clean.mean(axis=2)
    missing = np.random.default_rng(0).random(gray.shape) < 0.5
    degraded = np.where(missing, 0, gray)
    problem = Problem("inpaint", "x", degraded, missing=missing)
    restored = DeepImagePrior(SETUP, iterations=50).restore(problem)
    assert np.array_equal(restored[~missing], degraded[~missing])
    mean = np.where(missing, gray[~missing].mean(), degraded)
    assert psnr(restored, gray) > psnr(mean, gray) + 3


def test_it_enlarges(clean: Pixels) -> None:
    low = resized(clean, 32, 32)
    restored = DeepImagePrior(SETUP, iterations=50).restore(Problem("super-resolve", "x", low, scale=2))
    assert psnr(restored, clean) > psnr(np.full_like(clean, clean.mean()), clean) + 5
    # and it explains what was observed: made smaller, it is the low picture again
    assert psnr(resized(restored, 32, 32), low) > 22


def test_it_undoes_a_blur_beyond_the_border(clean: Pixels) -> None:
    kernel = np.full((5, 5), 1 / 25, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(clean, (5, 5), axis=(0, 1))
    problem = Problem("deconvolve", "x", windows.mean(axis=(-2, -1)), sigma=1.0, kernel=kernel)
    restored = DeepImagePrior(SETUP, iterations=50).restore(problem)
    assert psnr(restored, clean[2:-2, 2:-2]) > 18


def test_the_seed_decides(clean: Pixels) -> None:
    method = DeepImagePrior(SETUP, iterations=2)
    first, other = (method.restore(Problem("denoise", "x", clean, sigma=5.0, seed=seed)) for seed in (0, 1))
    assert not np.allclose(first, other, atol=1e-3)


def test_it_learnt_nothing_and_says_so() -> None:
    method = DeepImagePrior(SETUP, iterations=7)
    assert method.parameters is None
    assert method.weights == ""
    assert method.note.startswith("7 iterations")


def test_less_than_one_iteration_is_refused() -> None:
    with pytest.raises(UsageError, match="got 0 iterations"):
        DeepImagePrior(SETUP, iterations=0)
