"""Noise made on the device: of the level asked for, spread evenly, a function of each picture's own parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.degradations import GaussianNoise
from pixelmend.errors import UsageError


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _params(*sigmas: float, gray: int = 0) -> dict[str, torch.Tensor]:
    count = len(sigmas)
    seeds = torch.arange(count) + 5
    return {"sigma": torch.tensor(sigmas).double(), "gray": torch.full((count,), gray), "seed": seeds}


def test_the_level_is_the_standard_deviation_within_one_percent() -> None:
    sigmas = (5.0, 25.0, 75.0)
    clean = torch.full((3, 3, 200, 200), 0.5)
    noise = 255 * (GaussianNoise.apply(clean, _params(*sigmas)) - clean)
    assert noise.std(dim=(1, 2, 3)).tolist() == pytest.approx(sigmas, rel=0.01)
    assert noise.mean(dim=(1, 2, 3)).abs().max() < 1
    assert (noise.abs() > 2 * torch.tensor(sigmas)[:, None, None, None]).float().mean() == pytest.approx(
        0.0455, abs=0.003
    )
    correlation = torch.corrcoef(noise[2].flatten(1))
    assert (correlation - torch.eye(3)).abs().max() < 0.02


def test_it_is_not_clipped() -> None:
    degraded = GaussianNoise.apply(torch.ones(1, 3, 32, 32), _params(75.0))
    assert degraded.max() > 1.5


def test_level_zero_changes_nothing() -> None:
    clean = torch.rand(2, 3, 8, 8, generator=_generator())
    assert torch.equal(GaussianNoise.apply(clean, _params(0.0, 0.0)), clean)


def test_grey_noise_is_one_noise_for_the_three_channels() -> None:
    clean = torch.zeros(1, 3, 100, 100)
    noise = GaussianNoise.apply(clean, _params(25.0, gray=1))
    assert torch.equal(noise[0, 0], noise[0, 2])
    coloured = GaussianNoise.apply(clean, _params(25.0))
    assert not torch.equal(coloured[0, 0], coloured[0, 2])
    drawn = GaussianNoise(gray=0.4).sample(4000, _generator())["gray"]
    assert float(drawn.double().mean()) == pytest.approx(0.4, abs=0.03)


def test_levels_are_drawn_uniformly() -> None:
    drawn = GaussianNoise(sigma=(10, 50)).sample(20000, _generator())
    histogram, _ = np.histogram(drawn["sigma"].numpy(), bins=8, range=(10, 50))
    assert histogram.sum() == 20000
    assert np.abs(histogram / 2500 - 1).max() < 0.08
    assert len(set(drawn["seed"].tolist())) > 19990


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (0, 256), (30, 20), (float("nan"), 5)])
def test_impossible_levels_are_refused(low: float, high: float) -> None:
    with pytest.raises(UsageError, match="noise: sigma="):
        GaussianNoise(sigma=(low, high))
