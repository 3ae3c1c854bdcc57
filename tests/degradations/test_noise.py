"""Noise made on the device: of the level asked for, spread evenly, grey where the picture is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.degradations import GaussianNoise
from pixelmend.errors import UsageError


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_level_is_the_standard_deviation_within_one_percent() -> None:
    sigma01 = torch.tensor([5.0, 25.0, 75.0]) / 255
    clean = torch.full((3, 3, 200, 200), 0.5)
    noise = GaussianNoise.apply(clean, sigma01, _generator()) - clean
    assert noise.std(dim=(1, 2, 3)).tolist() == pytest.approx(sigma01.tolist(), rel=0.01)
    assert noise.mean(dim=(1, 2, 3)).abs().max() < 0.005
    assert (noise.abs() > 2 * sigma01[:, None, None, None]).float().mean() == pytest.approx(0.0455, abs=0.003)
    correlation = torch.corrcoef(noise[2].flatten(1))
    assert (correlation - torch.eye(3)).abs().max() < 0.02


def test_it_is_not_clipped() -> None:
    degraded = GaussianNoise.apply(torch.ones(1, 3, 32, 32), torch.tensor([0.3]), _generator())
    assert degraded.max() > 1.5


def test_level_zero_changes_nothing() -> None:
    clean = torch.rand(2, 3, 8, 8, generator=_generator())
    assert torch.equal(GaussianNoise.apply(clean, torch.zeros(2), _generator()), clean)


def test_a_grey_picture_gets_one_noise_for_its_three_channels() -> None:
    clean = torch.zeros(2, 3, 100, 100)
    noise = GaussianNoise.apply(clean, torch.tensor([0.1, 0.1]), _generator(), gray=torch.tensor([True, False]))
    assert torch.equal(noise[0, 0], noise[0, 1])
    assert torch.equal(noise[0, 0], noise[0, 2])
    assert not torch.equal(noise[1, 0], noise[1, 1])
    assert float(noise[0].std()) == pytest.approx(0.1, rel=0.02)


def test_levels_are_spread_evenly_over_their_range() -> None:
    levels = np.sort(255 * GaussianNoise(10, 60).sample(20_000, _generator()).numpy())
    assert levels[0] >= 10
    assert levels[-1] <= 60
    even = np.linspace(10, 60, len(levels))
    assert np.abs(levels - even).max() < 0.02 * 50  # the Kolmogorov–Smirnov distance


def test_randomness_is_the_generators_alone() -> None:
    noise = GaussianNoise()
    assert torch.equal(noise.sample(8, _generator(1)), noise.sample(8, _generator(1)))
    assert not torch.equal(noise.sample(8, _generator(1)), noise.sample(8, _generator(2)))
    state = torch.random.get_rng_state()
    noise.apply(torch.zeros(1, 3, 4, 4), noise.sample(1, _generator()), _generator())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (30, 20), (0, 256), (float("nan"), 5)])
def test_impossible_levels_are_refused(low: float, high: float) -> None:
    with pytest.raises(UsageError, match="sigma_min"):
        GaussianNoise(low, high)
