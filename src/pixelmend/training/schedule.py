"""Rates over a run: a linear warm-up, then a cosine that reaches zero when the budget does, or another course."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelmend.training.recipe import ScheduleSection


def rate_factor(step: int, total_steps: float, warmup_steps: int, *, falls: bool = True) -> float:
    """The share of the peak rate at a step, 0–1.

    Args:
        step: Steps taken so far.
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the linear warm-up; at most a tenth of the run is used.
        falls: After the warm-up down a cosine to zero; else the peak rate to the end.
    """
    warmup = min(warmup_steps, total_steps / 10)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if not falls:
        return 1.0
    progress = (step - warmup) / max(total_steps - warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


@dataclass
class Budget:
    """How many steps a run has, planned from minutes where steps are not given.

    A run in minutes cannot know its steps before it has seen its own speed, and the speed of a shared machine changes.
    So the number of steps is planned anew every few dozen steps from the pace so far; between two plans, and in a run
    of given steps always, the rate is a function of the step alone. The plan is part of the saved state.

    Attributes:
        max_steps: Steps of the run, where given.
        max_seconds: Seconds of the run, where steps are not given.
        elapsed: Seconds used, by every part of the run so far.
        planned: The steps that the run will have, as planned last.
    """

    max_steps: int | None
    max_seconds: float | None
    elapsed: float = 0.0
    planned: float = field(init=False)

    def __post_init__(self) -> None:
        # Before the first plan: far away, so that the rate stays on its warm-up.
        self.planned = float(self.max_steps or 10**9)

    def plan(self, step: int, seconds_per_step: float) -> None:
        """Plan the end anew from the pace; a run of given steps has nothing to plan."""
        if self.max_seconds is not None and seconds_per_step > 0:
            self.planned = step + max(self.max_seconds - self.elapsed, 0) / seconds_per_step

    def is_over(self, step: int) -> bool:
        """Whether no further step is to be taken."""
        if self.max_seconds is not None:
            return self.elapsed >= self.max_seconds or step >= self.planned
        return step >= self.planned

    def seconds_left(self, step: int, seconds_per_step: float) -> float:
        """Seconds until the end at this pace."""
        if self.max_seconds is not None:
            return max(self.max_seconds - self.elapsed, 0)
        return max(self.planned - step, 0) * seconds_per_step


class Course:
    """The share of the peak rates at each step: the schedule's own, times what is left after plateaus and setbacks.

    Args:
        schedule: The recipe's section.
        budget: When the run ends.

    Attributes:
        scale: What is left, 0–1; part of the saved state.
        waited: Validations without a better score since the rate last fell or the score last rose (plateau).
    """

    def __init__(self, schedule: ScheduleSection, budget: Budget) -> None:
        self.schedule, self.budget = schedule, budget
        self.scale = 1.0
        self.waited = 0

    def factor(self, step: int) -> float:
        """The share of the peak rates at a step."""
        falls = self.schedule.kind == "cosine"
        return self.scale * rate_factor(step, self.budget.planned, self.schedule.warmup_steps, falls=falls)

    def validated(self, *, better: bool) -> bool:
        """Take note of a validation; on a plateau the rates fall, and it is said so by True."""
        self.waited = 0 if better else self.waited + 1
        if self.schedule.kind != "plateau" or self.waited < self.schedule.plateau_patience:
            return False
        self.waited = 0
        self.scale *= self.schedule.plateau_factor
        return True

    def set_back(self) -> None:
        """Halve the rates: at these the loss diverged."""
        self.scale *= 0.5
