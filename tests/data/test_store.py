"""Pictures on the device: crops come from where the plan says, turned as it says, and more often where much happens."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pixelmend.data.store import CropPlan, PictureStore, block_detail

CPU = torch.device("cpu")


def _pictures() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 70, 3), (64, 33, 3), (100, 100, 3))]


def test_a_crop_comes_from_where_the_plan_says() -> None:
    pictures = _pictures()
    store = PictureStore(pictures, CPU)
    picture, top, left = torch.tensor([0, 1, 2, 0]), torch.tensor([8, 0, 68, 3]), torch.tensor([38, 1, 0, 20])
    crops = store.crop(CropPlan(picture, top, left, torch.zeros(4, dtype=torch.int64)), 32)
    assert crops.dtype == torch.uint8
    assert crops.shape == (4, 3, 32, 32)
    assert crops.is_contiguous(memory_format=torch.channels_last)
    for crop, p, y, x in zip(crops, picture, top, left, strict=True):
        assert np.array_equal(crop.permute(1, 2, 0).numpy(), pictures[p][y : y + 32, x : x + 32])


def test_the_symmetries_are_the_eight_of_the_square() -> None:
    pictures = _pictures()
    same = torch.full((8,), 1)
    crops = PictureStore(pictures, CPU).crop(CropPlan(same, 5 * same, 0 * same, torch.arange(8)), 32)
    piece = pictures[1][5:37, :32]
    wanted = {np.rot90(side, turn).tobytes() for side in (piece, piece[:, ::-1]) for turn in range(4)}
    assert len(wanted) == 8
    assert {crop.permute(1, 2, 0).contiguous().numpy().tobytes() for crop in crops} == wanted


def test_a_plan_stays_inside_and_uses_all_of_it() -> None:
    store = PictureStore(_pictures(), CPU)
    plan = store.plan(4000, 32, torch.Generator().manual_seed(0))
    assert set(plan.picture.tolist()) == {0, 1, 2}
    assert torch.bincount(plan.symmetry, minlength=8).min() > 400
    for values, sides in ((plan.top, store.heights), (plan.left, store.widths)):
        for index in range(3):
            chosen = values[plan.picture == index]
            assert int(chosen.min()) == 0
            assert int(chosen.max()) == int(sides[index]) - 32


def test_a_plan_is_a_function_of_the_generator() -> None:
    store = PictureStore(_pictures(), CPU)
    first, again, other = (dataclasses.astuple(store.plan(50, 32, torch.Generator().manual_seed(s))) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_detail_is_the_mean_difference_to_the_neighbours_below_and_right() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :32, 1] = 5 * np.arange(32)  # steps of 5 to the right, and one of 155 down at the lower edge
    picture[32:, 32:64, 1] = 200 * (np.indices((32, 32)).sum(axis=0) % 2)
    picture[..., 0] = np.random.default_rng(0).integers(0, 256, (64, 96))  # green alone counts
    detail = block_detail(picture)
    assert detail.shape == (2, 3)
    row = 5 * 31 + 155  # the last step goes down from 155 to the flat neighbour
    down = sum(5 * i for i in range(32))
    assert detail[0, 0] == pytest.approx((32 * row + down) / 1024)
    assert detail[1, 1] > 380
    assert detail[0, 2] == 0


@pytest.mark.parametrize("power", [0.0, 0.7, 1.5])
def test_detailed_blocks_are_drawn_in_the_proportion_asked_for(power: float) -> None:
    busy = np.random.default_rng(0).integers(100, 120, (96, 96, 3), dtype=np.uint8)
    flat = np.full((64, 64, 3), 100, np.uint8)
    store = PictureStore([flat, busy], CPU, detail_power=power)
    plan = store.plan(40_000, 2, torch.Generator().manual_seed(0))
    shares = np.bincount(plan.picture.numpy(), minlength=2) / 40_000
    weights = [np.sum((1 + block_detail(p).astype(np.float64)) ** power) for p in (flat, busy)]
    assert shares[1] == pytest.approx(weights[1] / sum(weights), abs=0.01)
    # The centre of a crop of 2 pixels lies in the block that was drawn (or at its upper left edge).
    row, column = ((edge[plan.picture == 1] + 1).clamp(max=95) // 32 for edge in (plan.top, plan.left))
    blocks = np.bincount((3 * row + column).numpy(), minlength=9) / int((plan.picture == 1).sum())
    expected = (1 + block_detail(busy).astype(np.float64).flatten()) ** power
    assert blocks == pytest.approx(expected / expected.sum(), abs=0.02)
