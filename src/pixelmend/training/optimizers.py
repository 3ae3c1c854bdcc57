"""The optimizers by the names that a recipe uses, and the gradient's largest norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from pixelmend.training.muon import MuonAdamW, muon_parameters
from pixelmend.training.processes import whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelmend.models import Network
    from pixelmend.training.recipe import LossSection, OptimizerSection

BETAS = (0.9, 0.99)


def make_optimizer(model: Network, settings: OptimizerSection, precision: str) -> torch.optim.Optimizer:
    """What moves the network that restores; each group knows its ``peak_rate``.

    ``muon``: Muon for the matrices between first and last layer, AdamW for the rest. ``adamw``: AdamW for everything,
    decay on those matrices only. ``adam``: Adam, without decay. The precision is the run's, "bf16" or "fp32".
    """
    matrices, others = muon_parameters(model, excluded=model.ends)
    optimizer: torch.optim.Optimizer
    if settings.kind == "muon":
        return MuonAdamW(
            matrices,
            others,
            muon_rate=settings.muon_rate,
            adam_rate=settings.adam_rate,
            momentum=settings.momentum,
            decay=settings.decay,
            precision=precision,
        )
    if settings.kind == "adamw":
        groups = [{"params": matrices, "weight_decay": settings.decay}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=settings.adam_rate, betas=BETAS)
    else:
        optimizer = torch.optim.Adam([*matrices, *others], lr=settings.adam_rate, betas=BETAS)
    return _with_peaks(optimizer)


def make_adversary_optimizer(adversary: nn.Module, loss: LossSection) -> torch.optim.Optimizer:
    """Adam without momentum, as discriminators are trained that carry an R1 penalty (Mescheder et al. 2018)."""
    return _with_peaks(torch.optim.Adam(adversary.parameters(), lr=loss.discriminator_rate, betas=(0.0, 0.99)))


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every rate to this share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_rate"] * factor


def clip(parameters: Iterable[nn.Parameter], largest: float) -> None:
    """Scale the gradients down to a norm, all together, where theirs is larger."""
    nn.utils.clip_grad_norm_(parameters, largest)


@torch.no_grad()
def average(ema: nn.Module, model: nn.Module, *, decay: float, steps: int) -> None:
    """Move averaged weights on: with a short memory at first, so that the average leaves the start behind.

    Args:
        ema: The averaged weights, whole in each process.
        model: Where they go.
        decay: What stays of them at each step, in the long run.
        steps: Steps taken so far.
    """
    moved = [whole(parameter) for parameter in model.parameters()]
    torch._foreach_lerp_(list(ema.parameters()), moved, 1 - min(decay, (1 + steps) / (10 + steps)))


def _with_peaks(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    for group in optimizer.param_groups:
        group["peak_rate"] = group["lr"]
    return optimizer
