"""A loss that is no number, or that rose far above its lowest, has diverged."""

from __future__ import annotations

import math

import pytest

from pixelmend.training.guard import Guard


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_diverged_and_is_not_remembered(loss: float) -> None:
    guard = Guard(limit=3)
    assert guard.fault(loss) == f"the loss is {loss}"
    assert guard.fault(0.5) is None
    assert guard.fault(loss) == f"the loss is {loss}"
    assert guard.lowest == 0.5


def test_a_loss_may_rise_up_to_the_limit() -> None:
    guard = Guard(limit=3)
    assert guard.fault(1e9) is None  # nothing to compare with yet
    assert [guard.fault(loss) for loss in (0.5, 1.5, 0.4, 1.2)] == [None] * 4
    assert guard.lowest == 0.4
    assert guard.fault(1.21) == "the loss rose from 0.4000 to 1.2100"
    assert guard.lowest == 0.4
    assert guard.fault(1.19) is None


def test_what_it_remembers_can_be_put_back() -> None:
    guard = Guard(limit=2, lowest=0.1)
    assert guard.fault(0.3) == "the loss rose from 0.1000 to 0.3000"
    guard.lowest = math.inf
    assert guard.fault(0.3) is None
