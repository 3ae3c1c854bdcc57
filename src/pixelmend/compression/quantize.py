"""Quantization: features in uint8, weights in int8, by measuring what that costs; by learning where it costs too much.

Ranges are chosen on damaged pictures (post-training static quantization). Parts that suffer most are left in floating
point. If more is lost than may be, the rounded network learns to give what the whole one gives (Jacob et al. 2018).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pixelmend.compression.distill import Plan, Taught, distill
from pixelmend.compression.rounding import RoundedWeight, Rounder, attach, settle
from pixelmend.compression.sensitivity import Lesson, choose, loss_db
from pixelmend.models.rounding import points
from pixelmend.training.module import conditions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.models import Hybrid
    from pixelmend.models.rounding import Rounding
    from pixelmend.training.lessons import Lessons
    from pixelmend.training.recipe import Recipe

    Tell = Callable[[str], None]

_LATER = 1 << 30
"""Number of the first batch that only judges: far beyond those that are learnt from."""


@dataclass(frozen=True)
class QuantizeOptions:
    """How to quantize.

    Attributes:
        budget_db: What may be lost; if more is, the network learns.
        target_share: Parts are left in floating point until this share of the budget is what is lost.
        most_floating: Of all multiplications, the share that may be left in floating point.
        batches: That ranges are chosen on, and as many that judge.
        plan: How the rounded network learns, where it loses more than it may; None lets it not.
    """

    budget_db: float = 0.10
    target_share: float = 0.8
    most_floating: float = 0.15
    batches: int = 1
    plan: Plan | None = None


@dataclass(frozen=True)
class Quantized:
    """A quantized network.

    Attributes:
        model: In floating point, with the weights to store; those of the original where nothing was learnt.
        rounding: Where its features are rounded, and how.
        floating: Names of the parts that are not.
        loss_db: What rounding loses on batches that judge, dB: estimated from the error that it adds.
        taught: What learning came to, where it took place.
    """

    model: Hybrid
    rounding: Rounding
    floating: tuple[str, ...]
    loss_db: float
    taught: Taught | None


def quantize(
    model: Hybrid, recipe: Recipe, lessons: Lessons, options: QuantizeOptions = QuantizeOptions(), *, tell: Tell
) -> Quantized:
    """Quantize a network; itself it is left as it is.

    Args:
        model: The network in floating point, on the device of the lessons.
        recipe: Its damage, and what it is told.
        lessons: Of that recipe.
        options: How.
        tell: Takes one line.

    Returns:
        The quantized network; ``export`` writes it when its header holds ``rounding``.
    """
    model.eval()
    calibrating = [_lesson(model, recipe, lessons, number) for number in range(options.batches)]
    judging = [_lesson(model, recipe, lessons, _LATER + number) for number in range(options.batches)]
    student = copy.deepcopy(model)
    attach(student)
    _calibrate(student, calibrating)
    target = options.target_share * options.budget_db
    floating = choose(student, judging, target_db=target, most=options.most_floating)
    lost = loss_db(student, judging)
    tell(f"rounded: {lost:.3f} dB lost, in floating point {', '.join(part.name for part in floating) or 'nothing'}")
    taught = None
    if lost > options.budget_db and options.plan is not None:
        taught = distill(student, model, recipe, lessons, options.plan, tell)
        lost = loss_db(student, judging)
        tell(f"learnt: {lost:.3f} dB lost after {taught.steps} steps")
    rounding = settle(student)
    return Quantized(student.eval(), rounding, tuple(part.name for part in floating), lost, taught)


@torch.inference_mode()
def _lesson(model: Hybrid, recipe: Recipe, lessons: Lessons, number: int) -> Lesson:
    batch = lessons(number, 0, 0)
    conditions = tuple(conditions_of(batch, recipe.model.conditions))
    return Lesson(batch.clean, batch.degraded, conditions, model(batch.degraded, *conditions), batch.missing)


@torch.inference_mode()
def _calibrate(student: Hybrid, lessons: list[Lesson]) -> None:
    """Choose the numbers of every point on the network in floating point; weights are rounded from then on."""
    rounders = [point for point in points(student).values() if isinstance(point, Rounder)]
    for rounder in rounders:
        rounder.mode = "watch"
    for lesson in lessons:
        student(lesson.degraded, *lesson.conditions)
    for rounder in rounders:
        rounder.mode = "pass"
        rounder.fit()
    for module in student.modules():
        if isinstance(module, RoundedWeight):
            module.mode = "round"
