"""What is looked at, and the numbers: bounded, finite, the same for the same picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.diagnosis.features import features
from pixelmend.diagnosis.jpeg import find_traces
from pixelmend.diagnosis.judge import MAINS, SIGNS, judge
from pixelmend.diagnosis.sampling import BLOCK, take_sample
from tests.diagnosis.pictures import Huge, as_8_bits, held, photograph

if TYPE_CHECKING:
    from numpy.typing import NDArray


def numbers_of(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    sample = take_sample(held(pixels))
    return features(sample, find_traces(sample), 5.0)


def test_of_a_huge_picture_few_blocks_are_asked_for() -> None:
    asked = []

    def piece(top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
        asked.append((top, left))
        return np.zeros((height, width, 3), np.uint8)

    sample = take_sample(Huge(piece))
    assert sample.luma.shape == (16, BLOCK, BLOCK)
    assert len(set(asked)) == 16
    assert all(top % 8 == left % 8 == 0 for top, left in asked)
    assert max(top for top, _ in asked) > 199_800


def test_grey_stored_as_colour_is_grey() -> None:
    grey = as_8_bits(photograph())[:, :, 1:2]
    np.testing.assert_array_equal(numbers_of(grey), numbers_of(np.repeat(grey, 3, axis=2)))


@pytest.mark.parametrize("shape", [(32, 32, 3), (33, 500, 1), (300, 40, 3), (240, 240, 3)])
@pytest.mark.parametrize("kind", ["black", "white", "random", "photograph"])
def test_numbers_are_finite_and_as_many(shape: tuple[int, int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    photo = np.tile(as_8_bits(photograph()), (2, 3, 1))[: shape[0], : shape[1], : shape[2]]
    pixels = {
        "black": np.zeros(shape, np.uint8), "white": np.full(shape, 255, np.uint8),
        "random": rng.integers(0, 256, shape).astype(np.uint8), "photograph": photo,
    }[kind]  # fmt: skip
    numbers = numbers_of(pixels)
    assert np.isfinite(numbers).all()
    assert len(numbers) == len(numbers_of(as_8_bits(photograph())))
    verdict = judge(numbers)
    assert sum(verdict.mains.values()) == pytest.approx(1)
    assert set(verdict.mains) == set(MAINS)
    assert set(verdict.signs) == set(SIGNS)
    assert all(0 <= chance <= 1 for chance in (*verdict.signs.values(), verdict.still))
    assert verdict.extent >= 1
    assert 1 <= verdict.factor <= 8
