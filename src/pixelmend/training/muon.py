"""Muon for the weights that are matrices, AdamW for the rest, as one optimizer.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") replaces the momentum of a weight
matrix by the nearest matrix whose singular values are all one. A convolution counts as (out, in·k·k). On this network
it was worth a decibel at equal pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pixelmend.training.machine import precision_type
from pixelmend.training.processes import like, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The quintic whose five-fold iterate maps (0, 1] close to one: steep at zero, not exact at one (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrices: Tensor, dtype: torch.dtype, *, steps: int = 5) -> Tensor:
    """Move all singular values of (B, rows, columns) close to one by Newton–Schulz iteration in this type."""
    a, b, c = COEFFICIENTS
    x = matrices.to(dtype)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def muon_parameters(model: nn.Module, *, excluded: Iterable[str]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split a model's parameters into those for Muon and those for AdamW.

    Muon takes the weights of convolutions and linear layers, except in the modules named in ``excluded`` (first and
    last layer, whose inputs or outputs are colours and not features) and of depthwise convolutions, which mix nothing.
    """
    matrices: list[nn.Parameter] = []
    for name, module in model.named_modules():
        mixes = isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
        if mixes and name not in set(excluded):
            matrices.append(module.get_parameter("weight"))
    chosen = {id(p) for p in matrices}
    return matrices, [p for p in model.parameters() if id(p) not in chosen]


class MuonAdamW(torch.optim.Optimizer):
    """One optimizer over two parameter groups, so that a trainer, a schedule and a checkpoint see one thing.

    Args:
        matrices: Weights with two or more dimensions, for Muon.
        others: All other parameters, for AdamW.
        muon_rate: Peak rate of Muon, scaled for each matrix by √max(1, rows / columns).
        adam_rate: Peak rate of AdamW.
        momentum: Nesterov momentum of Muon.
        decay: Decoupled weight decay of the Muon weights; the AdamW parameters have none.
        precision: What Muon's products are computed in, "bf16" or "fp32": enough of either, and a processor without
            bf16 units spends half of a step on the former.
    """

    def __init__(  # noqa: PLR0913  (the settings of two optimizers)
        self,
        matrices: list[nn.Parameter],
        others: list[nn.Parameter],
        *,
        muon_rate: float,
        adam_rate: float,
        momentum: float = 0.95,
        decay: float = 0.01,
        precision: str = "bf16",
    ) -> None:
        self.dtype = precision_type(precision)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "kind": "muon", "lr": muon_rate, "momentum": momentum, "decay": decay},
            {"params": others, "kind": "adamw", "lr": adam_rate, "betas": (0.9, 0.99), "eps": 1e-8},
        ]
        super().__init__([g for g in groups if g["params"]], {})
        for group in self.param_groups:
            group["peak_rate"] = group["lr"]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; the closure, where given, computes loss and gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if group["kind"] == "muon":
                self._step_muon(moving, group)
            else:
                self._step_adamw(moving, group)
        return loss

    # All parameters at once: on an accelerator a step is hundreds of small operations, and starting them is its cost.

    def _step_muon(self, moving: list[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        if not moving:
            return
        parameters, grads = [p for p, _ in moving], [grad for _, grad in moving]
        momenta = [self._kept(p, "momentum") for p in parameters]
        torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["decay"])
        by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        updates = torch._foreach_lerp(grads, momenta, group["momentum"])  # noqa: SLF001 (torch's own optimizers' way)
        for p, update in zip(parameters, updates, strict=True):
            by_shape.setdefault((p.shape[0], p[0].numel()), []).append((p, whole(update)))
        for (rows, columns), same in by_shape.items():
            moves = orthogonalize(torch.stack([update.reshape(rows, columns) for _, update in same]), self.dtype)
            rate = group["lr"] * max(1.0, rows / columns) ** 0.5
            fitted = [like(m.reshape(p.shape).to(p.dtype), p) for (p, _), m in zip(same, moves, strict=True)]
            torch._foreach_add_([p for p, _ in same], fitted, alpha=-rate)

    def _step_adamw(self, moving: list[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        if not moving:
            return
        beta1, beta2 = group["betas"]
        parameters, grads = [p for p, _ in moving], [grad for _, grad in moving]
        means, squares = ([self._kept(p, name) for p in parameters] for name in ("mean", "square"))
        counts = []
        for p in parameters:
            # Counted on the CPU, so that nobody waits for the device to read it.
            self.state[p]["step"] = self.state[p].get("step", torch.zeros(())) + 1
            counts.append(float(self.state[p]["step"]))
        torch._foreach_lerp_(means, grads, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, grads, grads, 1 - beta2)
        denominators = torch._foreach_sqrt(squares)  # noqa: SLF001
        torch._foreach_div_(denominators, [(1 - beta2**count) ** 0.5 for count in counts])
        torch._foreach_add_(denominators, group["eps"])
        torch._foreach_addcdiv_(parameters, means, denominators, [-group["lr"] / (1 - beta1**c) for c in counts])

    def _kept(self, parameter: Tensor, name: str) -> Tensor:
        """What is remembered of a parameter, zeros at first."""
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter)
        kept: Tensor = state[name]
        return kept
