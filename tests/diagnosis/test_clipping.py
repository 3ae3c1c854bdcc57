"""Noise that was clipped: what is left of it is as simulated, and what it was is found again."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.diagnosis import estimate_sigma
from pixelmend.diagnosis.clipping import Seen, clipped_moments, unclipped_variance
from tests.diagnosis.pictures import as_8_bits, noisy


@pytest.mark.parametrize("sigma01", [0.02, 0.2, 0.5])
def test_moments_are_those_of_a_simulation(sigma01: float) -> None:
    means = np.array([-0.1, 0.0, 0.1, 0.5, 0.97])
    values = np.clip(means + sigma01 * np.random.default_rng(0).standard_normal((400_000, 1)), 0, 1)
    mean, variance, excess = clipped_moments(means, sigma01)
    np.testing.assert_allclose(mean, values.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(variance, values.var(axis=0), rtol=0.03, atol=1e-5)
    some = variance > 0.01 * sigma01**2  # where hardly anything is left there is nothing to compare
    values = values[:, some]
    fourth = ((values - values.mean(axis=0)) ** 4).mean(axis=0) / values.var(axis=0) ** 2 - 3
    np.testing.assert_allclose(excess[some], fourth, rtol=0.1, atol=0.1)


@pytest.mark.parametrize(("mean", "sigma01"), [(0.5, 0.1), (0.5, 0.4), (0.2, 0.2), (0.9, 0.3)])
def test_what_was_there_is_found_again(mean: float, sigma01: float) -> None:
    seen_mean, variance, _ = clipped_moments(np.array([mean]), sigma01)
    seen = Seen(float(variance[0]), np.full(100, seen_mean[0], np.float32), calm=1.0, chosen_by=35, pixels=64)
    assert unclipped_variance(seen) ** 0.5 == pytest.approx(sigma01, rel=0.03)


def test_no_noise_stays_none() -> None:
    assert unclipped_variance(Seen(0.0, np.zeros(3, np.float32), 1.0, 35, 64)) == 0


def test_all_black_and_white_ends_somewhere() -> None:
    told = unclipped_variance(Seen(0.2, np.zeros(3, np.float32), 0.1, 35, 64))
    assert 0.2 <= told < 100


@pytest.mark.parametrize(
    ("sigma", "mean", "bound"), [(50, 0.5, 0.03), (50, 0.3, 0.03), (50, 0.15, 0.04), (75, 0.5, 0.03), (75, 0.3, 0.05)]
)
def test_a_flat_picture_at_8_bits(sigma: float, mean: float, bound: float) -> None:
    flat = np.full((300, 300, 3), mean, np.float32)
    assert estimate_sigma(as_8_bits(noisy(flat, sigma))) == pytest.approx(sigma, rel=bound)
