"""A loop that learns from a teacher, short enough to read: it stands in for distillation where pruning is tested."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pixelmend.training.machine import choose_precision
from pixelmend.training.module import conditions_of
from pixelmend.training.optimizers import clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from pixelmend.training import Recipe
    from pixelmend.training.lessons import Lessons


@dataclass(frozen=True)
class Plan:
    """How long and how fast; ``clean`` is the weight of the clean picture against the teacher's result."""

    steps: int
    minutes: float | None
    rate: float
    clean: float


@dataclass(frozen=True)
class Taught:
    """What came of it."""

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
    tell: Callable[[str], None],
) -> Taught:
    """Train the student in place; see `Plan`."""
    device = next(student.parameters()).device
    half = choose_precision("auto", device) == "bf16"
    student.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(student.parameters(), lr=plan.rate, betas=(0.9, 0.99))
    begun, losses, pixels, done = time.perf_counter(), [0.0, 0.0], 0, 0.0
    step = 0
    while done < 1:
        lesson = lessons(step, 0, 0)
        told = conditions_of(lesson, recipe.model.conditions)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            with torch.no_grad():
                wanted = teacher(lesson.degraded, *told).float()
            restored = student(lesson.degraded, *told).float()
        scale = 1 / (0.1 + lesson.sigma01)[:, None, None, None]
        error = (restored - wanted).abs() + plan.clean * ((restored - lesson.clean).square() + 1e-6).sqrt()
        loss = (error * scale).mean()
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / 20) * 0.5 * (1 + float(torch.tensor(done * torch.pi).cos()))
        optimizer.zero_grad()
        loss.backward()
        clip(student.parameters(), 1.0)
        optimizer.step()
        losses = [losses[0] or loss.item(), loss.item()]
        pixels += lesson.clean.numel() // 3
        step += 1
        if step % 50 == 0:
            tell(f"step {step}: {losses[1]:.4f}")
        minutes = (time.perf_counter() - begun) / 60
        done = step / plan.steps if plan.minutes is None else minutes / plan.minutes
    student.to(memory_format=torch.contiguous_format).eval()
    return Taught(step, pixels / 1e6, (time.perf_counter() - begun) / 60, *losses)
