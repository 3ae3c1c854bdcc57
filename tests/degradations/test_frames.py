"""Averages of frames against the formula, and on frames of a fast camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelmend.degradations.frames import CURVES, average_frames
from pixelmend.errors import UnknownNameError, UsageError
from pixelmend.images import read_float

if TYPE_CHECKING:
    from pathlib import Path


def moving(frames: int) -> Tensor:
    return torch.rand(2, frames, 3, 12, 15, generator=torch.Generator().manual_seed(0))


def test_is_the_formula_of_the_gopro_set() -> None:
    frames = moving(9)
    degraded, clean = average_frames(frames, count=7, curve="gamma")
    wanted = np.mean(frames[:, 1:8].numpy().astype(float) ** 2.2, axis=1) ** (1 / 2.2)
    np.testing.assert_allclose(degraded.numpy(), wanted, atol=1e-6)
    assert clean.equal(frames[:, 4])


def test_each_sequence_has_its_own_count() -> None:
    frames = moving(7)
    both = average_frames(frames, count=torch.tensor([3, 5]))[0]
    for row, count in enumerate((3, 5)):
        alone = average_frames(frames[row : row + 1], count=count)[0]
        torch.testing.assert_close(both[row : row + 1], alone)
    assert average_frames(frames, count=1, curve="display")[0].equal(frames[:, 3])


@pytest.mark.parametrize("curve", CURVES)
def test_what_stands_still_stays(curve: str) -> None:
    frame = moving(1)
    degraded, clean = average_frames(frame.expand(2, 11, 3, 12, 15), count=11, curve=curve)
    torch.testing.assert_close(degraded, clean, atol=2e-6, rtol=0)


def test_light_and_not_display_values_are_averaged() -> None:
    frames = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1, 1).expand(1, 3, 3, 2, 2)
    values = [float(average_frames(frames, count=3, curve=curve)[0].mean()) for curve in CURVES]
    assert values == pytest.approx([1.055 * (1 / 3) ** (1 / 2.4) - 0.055, (1 / 3) ** (1 / 2.2), 1 / 3], abs=1e-4)


def test_refuses_what_it_cannot_average() -> None:
    for count in (0, 2, 9, torch.tensor([1, 4])):
        with pytest.raises(UsageError, match=r"odd number, 1\.\.5"):
            average_frames(moving(6), count=count)
    with pytest.raises(UsageError, match=r"\(N, T, 3, H, W\)"):
        average_frames(torch.rand(3, 3, 4, 4), count=1)
    with pytest.raises(UnknownNameError, match="did you mean 'gamma'"):
        average_frames(moving(3), count=3, curve="gama")


@pytest.mark.shared
def test_frames_of_a_fast_camera(shared: Path) -> None:
    paths = sorted((shared / "data" / "train" / "gopro_240fps").glob("*.*"))[:7]
    if len(paths) < 7:
        pytest.skip("no frames of a fast camera")
    pictures = [read_float(path, color="rgb") for path in paths]
    frames = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)[None]
    degraded, clean = average_frames(frames, count=7)
    away = (frames - frames[:, 3:4]).abs().amax((1, 2), keepdim=True)[:, 0].expand_as(clean)
    still, moved = away < 0.02, away > 0.2
    assert still.any()
    assert moved.any()
    assert float((degraded - clean)[still].abs().max()) < 0.02
    assert float((degraded - clean)[moved].abs().mean()) > 0.02
    sharpness = [float(one.diff(dim=-1).square().mean()) for one in (degraded, clean)]
    assert sharpness[0] < sharpness[1]
