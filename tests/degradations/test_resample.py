"""Resampling against a plain loop of MATLAB's formula, against PyTorch's, and against areas counted by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pixelmend.degradations.plan import perform, unbatch
from pixelmend.degradations.resample import METHODS, Downscale, Fit, Resize, resize
from pixelmend.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from pixelmend.degradations.base import Degradation


def keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def lanczos(x: float) -> float:
    return float(np.sinc(x) * np.sinc(x / 3)) if abs(x) < 3 else 0.0


def triangle(x: float) -> float:
    return max(0.0, 1 - abs(x))


def imresize_row(row: list[float], size: int, kernel: object, support: int) -> list[float]:
    """MATLAB's ``imresize`` along one row, counted from 1 as in its source, pixel by pixel."""
    assert callable(kernel)
    scale, length = size / len(row), len(row)
    shrink = min(1.0, scale)
    result = []
    for x in range(1, size + 1):
        u = x / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(u - support / shrink / 2)
        places = range(left, left + math.ceil(support / shrink) + 2)
        weights = [shrink * kernel(shrink * (u - place)) for place in places]
        mirror = [*range(length), *reversed(range(length))]
        values = [row[mirror[(place - 1) % (2 * length)]] for place in places]
        result.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return result


@pytest.mark.parametrize(
    ("method", "kernel", "support"), [("bicubic", keys, 4), ("lanczos", lanczos, 6), ("bilinear", triangle, 2)]
)
@pytest.mark.parametrize(("before", "after"), [(17, 7), (40, 10), (9, 23), (3, 1), (1, 5), (100, 99)])
def test_is_matlabs(method: str, kernel: object, support: int, before: int, after: int) -> None:
    row = torch.rand(before, dtype=torch.float64, generator=torch.Generator().manual_seed(before))
    wanted = imresize_row(row.tolist(), after, kernel, support)
    across = resize(row[None, None, None], 1, after, method=method).flatten()
    down = resize(row[None, None, :, None], after, 1, method=method).flatten()
    np.testing.assert_allclose(across.numpy(), wanted, atol=1e-12)
    np.testing.assert_allclose(down.numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(31, 50), (80, 130)])
def test_agrees_with_pytorch_away_from_the_border(method: str, size: tuple[int, int]) -> None:
    pictures = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    other = F.interpolate(pictures, size, mode=method, antialias=True, align_corners=False)
    inside = (..., slice(6, -6), slice(6, -6))
    torch.testing.assert_close(resize(pictures, *size, method=method)[inside], other[inside], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("before", "after"), [(12, 5), (5, 12), (7, 7), (64, 48)])
def test_area_counts_parts_of_pixels(before: int, after: int) -> None:
    """With each pixel cut into as many parts as the result has pixels, plain means remain."""
    row = np.random.default_rng(before).random(before)
    wanted = np.repeat(row, after).reshape(after, before).mean(axis=1)
    result = resize(torch.from_numpy(row)[None], 1, after, method="area")
    np.testing.assert_allclose(result[0].numpy(), wanted, atol=1e-12)


def test_nearest_takes_pixels() -> None:
    pictures = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert resize(pictures, 6, 8, method="nearest").equal(pictures.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert resize(pictures, 1, 2, method="nearest").flatten().tolist() == [5, 7]


@pytest.mark.parametrize("method", METHODS)
def test_keeps_constants_types_and_gradients(method: str) -> None:
    pictures = torch.full((1, 3, 45, 131), 0.7, dtype=torch.float64, requires_grad=True)
    result = resize(pictures, 111, 20, method=method)
    torch.testing.assert_close(result, torch.full_like(result, 0.7), atol=1e-12, rtol=0)
    (gradient,) = torch.autograd.grad(result.sum(), pictures)
    assert float(gradient.sum()) == pytest.approx(result.numel())
    assert resize(pictures.detach().bfloat16(), 7, 200, method=method).dtype == torch.bfloat16


def test_refuses_what_is_no_size() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        resize(torch.rand(1, 3, 4, 4), 0, 4)
    with pytest.raises(UnknownNameError, match="did you mean 'bicubic'"):
        resize(torch.rand(1, 3, 4, 4), 2, 2, method="cubic")


def once(kind: Degradation, pictures: torch.Tensor) -> torch.Tensor:
    params = kind.sample(len(pictures), torch.Generator().manual_seed(0))
    return perform(pictures, [[step] for step in unbatch(kind.kind, params, len(pictures))]).pictures


def test_downscale_crops_at_the_bottom_and_the_right() -> None:
    pictures = torch.rand(2, 3, 50, 67, generator=torch.Generator().manual_seed(1))
    result = once(Downscale(scale=4), pictures)
    torch.testing.assert_close(result, resize(pictures[:, :, :48, :64], 12, 16))
    assert once(Downscale(scale=8), pictures[:, :, :3, :9]).shape == (2, 3, 1, 1)
    assert once(Downscale(scale=2.5), pictures).shape == (2, 3, 20, 26)
    assert once(Downscale(scale=1), pictures).equal(pictures)


def test_fit_goes_back_to_where_the_chain_began() -> None:
    pictures = torch.rand(4, 3, 20, 30)
    steps = [(Resize(factor=(0.4, 2)), 4), (Fit(scale=2), 4)]
    drawn = [unbatch(kind.kind, kind.sample(n, torch.Generator().manual_seed(2)), n) for kind, n in steps]
    result = perform(pictures, list(zip(*drawn, strict=True)))
    assert result.pictures.shape == (4, 3, 10, 15)
    first = result.plans[0][0].params
    assert (first["height"], first["width"]) == (round(20 * float(first["factor"])), round(30 * float(first["factor"])))


def test_resize_draws_few_factors() -> None:
    params = Resize(factor=(0.5, 2), variety=3).sample(16, torch.Generator().manual_seed(3))
    assert len(set(params["factor"].tolist())) == 3
    assert len(set(Resize(variety=64).sample(16, torch.Generator().manual_seed(3))["factor"].tolist())) == 16
