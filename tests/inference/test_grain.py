"""Grain: fine, grey and no stronger than the noise; nothing of blocks, blur or blotches."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.inference.grain import grain
from tests.inference.made_up import Values, made_card, picture_of, restored, smooth, stored

RNG = np.random.default_rng(0)
CLEAN = np.full((160, 200, 3), 0.5, np.float32)
NOISE = RNG.normal(0, 20 / 255, CLEAN.shape).astype(np.float32)
LUMA = np.array([0.299, 0.587, 0.114])


def test_noise_comes_back_as_grey_grain_of_about_its_strength() -> None:
    found = grain(CLEAN + NOISE, CLEAN, sigma=20, scale=1)
    assert found.shape == (160, 200, 1)
    noise = NOISE @ LUMA
    assert np.corrcoef(found.ravel(), noise.ravel())[0, 1] > 0.95
    assert 0.7 < found.std() / noise.std() < 1


def test_what_is_smooth_stays_away() -> None:
    y, x = np.mgrid[0:160, 0:200]
    blotches = (0.05 * np.sin(x / 12) * np.cos(y / 15))[..., None].astype(np.float32)
    assert np.abs(grain(CLEAN + blotches, CLEAN, sigma=20, scale=1)).max() < 0.15 * 0.05


def test_what_is_stronger_than_the_noise_is_limited() -> None:
    lines = np.zeros_like(CLEAN)
    lines[:, ::8] = 0.5  # edges of blocks
    assert np.abs(grain(CLEAN + lines, CLEAN, sigma=5, scale=1)).max() <= 2 * 5 / 255
    assert not grain(CLEAN + lines, CLEAN, sigma=0, scale=1).any()


def test_grey_pictures_have_all_of_their_noise() -> None:
    noise = NOISE[:, :, :1]
    found = grain(CLEAN[:, :, :1] + noise, CLEAN[:, :, :1], sigma=20, scale=1)
    assert 0.7 < found.std() / noise.std() < 1


def test_enlarged_grain_is_that_of_the_input() -> None:
    large = CLEAN.repeat(2, 0).repeat(2, 1)
    found = grain(CLEAN + NOISE, large, sigma=20, scale=2)
    assert found.shape == (320, 400, 1)
    reduced = found.reshape(160, 2, 200, 2).mean(axis=(1, 3))
    assert np.corrcoef(reduced.ravel(), (NOISE @ LUMA).ravel())[0, 1] > 0.9


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("conditions", [("noise_level",), ()])
def test_a_share_of_it_is_added_to_what_a_model_makes(scale: int, conditions: tuple[str, ...]) -> None:
    picture = picture_of(stored(CLEAN + NOISE, np.uint16))
    card = made_card(scale, conditions)

    def flat(planes: Values) -> Values:
        return np.full_like(planes, 0.5)

    def spread(share: float) -> float:
        got, report = restored(picture, flat, card=card, keep_grain=share)
        assert report.keep_grain == share
        assert np.ptp(got.astype(int) - got[:, :, :1], axis=2).max() <= 40  # grey, but for the colours that are held
        return float(got[..., 1].std()) / 65535

    full = spread(1)
    assert full > 0.01
    assert spread(0.5) == pytest.approx(full / 2, rel=0.02)
    assert spread(0) < 1e-4


def test_a_picture_without_noise_gets_none() -> None:
    y, x = np.mgrid[0:160, 0:200]
    blocks = 0.5 + 0.1 * ((x // 8 + y // 8) % 2)
    picture = picture_of(stored(np.repeat(blocks[..., None], 3, 2), np.uint8))
    kept, _ = restored(picture, smooth, keep_grain=1)
    none, _ = restored(picture, smooth)
    np.testing.assert_array_equal(kept, none)
