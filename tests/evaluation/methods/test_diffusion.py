"""Diffusion starts at the noise that our denoiser knows, restores, and draws the same numbers each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend import catalog
from pixelmend.errors import UsageError
from pixelmend.evaluation.methods.diffusion import Diffusion
from pixelmend.evaluation.problem import Problem
from tests.evaluation.methods.restoring import SETUP, Pixels, checked, lighthouse, psnr, resized

if TYPE_CHECKING:
    import torch


@pytest.fixture(scope="module")
def clean() -> Pixels:
    """72×72×3."""
    return lighthouse(72)


@pytest.fixture(scope="module")
def method() -> Diffusion:
    return Diffusion(SETUP, iterations=4)


def test_it_takes_noise_away(method: Diffusion, clean: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    degraded = (clean + np.random.default_rng(0).normal(0, 40 / 255, clean.shape)).astype(np.float32)
    restored = checked(method, Problem("denoise", "x", degraded, sigma=40.0), capsys)
    assert psnr(restored, clean) > psnr(degraded, clean) + 4


def test_noise_beyond_the_start_of_the_chain_goes_too(method: Diffusion, clean: Pixels) -> None:
    degraded = (clean + np.random.default_rng(0).normal(0, 90 / 255, clean.shape)).astype(np.float32)
    restored = method.restore(Problem("denoise", "x", degraded, sigma=90.0))
    assert psnr(restored, clean) > psnr(degraded, clean) + 2


def test_it_fills_in_a_gray_picture(method: Diffusion, clean: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    gray = clean.mean(axis=2)
    missing = np.random.default_rng(0).random(gray.shape) < 0.5
    degraded = np.where(missing, 0, gray)
    restored = checked(method, Problem("inpaint", "x", degraded, missing=missing), capsys)
    assert np.array_equal(restored[~missing], degraded[~missing])
    mean = np.where(missing, gray[~missing].mean(), degraded)
    assert psnr(restored, gray) > psnr(mean, gray) + 4


def test_it_enlarges_and_explains_the_small_picture(
    method: Diffusion, clean: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    low = resized(clean, 24, 24)
    restored = checked(method, Problem("super-resolve", "x", low, scale=3), capsys)
    nearest = low.repeat(3, axis=0).repeat(3, axis=1)
    assert psnr(restored, clean) > psnr(nearest, clean) + 0.5
    assert psnr(resized(restored, 24, 24), low) > 30


def test_it_undoes_a_blur(method: Diffusion, clean: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(clean, (5, 5), axis=(0, 1))
    blurred = windows.mean(axis=(-2, -1), dtype=np.float32)
    problem = Problem("deconvolve", "x", blurred, sigma=1.0, kernel=np.full((5, 5), 1 / 25, np.float32))
    inner = clean[2:-2, 2:-2]
    assert psnr(checked(method, problem, capsys), inner) > psnr(blurred, inner) + 2


def test_the_seed_decides(clean: Pixels) -> None:
    method = Diffusion(SETUP, iterations=2)
    first, other = (method.restore(Problem("denoise", "x", clean, sigma=30.0, seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first, other)


def test_the_denoiser_is_asked_only_for_what_it_learnt(clean: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    method = Diffusion(SETUP, iterations=5)
    told: list[float] = []

    def keep(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        told.append(255 * float(sigma))
        # what comes in is the picture with just that noise: the chain's own scaling is undone
        assert abs(float(x.mean()) - float(clean.mean())) < 0.03
        return x

    monkeypatch.setattr(method._denoiser, "forward", keep)
    method.restore(Problem("denoise", "x", clean, sigma=5.0))
    assert told == sorted(told, reverse=True)
    assert 70 < told[0] <= 75


def test_it_says_what_it_is(method: Diffusion) -> None:
    card = catalog.find("denoise")
    assert (method.parameters, method.weights) == (card.parameters, card.sha256)
    assert "75" in method.note


@pytest.mark.parametrize("iterations", [1, 81])
def test_a_chain_that_cannot_be_is_refused(iterations: int) -> None:
    with pytest.raises(UsageError, match=f"got {iterations} iterations"):
        Diffusion(SETUP, iterations=iterations)
