"""Correlated noise, speckle and impulses: the statistics that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.degradations.noise import CorrelatedNoise, SaltAndPepper, Speckle


def _params(seeds: int = 1, **values: float) -> dict[str, torch.Tensor]:
    columns = {name: torch.full((seeds,), value, dtype=torch.float64) for name, value in values.items()}
    return {**columns, "seed": torch.arange(seeds) + 7}


@pytest.mark.parametrize(("grain", "size"), [(0.0, 400), (1.0, 600)])
@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.6, 1.0])
def test_correlated_noise_has_the_level_and_the_correlation_asked_for(
    grain: float, size: int, correlation: float
) -> None:
    params = _params(sigma=25, correlation=correlation, grain=grain)
    noise = 255 * CorrelatedNoise.apply(torch.zeros(1, 3, size, size), params)[0]
    assert float(noise.square().mean().sqrt()) == pytest.approx(25, rel=0.01)
    between = torch.corrcoef(noise.flatten(1))[[0, 0, 1], [1, 2, 2]]
    assert between.tolist() == pytest.approx([correlation] * 3, abs=0.02)


def test_its_level_holds_at_the_border_and_in_a_picture_of_one_pixel() -> None:
    params = _params(6000, sigma=25, correlation=0.3, grain=2.0)
    noise = 255 * CorrelatedNoise.apply(torch.zeros(6000, 3, 1, 2), params)
    assert noise.std(dim=(0, 1)).flatten().tolist() == pytest.approx([25, 25], rel=0.03)


def test_neighbours_are_correlated_as_the_grain_says() -> None:
    """A Gaussian filter's autocorrelation is a Gaussian, √2 as wide."""
    params = _params(sigma=25, correlation=0.0, grain=1.5)
    noise = CorrelatedNoise.apply(torch.zeros(1, 3, 500, 500), params)[0].numpy()
    for distance in (1, 2, 4):
        for ahead, behind in (
            (noise[..., distance:], noise[..., :-distance]),
            (noise[:, distance:], noise[:, :-distance]),
        ):
            found = np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]
            assert found == pytest.approx(np.exp(-(distance**2) / (4 * 1.5**2)), abs=0.02)


def test_speckle_is_in_proportion_to_the_value() -> None:
    clean = torch.linspace(0, 1, 5)[None, None, :, None].expand(1, 3, 5, 20_000)
    noise = 255 * (Speckle.apply(clean, _params(sigma=40, gray=0)) - clean)
    assert noise.std(dim=(0, 1, 3)).tolist() == pytest.approx([0, 10, 20, 30, 40], rel=0.015)
    grey = Speckle.apply(torch.ones(1, 3, 9, 9), _params(sigma=40, gray=1))
    assert torch.equal(grey[:, 0], grey[:, 2])


@pytest.mark.parametrize("color", [0, 1])
def test_impulses_have_the_share_asked_for(color: int) -> None:
    clean = torch.full((1, 3, 300, 300), 0.5)
    hit = SaltAndPepper.apply(clean, _params(share=0.2, salt=0.25, color=color))
    assert float((hit != 0.5).float().mean()) == pytest.approx(0.2, abs=0.005)
    assert float((hit == 1).float().mean()) == pytest.approx(0.05, abs=0.003)
    assert torch.equal(hit[:, 0], hit[:, 1]) == (not color)


def test_impulses_of_share_nothing_and_everything() -> None:
    clean = torch.full((1, 3, 30, 30), 0.5)
    assert torch.equal(SaltAndPepper.apply(clean, _params(share=0, salt=0.5, color=1)), clean)
    assert torch.equal(SaltAndPepper.apply(clean, _params(share=1, salt=1, color=1)), torch.ones_like(clean))


def test_level_zero_changes_nothing() -> None:
    clean = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(CorrelatedNoise.apply(clean, _params(sigma=0, correlation=0.5, grain=1)), clean)
    assert torch.equal(Speckle.apply(clean, _params(sigma=0, gray=0)), clean)
