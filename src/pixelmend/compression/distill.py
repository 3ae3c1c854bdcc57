"""A smaller or rounded network learns to give what the whole one gives, on the damage of the recipe."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pixelmend.models.network import Network
from pixelmend.training.module import conditions_of
from pixelmend.training.muon import MuonAdamW, muon_parameters
from pixelmend.training.schedule import Budget, rate_factor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixelmend.training.lessons import Lessons
    from pixelmend.training.recipe import Recipe

_SMALLEST = 1e-9
"""Mean squared error below which no gain is seen: 90 dB."""
_TOLD = 50
"""Steps between two reports."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast to teach.

    Attributes:
        steps: At most; the rate falls to zero by then.
        minutes: At most; None for as many as the steps take.
        rate: Of Adam, at its peak.
        muon: Of Muon for the matrices between first and last layer, at its peak; 0 leaves them to Adam.
        clean: How much a decibel towards the clean picture counts, against one towards the teacher's result.
        largest: Norm that gradients are clipped to.
        precision: What the network computes in, "bf16" (autocast) or "fp32".
    """

    steps: int
    minutes: float | None = None
    rate: float = 1e-4
    muon: float = 0.0
    clean: float = 0.0
    largest: float = 1.0
    precision: str = "fp32"


@dataclass(frozen=True)
class Taught:
    """What teaching came to.

    Attributes:
        steps: Taken.
        mpx: Megapixels of damaged pictures that were seen.
        minutes: Used.
        first: PSNR of student to teacher over the first tenth of the steps, dB, data range 1.
        last: The same over the last tenth.
    """

    steps: int
    mpx: float
    minutes: float
    first: float
    last: float


def distill(
    student: nn.Module,
    teacher: nn.Module,
    recipe: Recipe,
    lessons: Lessons,
    plan: Plan,
    tell: Callable[[str], None] = lambda _: None,
) -> Taught:
    """Train the student in place; the same arguments give the same weights where ``plan.minutes`` does not cut.

    The loss is the mean of the pictures' squared errors in decibels (Chen et al. 2021, HINet, eq. 4), so that pictures
    with little damage count as much as those with a lot.

    Args:
        student: Takes a picture and its conditions, as ``Hybrid`` does; its parameters that want gradients learn.
        teacher: The same, left as it is.
        recipe: Its damage, and what the networks are told.
        lessons: Of that recipe.
        plan: How long.
        tell: Told now and then how far it is.

    Returns:
        What it came to.
    """
    student.to(memory_format=torch.channels_last)
    optimizer = _optimizer(student, plan)
    budget = Budget(None if plan.minutes else plan.steps, plan.minutes and plan.minutes * 60)
    teacher.eval()
    seen, found, begin = 0, list[float](), time.perf_counter()
    for step in range(plan.steps):
        total = budget.planned if plan.minutes else plan.steps
        for group in optimizer.param_groups:
            group["lr"] = group["peak_rate"] * rate_factor(step, min(total, plan.steps), 20)
        optimizer.zero_grad(set_to_none=True)
        lesson = lessons(step, 0, 0)
        conditions = conditions_of(lesson, recipe.model.conditions)
        with torch.autocast(lesson.degraded.device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            with torch.no_grad():
                wanted = teacher(lesson.degraded, *conditions).float()
            restored = student(lesson.degraded, *conditions).float()
        near = _error_db(restored, wanted)
        loss = near + plan.clean * _error_db(restored, lesson.clean) if plan.clean else near
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), plan.largest)
        optimizer.step()
        found.append(-float(near.detach()))
        seen += lesson.degraded.shape[0] * lesson.degraded.shape[2] * lesson.degraded.shape[3]
        budget.elapsed = time.perf_counter() - begin
        budget.plan(step + 1, budget.elapsed / (step + 1))
        if (step + 1) % _TOLD == 0:
            tell(f"step {step + 1}: {sum(found[-_TOLD:]) / _TOLD:.2f} dB to the whole network, {budget.elapsed:.0f} s")
        if plan.minutes and budget.elapsed >= plan.minutes * 60:
            break
    tenth = max(1, len(found) // 10)
    first, last = sum(found[:tenth]) / tenth, sum(found[-tenth:]) / tenth
    return Taught(len(found), seen / 1e6, budget.elapsed / 60, first, last)


def _error_db(restored: Tensor, wanted: Tensor) -> Tensor:
    """Mean over the pictures of their squared error in decibels."""
    error = (restored - wanted).square().mean(dim=(1, 2, 3))
    return 10 * (error + _SMALLEST).log10().mean()


def _optimizer(student: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    if plan.muon and isinstance(student, Network):
        matrices, others = muon_parameters(student, excluded=student.ends)
        rates = {"muon_rate": plan.muon, "adam_rate": plan.rate, "decay": 0.0}
        return MuonAdamW(matrices, others, **rates, precision=plan.precision)
    return torch.optim.Adam(_groups(student, plan.rate), betas=(0.9, 0.99))


def _groups(student: nn.Module, rate: float) -> Iterable[dict[str, object]]:
    """Weights at the rate; what is one number alone is the logarithm of a range, and learns ten times as fast."""
    learning = [parameter for parameter in student.parameters() if parameter.requires_grad]
    for parameters, factor in (
        ([p for p in learning if p.ndim > 0], 1.0),
        ([p for p in learning if p.ndim == 0], 10.0),
    ):
        if parameters:
            yield {"params": parameters, "lr": rate * factor, "peak_rate": rate * factor}
