"""Lines as masks, against distances computed pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pixelmend.degradations import raster
from pixelmend.degradations.raster import SURE_RADIUS, Lines, draw

if TYPE_CHECKING:
    import pytest


def _lines(count: int, pictures: int, extent: float, seed: int = 0) -> Lines:
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randint(pictures, (count,), generator=generator)
    ends = torch.rand(count, 4, generator=generator) * extent - extent / 4
    return Lines(picture, ends, torch.rand(count, generator=generator) * 5)


def _slowly(lines: Lines, pictures: int, size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    mask = np.zeros((pictures, 1, *size), dtype=np.float32)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    for picture, end, radius in zip(lines.picture, lines.ends.numpy(), lines.radius.numpy(), strict=True):
        points = end[:2, None] + (end[2:] - end[:2])[:, None] * np.linspace(0, 1, 4001)
        near = (y.ravel()[:, None] - points[0]) ** 2 + (x.ravel()[:, None] - points[1]) ** 2
        mask[int(picture), 0] += (near.min(axis=1) <= radius**2).reshape(size)
    return np.minimum(mask, 1)


def test_masks_are_the_pixels_near_the_lines() -> None:
    lines = _lines(12, 3, 40)
    found = draw(lines, 3, (17, 23)).numpy()
    assert (found != _slowly(lines, 3, (17, 23))).sum() <= 1  # 4001 points are not all points
    assert 0.1 < found.mean() < 0.9


def test_drawing_in_small_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _lines(60, 4, 90)
    whole = draw(lines, 4, (50, 61))
    monkeypatch.setattr(raster, "_AT_ONCE", 100)
    assert torch.equal(draw(lines, 4, (50, 61)), whole)


def test_a_disc_of_the_sure_radius_always_holds_a_pixel() -> None:
    places = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)).double() * torch.tensor([4, 5])
    places[:4] = torch.tensor([[1.0, 1.0], [4.0, 5.0], [0.0, 0.0], [2.0, 0.5]])
    dots = Lines(torch.arange(2000), places.repeat(1, 2), torch.full((2000,), SURE_RADIUS))
    assert draw(dots, 2000, (4, 5)).amax(dim=(1, 2, 3)).min() == 1


def test_lines_outside_and_no_lines_leave_nothing() -> None:
    outside = Lines(torch.tensor([0]), torch.tensor([[-9.0, 2.0, -5.0, 30.0]]), torch.tensor([2.0]))
    assert not draw(outside, 2, (8, 9)).any()
    none = Lines(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4), torch.zeros(0))
    assert draw(none, 2, (8, 9)).shape == (2, 1, 8, 9)
