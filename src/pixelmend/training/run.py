"""One run: pictures loaded, network built, Lightning's loop started, weights left in the run's folder."""

from __future__ import annotations

import contextlib
import itertools
import logging
import warnings
from typing import TYPE_CHECKING, Any

import lightning
from torch.utils.data import DataLoader, IterableDataset

from pixelmend.errors import UsageError
from pixelmend.files import make_folder
from pixelmend.training import lessons as lessons_of
from pixelmend.training import processes
from pixelmend.training.examiner import Examiner
from pixelmend.training.keeper import Keeper
from pixelmend.training.machine import (
    choose_device,
    choose_precision,
    forward_flops_per_pixel,
    keep_large_blocks,
    matrix_rate,
)
from pixelmend.training.module import RestorationModule
from pixelmend.training.reporter import Reporter
from pixelmend.training.schedule import Budget
from pixelmend.training.state import PREVIOUS, STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch

    from pixelmend.training.recipe import Recipe


class Endless(IterableDataset[int]):
    """Lightning loops over a loader; a step is made from its number, the seed and the rank, and needs nothing of it."""

    def __iter__(self) -> Iterator[int]:
        """Zeros without end: the budget ends the run."""
        return itertools.repeat(0)


def train(recipe: Recipe, *, resume: bool = False, tell: Callable[[str], None] = print) -> Path:
    """Train as the recipe says; in each of the processes where torchrun has started several.

    Args:
        recipe: What to do.
        resume: Go on from the state that an earlier part of this run left.
        tell: Prints one line of progress; only the first process tells.

    Returns:
        The best averaged weights, a safetensors file in the run's folder.

    Raises:
        UsageError: There is a run of this name and ``resume`` is not set, or there is none and it is.
        DataError: The pictures are missing.
        ModelError: The loss diverged more often than it may, or a file is broken.
        UnwritableError: A file cannot be written; those before it are unchanged.
        KeyboardInterrupt: Somebody asked to stop; the state to resume from is kept, unless they asked twice.
    """
    folder = recipe.run.out / recipe.name
    if processes.rank() == 0:
        _check_folder(folder, resume=resume)
    tell = processes.only_first(tell)
    device = choose_device(recipe.run.device)
    keep_large_blocks()
    precision = choose_precision(recipe.run.precision, device)
    recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update={"precision": precision})})
    rate = matrix_rate(device, precision)
    validation = lessons_of.validation_set(recipe, device)
    lessons = lessons_of.load(recipe, device, tell=tell)
    seconds = None if recipe.schedule.max_minutes is None else 60 * recipe.schedule.max_minutes
    with contextlib.closing(lessons.store):
        module = RestorationModule(recipe, lessons, Budget(recipe.schedule.max_steps, seconds), tell)
        flops = 3 * forward_flops_per_pixel(module.model) / recipe.model.scale**2
        _introduce(module, len(validation), device, rate, flops, tell)
        make_folder(folder)
        reporter = Reporter(
            folder, matrix_rate=rate, flops_per_pixel=flops, tell=tell, tensorboard=recipe.run.tensorboard
        )
        examiner = Examiner(folder, validation, recipe.validation, reporter.journal)
        _fit(module, Keeper(folder, examiner, reporter, resume=resume), device)
    return folder / "weights.safetensors"


def _introduce(
    module: RestorationModule,
    pictures: int,
    device: torch.device,
    rate: float,
    flops: float,
    tell: Callable[[str], None],
) -> None:
    recipe = module.recipe
    parameters = sum(p.numel() for p in module.model.parameters())
    tell(
        f"{recipe.name}: {parameters / 1e6:.2f} M parameters, {flops / 6e3:.0f} kMAC a pixel; "
        f"{len(module.lessons.store)} pictures to learn from, {pictures} to choose by; "
        f"{device.type}, {rate / 1e9:.0f} GFLOP/s of {recipe.run.precision} matrix products"
    )
    if module.adversary is not None:
        count = sum(p.numel() for p in module.adversary.parameters())
        tell(f"against a discriminator of {count / 1e6:.2f} M parameters ({recipe.loss.adversary})")
    if module.objective.described:
        tell(f"features: {module.objective.described}")


def _fit(module: RestorationModule, keeper: Keeper, device: torch.device) -> None:
    # Lightning tells much at every start that a recipe has already decided.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="lightning")
        warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
        # Of one-pixel weights, whose strides mean nothing.
        warnings.filterwarnings("ignore", message="Grad strides do not match")
        trainer = lightning.Trainer(
            accelerator="gpu" if device.type == "cuda" else device.type,
            precision="bf16-mixed" if module.recipe.run.precision == "bf16" else "32-true",
            max_epochs=1,
            callbacks=[keeper],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **_spread(module.recipe),
        )
        try:
            trainer.fit(module, DataLoader(Endless(), batch_size=None))
        except SystemExit as stopped:  # Lightning's way to end a run that was interrupted at once
            raise KeyboardInterrupt from stopped
        finally:
            keeper.reporter.finish()
    processes.leave()
    if keeper.interrupted:
        raise KeyboardInterrupt


def _spread(recipe: Recipe) -> dict[str, Any]:
    """How many processes on how many machines, and what each holds: torchrun's numbers, or the recipe's."""
    here, machines = processes.launched() or (recipe.run.devices, 1)
    usual = {"devices": here, "num_nodes": machines}
    if here * machines == 1:
        return usual
    if recipe.run.strategy == "fsdp":
        from lightning.pytorch.strategies import ModelParallelStrategy

        return {**usual, "strategy": ModelParallelStrategy(data_parallel_size=here * machines, tensor_parallel_size=1)}
    # Where there is an adversary, each of the two backward passes leaves the other's weights out.
    adversarial = bool(recipe.loss.adversarial) or bool(recipe.optimizer.freeze)
    return {**usual, "strategy": "ddp_find_unused_parameters_true" if adversarial else "ddp"}


def _check_folder(folder: Path, *, resume: bool) -> None:
    there = any((folder / name).exists() for name in (STATE, PREVIOUS))
    if resume and not there:
        raise UsageError(f"nothing to resume in {folder}: start the run without --resume")
    if there and not resume:
        raise UsageError(f"{folder} holds a run already: go on with --resume, or choose another name (--set name=NAME)")
