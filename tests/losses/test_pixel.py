"""Losses against the plain formulas, written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.losses import LOSSES, balance_weights, charbonnier, frequency, l1, l2


def _pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 3, 5, 7, generator=generator), torch.rand(3, 3, 5, 7, generator=generator)


def test_l1_is_the_mean_absolute_difference_of_each_picture() -> None:
    restored, clean = _pair()
    expected = [np.mean(np.abs(a - b)) for a, b in zip(restored.numpy(), clean.numpy(), strict=True)]
    assert l1(restored, clean).tolist() == pytest.approx(expected, rel=1e-6)


def test_l2_is_the_mean_squared_difference_of_each_picture() -> None:
    restored, clean = _pair()
    expected = [np.mean((a - b) ** 2) for a, b in zip(restored.numpy(), clean.numpy(), strict=True)]
    assert l2(restored, clean).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1])
def test_charbonnier_is_its_formula(epsilon: float) -> None:
    restored, clean = _pair()
    difference = restored.numpy().astype(np.float64) - clean.numpy()
    expected = np.sqrt(difference**2 + epsilon**2).mean(axis=(1, 2, 3))
    assert charbonnier(restored, clean, epsilon=epsilon).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_charbonnier_is_flat_where_nothing_is_wrong() -> None:
    _, clean = _pair()
    restored = clean.clone().requires_grad_()
    (slope,) = torch.autograd.grad(charbonnier(restored, clean).sum(), restored)
    assert not slope.any()


@pytest.mark.parametrize(("height", "width"), [(5, 7), (8, 6), (1, 1)])
def test_frequency_is_its_formula(height: int, width: int) -> None:
    """The transform written out as sums of waves, over the half of the coefficients that a real picture has."""
    generator = torch.Generator().manual_seed(1)
    restored, clean = (torch.rand(2, 3, height, width, generator=generator) for _ in range(2))
    rows = np.exp(-2j * np.pi * np.outer(np.arange(height), np.arange(height)) / height)
    columns = np.exp(-2j * np.pi * np.outer(np.arange(width), np.arange(width // 2 + 1)) / width)
    expected = []
    for difference in (restored - clean).double().numpy():
        coefficients = rows @ difference @ columns / np.sqrt(height * width)
        expected.append(np.mean([np.abs(coefficients.real), np.abs(coefficients.imag)]))
    assert frequency(restored, clean).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("side", [32, 96])
def test_frequency_weighs_white_noise_alike_at_every_size(side: int) -> None:
    clean = torch.zeros(1, 3, side, side)
    restored = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    ratio = float(frequency(restored, clean) / l1(restored, clean))
    assert ratio == pytest.approx(2**-0.5, rel=0.03)


def test_frequency_is_float32_also_under_autocast() -> None:
    restored, clean = _pair()
    rounded = restored.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = frequency(rounded, clean)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, frequency(rounded.float(), clean))
    torch.autograd.backward(loss.sum())
    assert rounded.grad is not None
    assert rounded.grad.any()


@pytest.mark.parametrize("name", ["l1", "l2", "charbonnier", "frequency"])
def test_a_step_along_the_gradient_lowers_every_loss(name: str) -> None:
    restored, clean = _pair()
    before = LOSSES[name](restored.requires_grad_(), clean)
    (slope,) = torch.autograd.grad(before.sum(), restored)
    after = LOSSES[name](restored - 0.01 * slope / slope.abs().max(), clean)
    assert before.shape == (3,)
    assert bool((after < before).all())


def test_recipes_name_these() -> None:
    assert {"l1": l1, "l2": l2, "charbonnier": charbonnier, "frequency": frequency} == LOSSES


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_balance_is_a_power_of_the_level_and_one_at_25(power: float) -> None:
    sigmas = np.array([0, 5, 25, 75], np.float32)
    expected = ((sigmas + 2) / 27) ** -power
    weights = balance_weights(torch.from_numpy(sigmas / 255), power=power)
    assert weights.tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert float(weights[2]) == pytest.approx(1, rel=1e-5)


def test_a_level_weighs_the_same_whatever_stands_beside_it() -> None:
    alone = balance_weights(torch.tensor([0.1]), power=0.5)
    assert torch.equal(balance_weights(torch.tensor([0.1, 0.3]), power=0.5)[:1], alone)
