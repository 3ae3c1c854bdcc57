"""Our denoiser and our damages do, as deepinv's, what they do elsewhere in Pixelmend."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch

from pixelmend import catalog
from pixelmend.degradations.convolve import convolve
from pixelmend.degradations.resample import resize
from pixelmend.errors import ModelError, UsageError
from pixelmend.evaluation.method import Setup
from pixelmend.evaluation.methods.denoiser import (
    OurDenoiser,
    deepinv,
    keep_what_is_known,
    observe,
    our_denoiser,
    resizing,
)
from pixelmend.evaluation.problem import Problem
from pixelmend.inference.engines import OnnxEngine

SETUP = Setup(threads=1)


@pytest.fixture(scope="module")
def denoiser() -> OurDenoiser:
    return our_denoiser(SETUP)


def noisy(*shape: int, seed: int = 3) -> torch.Tensor:
    return 0.5 + 0.2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_shipped_network(denoiser: OurDenoiser) -> None:
    batch = noisy(2, 3, 64, 64)
    levels = np.stack([np.full((1, 64, 64), sigma / 255, np.float32) for sigma in (20, 50)])
    engine = OnnxEngine(catalog.find("denoise").path, device="cpu", threads=1)
    expected = engine.run(batch.numpy(), {"noise_level": levels})
    assert np.allclose(denoiser(batch, torch.tensor([20 / 255, 50 / 255])).numpy(), expected, atol=1e-6)


def test_gray_is_the_mean_of_three_equal_channels(denoiser: OurDenoiser) -> None:
    gray = noisy(1, 1, 64, 64)
    color = denoiser(gray.repeat(1, 3, 1, 1), 0.2)
    assert torch.allclose(denoiser(gray, 0.2), color.mean(1, keepdim=True), atol=1e-6)


def test_any_size_goes_and_the_padding_is_mirrored(denoiser: OurDenoiser) -> None:
    picture = noisy(1, 3, 40, 70)
    whole = torch.nn.functional.pad(picture, (0, 58, 0, 24), mode="reflect")
    restored = denoiser(picture, 0.2, gamma=1.0)
    assert restored.shape == picture.shape
    assert torch.allclose(restored, denoiser(whole, 0.2)[..., :40, :70], atol=1e-6)


@pytest.mark.parametrize(("asked", "learnt"), [(0.9, 75 / 255), (-1.0, 0.0)])
def test_levels_it_has_not_learnt_are_brought_into_range(denoiser: OurDenoiser, asked: float, learnt: float) -> None:
    picture = noisy(1, 3, 64, 64)
    assert torch.equal(denoiser(picture, asked), denoiser(picture, learnt))
    assert not torch.allclose(denoiser(picture, asked), denoiser(picture, 0.1), atol=1e-3)


def test_a_file_that_is_not_the_cards_is_refused() -> None:
    with pytest.raises(ModelError, match="does not fit its card"):
        OurDenoiser(dataclasses.replace(catalog.find("denoise"), sha256="0" * 64), SETUP)


@pytest.mark.parametrize(("size", "smaller"), [((36, 48), (18, 24)), ((36, 48), (12, 16)), ((36, 52), (9, 13))])
def test_resizing_is_matlabs_with_its_adjoint_and_proximal_operator(
    size: tuple[int, int], smaller: tuple[int, int]
) -> None:
    physics = resizing(size, smaller)
    picture, low, other = noisy(2, 3, *size), noisy(2, 3, *smaller, seed=4), noisy(2, 3, *size, seed=5)
    assert torch.allclose(physics.A(picture), resize(picture, *smaller), atol=2e-6)
    inner = [(physics.A(picture) * low).sum(), (picture * physics.A_adjoint(low)).sum()]
    assert torch.allclose(inner[0], inner[1], rtol=1e-4)
    # where the proximal operator's quadratic is least, its gradient is 0
    least = physics.prox_l2(other, low, 7.0)
    gradient = 7 * physics.A_adjoint(resize(least, *smaller) - low) + least - other
    assert gradient.abs().max() < 1e-5


def test_a_blur_reaches_beyond_the_border() -> None:
    clean = noisy(1, 1, 60, 50)
    kernel = torch.rand(7, 7, generator=torch.Generator().manual_seed(1))
    kernel /= kernel.sum()
    blurred = convolve(clean, kernel[None])[..., 3:-3, 3:-3]
    problem = Problem("deconvolve", "x", blurred[0, 0].numpy(), sigma=2.0, kernel=kernel.numpy())
    observed = observe(problem)
    assert torch.allclose(observed.physics.A(clean), blurred, atol=1e-5)
    assert observed.start.shape == clean.shape
    assert np.allclose(observed.pixels(clean), clean[0, 0, 3:-3, 3:-3].numpy())
    assert observed.sigma01 == pytest.approx(2 / 255)


def test_missing_pixels_are_masked_in_every_channel_and_known_ones_kept() -> None:
    pixels = np.random.default_rng(0).random((20, 24, 3), np.float32)
    missing = np.random.default_rng(1).random((20, 24)) < 0.4
    problem = Problem("inpaint", "x", pixels, missing=missing)
    observed = observe(problem)
    seen = observed.pixels(observed.physics.A(torch.ones(1, 3, 20, 24)))
    assert np.array_equal(seen, np.repeat(~missing[..., None], 3, axis=2).astype(np.float32))
    kept = keep_what_is_known(np.zeros_like(pixels), problem)
    assert np.array_equal(kept, np.where(missing[..., None], 0, pixels))
    told = dataclasses.replace(problem, sigma=10.0)
    assert not keep_what_is_known(np.zeros_like(pixels), told).any()


def test_what_is_not_known_of_the_damage_is_asked_for() -> None:
    pixels = np.zeros((16, 16), np.float32)
    for problem in (
        Problem("inpaint", "x", pixels),
        Problem("deconvolve", "x", pixels),
        Problem("dejpeg", "x", pixels),
    ):
        with pytest.raises(UsageError, match="without its mask or kernel"):
            observe(problem)


def test_the_library_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepinv", None)
    with pytest.raises(UsageError, match=r"deepinv, which is not installed: pip install 'pixelmend\[peers\]'"):
        deepinv()
