"""All that a run needs to go on where it stopped, in one safetensors file without pickle, and the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pixelmend.errors import ModelError, UsageError
from pixelmend.models.weights import read_tensors, write_tensors
from pixelmend.training import processes
from pixelmend.training.processes import like, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.training.module import RestorationModule

STATE, PREVIOUS = "state.safetensors", "state.previous.safetensors"


def save_state(module: RestorationModule, folder: Path, progress: dict[str, Any]) -> None:
    """Store weights, averaged weights, optimizers and where the run stands; called by every process.

    The new file is written beside the old one, read back, and takes its place only then; the old one stays as the
    previous state.

    Args:
        module: What learns.
        folder: The run's folder.
        progress: JSON that the caller wants back: best score, setbacks.

    Raises:
        UnwritableError: No room or no permission; the states that were there are unchanged.
    """
    tensors: dict[str, Tensor] = {f"ema.{k}": v for k, v in module.ema.state_dict().items()}
    for part, network, optimizer in module.learning():
        tensors |= {f"{part}.{k}": whole(v) for k, v in network.state_dict().items()}
        names = {id(p): name for name, p in network.named_parameters()}
        for parameter, state in optimizer.state.items():
            tensors |= {f"{part}_optimizer.{names[id(parameter)]}/{key}": whole(v) for key, v in state.items()}
    header = {
        "recipe": module.recipe.published(),
        "step": module.steps_done,
        "elapsed": module.budget.elapsed,
        "planned": module.budget.planned,
        "course": {"scale": module.course.scale, "waited": module.course.waited},
        "progress": progress,
    }
    if processes.rank() == 0:
        write_tensors(tensors, folder / STATE, header, previous=folder / PREVIOUS)


def load_state(module: RestorationModule, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Put a run back to where `save_state` left it; called by every process, read by the first.

    Where the newest file is damaged, the previous one is taken, and told.

    Returns:
        The ``progress`` that was saved.

    Raises:
        UsageError: The state is of another network, data or optimizer than the recipe describes.
        ModelError: The files are missing or broken.
    """
    found = _read(folder, tell) if processes.rank() == 0 else None
    path, tensors, header = processes.from_first(found) or (folder, {}, {})
    # Read as a recipe, so that one of an earlier version has the defaults of what it did not know.
    stored = type(module.recipe).model_validate(header["recipe"])
    _check_same_run(stored.published(), module.recipe.published(), path)
    try:
        module.ema.load_state_dict(_part(tensors, "ema."))
        for part, network, optimizer in module.learning():
            _load(network, _part(tensors, f"{part}."))
            parameters = dict(network.named_parameters())
            optimizer.state.clear()
            for key, value in _part(tensors, f"{part}_optimizer.").items():
                name, _, entry = key.partition("/")
                parameter = parameters[name]
                # Counters of steps are numbers, and stay where the optimizer keeps its own.
                optimizer.state[parameter][entry] = _placed(value, parameter) if value.ndim else value.clone()
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} does not fit this network ({str(error).splitlines()[0]})") from error
    if module.adversary is not None:
        module.adversary.forget()
    module.steps_done = int(header["step"])
    module.budget.elapsed = float(header["elapsed"])
    if module.budget.max_seconds is not None:
        module.budget.planned = float(header["planned"])
    module.course.scale, module.course.waited = header["course"]["scale"], header["course"]["waited"]
    progress: dict[str, Any] = header["progress"]
    return progress


def _placed(value: Tensor, parameter: Tensor) -> Tensor:
    """A stored tensor as the optimizer made it: on the parameter's device, in its parts and its memory format.

    The format counts, since sums over another order of memory round differently.
    """
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    fitted = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
    return fitted.copy_(like(value.to(parameter.device), parameter))


def _load(network: torch.nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy into the tensors that are there, whole ones into the parts of this process where it holds parts."""
    there = network.state_dict()
    if there.keys() != tensors.keys():
        odd = sorted(there.keys() ^ tensors.keys())
        raise KeyError(f"{odd[0]} and {len(odd) - 1} more are in one of the two only" if len(odd) > 1 else odd[0])
    with torch.no_grad():
        for name, value in tensors.items():
            if there[name].shape != value.shape:
                raise RuntimeError(f"{name} is {tuple(value.shape)}, wanted {tuple(there[name].shape)}")
            there[name].copy_(like(value, there[name]))


def _read(folder: Path, tell: Callable[[str], None]) -> tuple[Path, dict[str, Tensor], dict[str, Any]]:
    newest, previous = folder / STATE, folder / PREVIOUS
    try:
        return newest, *read_tensors(newest)
    except ModelError as error:
        if not previous.is_file():
            raise
        tell(f"{error}; going on from the state before it")
        return previous, *read_tensors(previous)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _check_same_run(stored: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """What a run learns must not change under it; how long, where and how fast may."""
    for key in ("name", "task", "seed", "start", "model", "data", "damage", "loss", "distill", "optimizer"):
        old, new = stored[key], wanted[key]
        if key == "data":  # the same pictures may lie elsewhere and be described in other words
            told = {"root", "sources", "cache"}
            old, new = ({k: v for k, v in d.items() if k not in told} for d in (stored["data"], wanted["data"]))
        if old != new:
            raise UsageError(
                f"{path} was trained with another {key!r} than the recipe now asks for: "
                "restore the recipe, or give the run another name"
            )
