"""A student comes nearer to its teacher, the same way each time, for as long as it was told."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pixelmend.compression import distill as module
from pixelmend.compression.distill import Plan, distill
from pixelmend.compression.rounding import Rounder, attach
from pixelmend.models.rounding import points
from pixelmend.training import lessons as lessons_of
from pixelmend.training import schedule
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


def disturbed(teacher: Hybrid) -> Hybrid:
    student, generator = copy.deepcopy(teacher), torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return student


@torch.no_grad()
def apart(student: Hybrid, lessons: Lessons, teacher: Hybrid | None = None) -> float:
    """PSNR to the teacher, or to the clean pictures, on a batch that nobody learnt from; by NumPy."""
    batch = lessons(10**6, 0, 0)
    told = batch.degraded, batch.sigma01[:, None, None, None]
    wanted = batch.clean if teacher is None else teacher(*told)
    difference = (student(*told) - wanted).numpy().astype(np.float64)
    return float(np.mean(-10 * np.log10(np.square(difference).mean(axis=(1, 2, 3)))))


def test_the_student_comes_nearer_and_the_teacher_stays(given: tuple[Recipe, Lessons]) -> None:
    teacher = woken(SMALL)
    before, student = copy.deepcopy(teacher.state_dict()), disturbed(teacher)
    first = apart(student, given[1], teacher)
    told: list[str] = []
    taught = distill(student, teacher, *given, Plan(60, rate=1e-3), told.append)
    assert apart(student, given[1], teacher) > first + 3
    assert taught.first == pytest.approx(first, abs=3)
    assert taught.last > taught.first + 3
    assert taught.steps == 60
    assert taught.mpx == pytest.approx(60 * 4 * 32 * 32 / 1e6)
    assert len(told) == 1
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_the_same_steps_give_the_same_weights(given: tuple[Recipe, Lessons]) -> None:
    teacher = woken(SMALL)
    one, other = disturbed(teacher), disturbed(teacher)
    plan = Plan(4, rate=1e-3, clean=0.3)
    first, second = distill(one, teacher, *given, plan), distill(other, teacher, *given, plan)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert (first.first, first.last) == (second.first, second.last)
    assert not torch.equal(one.head.weight, disturbed(teacher).head.weight)


def test_clean_pictures_pull_as_much_as_is_said(given: tuple[Recipe, Lessons]) -> None:
    teacher = woken(SMALL)
    found = []
    for clean in (0.0, 10.0):
        student = disturbed(teacher)
        distill(student, teacher, *given, Plan(30, rate=1e-3, clean=clean))
        found.append(apart(student, given[1]))
    assert found[1] > found[0] + 0.5


def test_minutes_end_it_and_the_rate_falls_by_then(
    given: tuple[Recipe, Lessons], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes a second at each look."""
    seconds = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(seconds)))
    asked: list[tuple[int, float]] = []
    honest = schedule.rate_factor

    def watched(step: int, total: float, warmup: int) -> float:
        asked.append((step, total))
        return honest(step, total, warmup)

    monkeypatch.setattr(module, "rate_factor", watched)
    teacher = woken(SMALL)
    taught = distill(disturbed(teacher), teacher, *given, Plan(10**9, minutes=5 / 60))
    assert taught.steps == 5
    assert taught.minutes == pytest.approx(5 / 60)
    assert taught.mpx == pytest.approx(5 * 4 * 32 * 32 / 1e6)
    ends = dict(asked)
    assert ends[0] == 10**9  # nothing is known yet
    assert [ends[step] for step in range(1, 5)] == pytest.approx([5] * 4)
    # Few steps end it sooner, and the rate falls by then.
    asked.clear()
    assert distill(disturbed(teacher), teacher, *given, Plan(3, minutes=50 / 60)).steps == 3
    assert {total for _, total in asked} == {3}


def test_ranges_learn_ten_times_as_fast_as_weights(given: tuple[Recipe, Lessons]) -> None:
    """Adam's first step is its rate, whatever the gradient: at the one step of a run of one, a warm-up's 1 / 1.1."""
    teacher = woken(SMALL)
    student = copy.deepcopy(teacher)
    attach(student)
    point = points(student)["encoder.0.0.point_sum"]
    assert isinstance(point, Rounder)
    point.mode = "round"
    point.log_scale.data.fill_(np.log(0.01))
    point.zero = 128
    weight = student.stem.weight.detach().clone()
    distill(student, teacher, *given, Plan(1, rate=1e-3))
    moved = (student.stem.weight.detach() - weight).abs()
    assert float(moved.median()) == pytest.approx(1e-3 / 1.1, rel=1e-2)
    assert abs(float(point.log_scale.detach()) - np.log(0.01)) == pytest.approx(1e-2 / 1.1, rel=1e-2)
    passing = points(student)["point_stem"]
    assert isinstance(passing, Rounder)
    assert float(passing.log_scale.detach()) == 0
