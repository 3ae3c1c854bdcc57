"""Padding: mirrored, then repeated; nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelmend.inference import crop, pad, padded_length


def row(*values: int) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, -1, 1)


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4, 3, 2)),
        ((1, 2), (1, 2, 1, 1, 1, 1)),
        ((7,), (7, 7, 7)),
    ],
)
def test_mirrored_then_repeated(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(pad(row(*have), 1, len(want)), row(*want))


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 8, 64]), st.sampled_from([1, 16, 70]))
def test_pad_and_crop_cancel(height: int, width: int, multiple: int, minimum: int) -> None:
    picture = np.random.default_rng(height * 41 + width).random((height, width, 3)).astype(np.float32)
    tall = padded_length(height, multiple_of=multiple, minimum=minimum)
    wide = padded_length(width, multiple_of=multiple, minimum=minimum)
    padded = pad(picture, tall, wide)
    assert padded.shape == (tall, wide, 3)
    assert tall % multiple == 0
    assert tall >= minimum
    np.testing.assert_array_equal(crop(padded, height, width), picture)
