"""Quantization from end to end: what is found does what it says, and learns only where it loses too much."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pixelmend.compression.distill import Plan
from pixelmend.compression.quantize import _LATER, Quantized, QuantizeOptions, quantize
from pixelmend.compression.sensitivity import parts
from pixelmend.models.blocks import Point
from pixelmend.models.rounding import points, round_points
from pixelmend.training import lessons as lessons_of
from tests.compression.conftest import SMALL
from tests.export.networks import woken

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.models import Hybrid
    from pixelmend.training import Recipe
    from pixelmend.training.lessons import Lessons


@pytest.fixture
def given(recipe: Callable[..., Recipe]) -> tuple[Recipe, Lessons]:
    made = recipe(model=SMALL.model_dump(), data__max_shrink=1.0)
    return made, lessons_of.load(made, torch.device("cpu"), tell=lambda _: None)


@torch.no_grad()
def lost(original: Hybrid, found: Quantized, lessons: Lessons) -> float:
    """What the network of a file in int8 loses, on what judged: its weights rounded here, its features as is stored."""
    whole = copy.deepcopy(found.model)
    for name, layer in whole.named_modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)) and name != "stem":
            weight = layer.weight.numpy().astype(np.float64)
            scale = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True) / 127
            layer.weight.copy_(torch.from_numpy(np.rint(weight / scale) * scale))
    round_points(whole, found.rounding)
    batch = lessons(_LATER, 0, 0)
    told = batch.degraded, batch.sigma01[:, None, None, None]
    wanted, got = original(*told).numpy(), whole(*told).numpy()
    added = np.square(got - wanted).mean(axis=(1, 2, 3))
    there = np.maximum(np.square(wanted - batch.clean.numpy()).mean(axis=(1, 2, 3)), 1e-5)
    return float(np.mean(10 * np.log10(1 + added / there)))


def test_what_loses_little_is_not_taught(given: tuple[Recipe, Lessons]) -> None:
    model = woken(SMALL)
    told: list[str] = []
    found = quantize(model, *given, QuantizeOptions(budget_db=1.0), tell=told.append)
    assert found.taught is None
    assert found.floating == ()
    assert found.rounding.keys() == points(model).keys()
    assert all(scale > 0 and 0 <= zero <= 255 and isinstance(zero, int) for scale, zero in found.rounding.values())
    assert found.rounding["encoder.0.0.point_hidden"][1] == 0  # after a ReLU nothing is below
    assert 0 < found.loss_db < 0.5
    assert found.loss_db == pytest.approx(lost(model, found, given[1]), rel=0.05)
    assert all(torch.equal(value, found.model.state_dict()[name]) for name, value in model.state_dict().items())
    assert all(type(point) is Point for network in (model, found.model) for point in points(network).values())
    assert told == [f"rounded: {found.loss_db:.3f} dB lost, in floating point nothing"]


def test_what_loses_more_than_it_may_is_spared_or_learns(given: tuple[Recipe, Lessons]) -> None:
    model = woken(SMALL)
    before = copy.deepcopy(model.state_dict())
    options = QuantizeOptions(budget_db=1e-6, plan=None)
    untaught = quantize(model, *given, options, tell=lambda _: None)
    assert untaught.taught is None
    assert untaught.floating
    spared = {name for part in parts(model) if part.name in untaught.floating for name in part.points}
    assert untaught.rounding.keys() == points(model).keys() - spared

    strict = QuantizeOptions(budget_db=1e-6, most_floating=0.0, plan=Plan(steps=40, rate=3e-4))
    told: list[str] = []
    found = quantize(model, *given, strict, tell=told.append)
    assert found.taught is not None
    assert found.taught.steps == 40
    assert found.taught.last > found.taught.first
    assert found.loss_db == pytest.approx(lost(model, found, given[1]), rel=0.05)
    assert told[-1] == f"learnt: {found.loss_db:.3f} dB lost after 40 steps"
    assert found.loss_db < quantize(model, *given, replace(strict, plan=None), tell=lambda _: None).loss_db
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not torch.equal(found.model.head.weight, model.head.weight)
    again = quantize(model, *given, strict, tell=lambda _: None)
    assert again.rounding == found.rounding
    assert torch.equal(again.model.head.weight, found.model.head.weight)
