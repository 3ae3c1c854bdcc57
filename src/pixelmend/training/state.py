"""All that a run needs to go on where it stopped, in one safetensors file without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pixelmend.errors import ModelError, UsageError
from pixelmend.models.weights import read_tensors, write_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.training.module import DenoiseModule


def save_state(module: DenoiseModule, optimizer: torch.optim.Optimizer, path: Path, progress: dict[str, Any]) -> None:
    """Store weights, averaged weights, optimizer and where the run stands.

    Args:
        module: The network in training.
        optimizer: Its optimizer.
        path: The file; replaced only when the new one is whole.
        progress: JSON that the caller wants back: best score, validations without a better one.
    """
    tensors: dict[str, Tensor] = {}
    tensors |= {f"model.{k}": v for k, v in module.model.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in module.ema.state_dict().items()}
    names = {id(p): name for name, p in module.model.named_parameters()}
    for parameter, state in optimizer.state.items():
        tensors |= {f"optimizer.{names[id(parameter)]}/{key}": value for key, value in state.items()}
    header = {
        "recipe": module.recipe.published(),
        "step": module.steps_done,
        "elapsed": module.budget.elapsed,
        "planned": module.budget.planned,
        "progress": progress,
    }
    write_tensors(tensors, path, header)


def load_state(module: DenoiseModule, optimizer: torch.optim.Optimizer, path: Path) -> dict[str, Any]:
    """Put a run back to where ``save_state`` left it.

    Returns:
        The ``progress`` that was saved.

    Raises:
        UsageError: The state is of another network, data or optimizer than the recipe describes.
        ModelError: The file is missing or broken.
    """
    tensors, header = read_tensors(path)
    # Read as a recipe, so that one of an earlier version has the defaults of what it did not know.
    stored = type(module.recipe).model_validate(header["recipe"])
    _check_same_run(stored.published(), module.recipe.published(), path)
    parameters = dict(module.model.named_parameters())
    try:
        module.model.load_state_dict(_part(tensors, "model."))
        module.ema.load_state_dict(_part(tensors, "ema."))
        for key, value in _part(tensors, "optimizer.").items():
            name, _, entry = key.partition("/")
            parameter = parameters[name]
            optimizer.state[parameter][entry] = value.to(parameter.device) if value.ndim else value
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} does not fit this network ({str(error).splitlines()[0]})") from error
    module.steps_done = int(header["step"])
    module.budget.elapsed = float(header["elapsed"])
    if module.budget.max_seconds is not None:
        module.budget.planned = float(header["planned"])
    progress: dict[str, Any] = header["progress"]
    return progress


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _check_same_run(stored: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """What a run learns must not change under it; how long, where and how fast may."""
    for key in ("name", "task", "seed", "start", "model", "data", "damage", "loss", "optimizer"):
        old, new = stored[key], wanted[key]
        if key == "data":  # the same pictures may lie elsewhere and be described in other words
            told = {"root", "sources", "cache"}
            old, new = ({k: v for k, v in d.items() if k not in told} for d in (stored["data"], wanted["data"]))
        if old != new:
            raise UsageError(
                f"{path} was trained with another {key!r} than the recipe now asks for: "
                "restore the recipe, or give the run another name"
            )


def autocast_type(precision: str) -> torch.dtype:
    """The type that convolutions run in, by the name that a recipe uses."""
    return torch.bfloat16 if precision == "bf16" else torch.float32
