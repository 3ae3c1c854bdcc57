"""A loss that is no number, or that rose far above its lowest, has diverged."""

from __future__ import annotations

import math

import pytest

from pixelmend.training.guard import ENOUGH_STEPS, Guard


def _fault(guard: Guard, pixel: float, steps: int = ENOUGH_STEPS) -> str | None:
    return guard.fault({"pixel": pixel, "adversarial": -5.0}, steps=steps)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["pixel", "adversarial", "discriminator"])
@pytest.mark.parametrize("steps", [1, ENOUGH_STEPS])
def test_what_is_no_number_has_diverged_and_is_not_remembered(loss: float, name: str, steps: int) -> None:
    guard = Guard(limit=3)
    losses = {"pixel": 0.1, name: loss}
    assert guard.fault(losses, steps=steps) == f"the {name} loss is {loss}"
    assert guard.lowest == math.inf
    assert _fault(guard, 0.5) is None
    assert guard.fault(losses, steps=steps) == f"the {name} loss is {loss}"
    assert guard.lowest == 0.5


def test_a_loss_may_rise_up_to_the_limit() -> None:
    guard = Guard(limit=3)
    assert _fault(guard, 1e9) is None  # nothing to compare with yet
    assert [_fault(guard, loss) for loss in (0.5, 1.5, 0.4, 1.2)] == [None] * 4
    assert guard.lowest == 0.4
    assert _fault(guard, 1.21) == "the pixel loss rose from 0.4000 to 1.2100"
    assert guard.lowest == 0.4
    assert _fault(guard, 1.19) is None


def test_other_losses_may_be_of_any_size() -> None:
    guard = Guard(limit=2)
    for other in (1e-3, 1e3, -1e3):
        assert guard.fault({"pixel": 0.1, "adversarial": other, "psnr": 20.0}, steps=50) is None


def test_a_few_steps_are_neither_compared_nor_remembered() -> None:
    guard = Guard(limit=3, lowest=0.5)
    assert _fault(guard, 100.0, ENOUGH_STEPS - 1) is None
    assert _fault(guard, 0.01, ENOUGH_STEPS - 1) is None
    assert guard.lowest == 0.5
    assert _fault(guard, 100.0) == "the pixel loss rose from 0.5000 to 100.0000"


def test_what_it_remembers_can_be_put_back() -> None:
    guard = Guard(limit=2, lowest=0.1)
    assert _fault(guard, 0.3) == "the pixel loss rose from 0.1000 to 0.3000"
    guard.lowest = math.inf
    assert _fault(guard, 0.3) is None
