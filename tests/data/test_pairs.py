"""Degraded and clean crops show the same place, turned alike, at scale 1 and above."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.data.pairs import PairStore
from pixelmend.errors import DataError, UsageError

CPU = torch.device("cpu")


def _pairs(scale: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each degraded pixel is that of the clean block's upper left corner, inverted."""
    generator = np.random.default_rng(0)
    small = [generator.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 70, 3), (64, 33, 3), (50, 50, 3))]
    return [(np.kron(p, np.ones((scale, scale, 1), np.uint8)), 255 - p) for p in small]


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_crops_of_both_show_the_same(scale: int) -> None:
    store = PairStore(_pairs(scale), CPU)
    assert store.scale == scale
    side = 24
    plan = store.plan(200, side, torch.Generator().manual_seed(0))
    clean, degraded = store.crop_pair(plan, side)
    assert clean.shape == (200, 3, side, side)
    assert degraded.shape == (200, 3, side // scale, side // scale)
    assert clean.dtype == degraded.dtype == torch.uint8
    # Every block of the clean crop is one colour, which only holds where crops are aligned with the degraded pixels.
    assert torch.equal((255 - degraded).repeat_interleave(scale, 2).repeat_interleave(scale, 3), clean)
    assert set(plan.symmetry.tolist()) == set(range(8))
    assert set(plan.picture.tolist()) == {0, 1, 2}


def test_clean_crops_are_those_of_a_plain_store_at_scale_one() -> None:
    store = PairStore(_pairs(1), CPU, detail_power=0.7)
    plan = store.plan(8, 16, torch.Generator().manual_seed(1))
    assert torch.equal(store.crop(plan, 16), store.crop_pair(plan, 16)[0])


def test_a_side_that_is_no_multiple_of_the_scale_is_refused() -> None:
    with pytest.raises(UsageError, match="crop of 25 pixels at scale 2"):
        PairStore(_pairs(2), CPU).plan(1, 25, torch.Generator())


def test_sizes_that_do_not_fit_are_refused() -> None:
    pairs = _pairs(2)
    pairs[1] = (pairs[1][0][:-1], pairs[1][1])
    with pytest.raises(DataError, match="wanted 2 to 1"):
        PairStore(pairs, CPU)
