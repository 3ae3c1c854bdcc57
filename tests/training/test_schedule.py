"""Rates over a run, and when a run is over."""

from __future__ import annotations

import itertools
import math

import pytest

from pixelmend.training.schedule import Budget, rate_factor


def test_the_warm_up_is_a_line_that_ends_at_the_peak() -> None:
    factors = [rate_factor(step, 1000, 50) for step in range(51)]
    steps = {round(b - a, 9) for a, b in itertools.pairwise(factors)}
    assert steps == {round(1 / 51, 9)}
    assert factors[50] == 1


def test_after_it_comes_a_cosine_to_zero() -> None:
    for step in range(50, 1001, 19):
        assert rate_factor(step, 1000, 50) == pytest.approx(0.5 + 0.5 * math.cos(math.pi * (step - 50) / 950))
    assert rate_factor(525, 1000, 50) == pytest.approx(0.5)
    assert rate_factor(1000, 1000, 50) == pytest.approx(0, abs=1e-12)
    assert rate_factor(1100, 1000, 50) == pytest.approx(0, abs=1e-12)


def test_the_warm_up_takes_a_tenth_at_most() -> None:
    assert rate_factor(10, 100, 5000) == 1
    assert rate_factor(9, 100, 5000) < 1


@pytest.mark.parametrize("total", [1, 2, 5])
def test_the_shortest_runs_move_at_all(total: int) -> None:
    assert rate_factor(0, total, 200) > 0.5


def test_a_run_of_given_steps_is_never_planned_anew() -> None:
    budget = Budget(max_steps=100, max_seconds=None)
    budget.plan(50, 3.0)
    assert budget.planned == 100
    budget.elapsed = 1e9
    assert not budget.is_over(99)
    assert budget.is_over(100)
    assert budget.seconds_left(40, 0.5) == 30
    assert budget.seconds_left(140, 0.5) == 0


def test_a_run_in_minutes_is_planned_from_its_pace() -> None:
    budget = Budget(max_steps=None, max_seconds=60)
    assert rate_factor(30, budget.planned, 200) == pytest.approx(31 / 201)  # on the warm-up before the first plan
    budget.elapsed = 20
    budget.plan(100, 0.5)
    assert budget.planned == 100 + 80
    assert not budget.is_over(179)
    assert budget.is_over(180)
    assert budget.seconds_left(100, 0.5) == 40
    budget.plan(110, 0)  # no pace yet: nothing changes
    assert budget.planned == 180


def test_a_run_in_minutes_ends_with_its_minutes_whatever_was_planned() -> None:
    budget = Budget(max_steps=None, max_seconds=60)
    budget.elapsed = 60
    assert budget.is_over(3)
    budget.elapsed = 70
    budget.plan(5, 1.0)
    assert budget.planned == 5
    assert budget.seconds_left(5, 1.0) == 0
