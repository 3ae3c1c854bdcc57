"""The noise is pinned to the bit, belongs to a name and a seed, and has the statistics that it claims."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from pixelmend.degradations.repeatable import gaussian_noise_for


def test_the_bits_never_change() -> None:
    noise = gaussian_noise_for("kodim01.png", (500, 500, 3), sigma=25, seed=0)
    assert noise.dtype == np.float32
    assert (
        hashlib.sha256(noise.astype("<f4").tobytes()).hexdigest()
        == "2312ab870168bac5fd70736f611ffb3ca8aff3726768acc4068030e8475ce240"
    )


def test_only_the_stem_of_the_name_counts() -> None:
    noise = gaussian_noise_for("a.b.png", (4, 5), 25, 0)
    assert np.array_equal(noise, gaussian_noise_for("folder/a.b.webp", (4, 5), 25, 0))
    assert not np.array_equal(noise, gaussian_noise_for("a.c.png", (4, 5), 25, 0))
    assert not np.array_equal(noise, gaussian_noise_for("a.b.png", (4, 5), 25, 1))


def test_one_pattern_serves_all_levels() -> None:
    weak, strong = (gaussian_noise_for("x", (64, 64, 3), sigma, 3) for sigma in (15, 45))
    assert np.allclose(strong, 3 * weak, rtol=1e-6, atol=0)
    assert not gaussian_noise_for("x", (3, 3), 0, 3).any()


def test_it_is_white_gaussian_noise_of_the_level_asked_for() -> None:
    noise = gaussian_noise_for("x", (512, 512), 50, 0) * 255
    assert noise.mean() == pytest.approx(0, abs=0.5)
    assert noise.std() == pytest.approx(50, rel=0.01)
    assert np.mean(noise[1:] * noise[:-1]) / 2500 == pytest.approx(0, abs=0.01)
    assert np.mean(np.abs(noise) > 100) == pytest.approx(0.0455, abs=0.003)  # two standard deviations


def test_it_is_not_clipped() -> None:
    assert np.abs(gaussian_noise_for("x", (256, 256), 75, 0)).max() > 1
