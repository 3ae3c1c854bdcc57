"""Plug-and-play restoration beats what needs no network, and does nothing beside restoring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.restoration import inpaint_biharmonic, wiener

from pixelmend import catalog
from pixelmend.degradations.convolve import convolve
from pixelmend.degradations.kernels import shake_kernels
from pixelmend.errors import UsageError
from pixelmend.evaluation.methods.plug_and_play import PlugAndPlay
from pixelmend.evaluation.problem import Problem
from tests.evaluation.methods.restoring import SETUP, Pixels, checked, lighthouse, psnr, resized


@pytest.fixture(scope="module")
def clean() -> Pixels:
    """72×72×3."""
    return lighthouse(72)


@pytest.fixture(scope="module")
def method() -> PlugAndPlay:
    return PlugAndPlay(SETUP, iterations=6)


def blurred(clean: Pixels, sigma: float | None) -> Problem:
    """Camera shake of 9 pixels, whose border nothing is known of, and noise of sigma 2.55."""
    kernel = shake_kernels(torch.tensor([9.0]), torch.tensor([0.5]), torch.tensor([1.0]), torch.tensor([3]))
    radius = kernel.shape[1] // 2
    planes = convolve(torch.tensor(clean.transpose(2, 0, 1))[None], kernel)[0].numpy().transpose(1, 2, 0)
    inner = planes[radius:-radius, radius:-radius]
    degraded = inner + np.random.default_rng(0).normal(0, 2.55 / 255, inner.shape)
    return Problem("deconvolve", "x", degraded.astype(np.float32), sigma=sigma, kernel=kernel[0].numpy())


@pytest.mark.parametrize("sigma", [2.55, None])
def test_it_undoes_a_blur_better_than_the_wiener_filter(
    method: PlugAndPlay, clean: Pixels, sigma: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = blurred(clean, sigma)
    assert problem.kernel is not None
    radius = problem.kernel.shape[0] // 2
    clean = clean[radius:-radius, radius:-radius]
    restored = checked(method, problem, capsys)
    mirrored = np.pad(problem.degraded, ((20, 20), (20, 20), (0, 0)), mode="reflect")

    def filtered(balance: float) -> Pixels:
        planes = [wiener(mirrored[..., c], problem.kernel, balance) for c in range(3)]  # type: ignore[no-untyped-call]
        return np.stack(planes, axis=2)[20:-20, 20:-20]

    assert psnr(restored, clean) > max(psnr(filtered(balance), clean) for balance in (0.003, 0.01, 0.03, 0.1)) + 1
    assert psnr(restored, clean) > psnr(problem.degraded, clean) + 4


def test_it_undoes_a_blur_of_a_gray_picture(
    method: PlugAndPlay, clean: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    color = blurred(clean, 2.55)
    assert color.kernel is not None
    radius = color.kernel.shape[0] // 2
    problem = Problem("deconvolve", "x", color.degraded.mean(axis=2), sigma=1.5, kernel=color.kernel)
    gray = clean[radius:-radius, radius:-radius].mean(axis=2)
    assert psnr(checked(method, problem, capsys), gray) > psnr(problem.degraded, gray) + 4


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_enlarges_better_than_bicubic(
    method: PlugAndPlay, clean: Pixels, scale: int, capsys: pytest.CaptureFixture[str]
) -> None:
    low = resized(clean, 72 // scale, 72 // scale)
    restored = checked(method, Problem("super-resolve", "x", low, scale=scale), capsys)
    assert psnr(restored, clean) > psnr(resized(low, 72, 72), clean) + 0.3


def test_it_fills_in_better_than_biharmonic(
    method: PlugAndPlay, clean: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = np.random.default_rng(0).random(clean.shape[:2]) < 0.5
    degraded = np.where(missing[..., np.newaxis], 0, clean)
    restored = checked(method, Problem("inpaint", "x", degraded, missing=missing), capsys)
    assert np.array_equal(restored[~missing], degraded[~missing])
    assert psnr(restored, clean) > psnr(inpaint_biharmonic(degraded, missing, channel_axis=2), clean) + 0.5


def test_noise_that_is_told_is_taken_away_where_pixels_are_known(method: PlugAndPlay, clean: Pixels) -> None:
    missing = np.random.default_rng(0).random(clean.shape[:2]) < 0.2
    noisy = clean + np.random.default_rng(1).normal(0, 20 / 255, clean.shape)
    degraded = np.where(missing[..., np.newaxis], 0, noisy).astype(np.float32)
    restored = method.restore(Problem("inpaint", "x", degraded, missing=missing, sigma=20.0))
    assert psnr(restored[~missing], clean[~missing]) > psnr(degraded[~missing], clean[~missing]) + 4


def test_it_says_what_it_is(method: PlugAndPlay) -> None:
    card = catalog.find("denoise")
    assert (method.parameters, method.weights) == (card.parameters, card.sha256)
    assert method.tasks == {"deconvolve", "super-resolve", "inpaint"}
    assert method.colors == {"rgb", "gray"}


def test_less_than_one_iteration_is_refused() -> None:
    with pytest.raises(UsageError, match="got 0 iterations"):
        PlugAndPlay(SETUP, iterations=0)
