"""Rates over a run, and when a run is over."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from pixelmend.training.recipe import ScheduleSection
from pixelmend.training.schedule import Budget, Course, rate_factor


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


def test_a_rate_that_does_not_fall_stays_at_its_peak_after_the_warm_up() -> None:
    factors = [rate_factor(step, 1000, 50, falls=False) for step in (0, 49, 50, 500, 1000, 2000)]
    assert factors == [1 / 51, 50 / 51, 1, 1, 1, 1]


def _course(steps: int = 100, **settings: Any) -> Course:
    schedule = ScheduleSection(max_steps=steps, warmup_steps=5, **settings)
    return Course(schedule, Budget(max_steps=steps, max_seconds=None))


def test_a_cosine_course_is_the_rate_alone_and_does_not_heed_validations() -> None:
    course = _course(kind="cosine", plateau_patience=1)
    assert not any(course.validated(better=False) for _ in range(5))
    assert [course.factor(s) for s in range(0, 101, 10)] == [rate_factor(s, 100, 5) for s in range(0, 101, 10)]
    assert course.factor(100) == pytest.approx(0)


def test_a_constant_course_stays() -> None:
    course = _course(kind="constant", plateau_patience=1)
    assert not any(course.validated(better=False) for _ in range(5))
    assert [course.factor(step) for step in (5, 50, 100)] == [1, 1, 1]
    assert course.factor(0) == pytest.approx(1 / 6)


def test_on_a_plateau_the_rates_fall_each_time_patience_ends() -> None:
    course = _course(kind="plateau", plateau_patience=2, plateau_factor=0.1)
    came = [course.validated(better=better) for better in (True, False, True, False, False, False, False, False)]
    assert came == [False, False, False, False, True, False, True, False]
    assert course.scale == pytest.approx(0.01)
    assert course.factor(50) == pytest.approx(0.01)
    assert course.waited == 1


@pytest.mark.parametrize("kind", ["cosine", "constant", "plateau"])
def test_a_setback_halves_the_rates_of_every_course(kind: str) -> None:
    course, straight = _course(kind=kind), _course(kind=kind)
    for _ in range(3):
        course.set_back()
    assert course.scale == 1 / 8
    assert course.factor(30) == pytest.approx(straight.factor(30) / 8)


def test_a_course_in_minutes_follows_the_plan() -> None:
    budget = Budget(max_steps=None, max_seconds=60)
    course = Course(ScheduleSection(max_minutes=1, warmup_steps=5), budget)
    budget.plan(10, 0.5)
    assert budget.planned == 130
    assert course.factor(70) == rate_factor(70, 130, 5)
