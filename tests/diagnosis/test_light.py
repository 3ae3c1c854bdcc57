"""Brightness, and pixels that are lost: told where they are, and not where noise or stars look like them."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.diagnosis.light import brightness, lost_share
from pixelmend.diagnosis.sampling import take_sample
from tests.diagnosis.pictures import as_8_bits, held, noisy, photograph


def test_brightness_of_a_ramp() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, axis=0)
    told = brightness(take_sample(held(ramp)))
    assert told.mean == pytest.approx(0.5, abs=0.01)
    assert (told.dark, told.middle, told.bright) == pytest.approx((0.05, 0.5, 0.95), abs=0.01)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("whole", [True, False])
def test_lost_pixels_are_counted(share: float, whole: bool) -> None:  # noqa: FBT001
    pixels = as_8_bits(photograph())
    rng = np.random.default_rng(0)
    where = rng.random((240, 240, 1 if whole else 3)) < share
    pixels = np.where(where, np.where(rng.random(where.shape) < 0.5, 0, 255), pixels).astype(np.uint8)
    told = lost_share(take_sample(held(pixels)))
    assert told == pytest.approx(where.any(axis=2).mean(), rel=0.5)


@pytest.mark.parametrize("sigma", [0, 20, 50, 75])
def test_noise_is_not_taken_for_lost_pixels(sigma: float) -> None:
    assert lost_share(take_sample(held(as_8_bits(noisy(photograph(), sigma))))) == 0


def test_too_small_a_picture_has_none() -> None:
    assert lost_share(take_sample(held(np.zeros((2, 9, 1), np.uint8)))) == 0
