"""Losses against the plain formulas, written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelmend.losses import LOSSES, balance_weights, charbonnier, l1


def _pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 3, 5, 7, generator=generator), torch.rand(3, 3, 5, 7, generator=generator)


def test_l1_is_the_mean_absolute_difference_of_each_picture() -> None:
    restored, clean = _pair()
    expected = [np.mean(np.abs(a - b)) for a, b in zip(restored.numpy(), clean.numpy(), strict=True)]
    assert l1(restored, clean).tolist() == pytest.approx(expected, rel=1e-6)


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


def test_recipes_name_these() -> None:
    assert [LOSSES[name] for name in ("l1", "charbonnier")] == [l1, charbonnier]


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
