"""One run: pictures loaded, network built, Lightning's loop started, weights left in the run's folder."""

from __future__ import annotations

import contextlib
import itertools
import logging
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import lightning
from torch.utils.data import DataLoader, IterableDataset

from pixelmend.data.cache import CacheOptions
from pixelmend.data.loading import LoadOptions, load_pictures
from pixelmend.data.shards import StreamOptions
from pixelmend.data.sources import find_clean
from pixelmend.data.validation import ValidationSet
from pixelmend.errors import UsageError
from pixelmend.training.keeper import Keeper
from pixelmend.training.machine import (
    choose_device,
    choose_precision,
    forward_flops_per_pixel,
    keep_large_blocks,
    matrix_rate,
)
from pixelmend.training.module import DenoiseModule
from pixelmend.training.schedule import Budget

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
    """Train as the recipe says.

    Args:
        recipe: What to do.
        resume: Go on from the state that an earlier part of this run left.
        tell: Prints one line of progress.

    Returns:
        The best averaged weights, a safetensors file in the run's folder.

    Raises:
        UsageError: There is a run of this name and ``resume`` is not set, or there is none and it is.
        DataError: The pictures are missing.
        ModelError: The loss is not finite, or a file cannot be written.
        KeyboardInterrupt: Somebody asked to stop; the state to resume from is kept, unless they asked twice.
    """
    folder = recipe.run.out / recipe.name
    _check_folder(folder, resume=resume)
    device = choose_device(recipe.run.device)
    keep_large_blocks()
    precision = choose_precision(recipe.run.precision, device)
    recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update={"precision": precision})})
    rate = matrix_rate(device, precision)
    roots = [[recipe.data.root / part for part in parts] for parts in (recipe.data.train, recipe.data.validate_on)]
    validation = ValidationSet(roots[1], device, multiple_of=recipe.model.multiple_of)
    largest = round(recipe.data.patch * recipe.data.max_shrink)
    store = load_pictures(find_clean(roots[0]), device, _load_options(recipe, largest), tell=tell)
    seconds = None if recipe.schedule.max_minutes is None else 60 * recipe.schedule.max_minutes
    module = DenoiseModule(recipe, store, Budget(recipe.schedule.max_steps, seconds))
    flops = 3 * forward_flops_per_pixel(module.model)
    parameters = sum(p.numel() for p in module.model.parameters())
    tell(
        f"{recipe.name}: {parameters / 1e6:.2f} M parameters, {flops / 6e3:.0f} kMAC a pixel; "
        f"{len(store)} pictures to learn from, {len(validation.pairs)} to choose by; "
        f"{device.type}, {rate / 1e9:.0f} GFLOP/s of {precision} matrix products"
    )
    folder.mkdir(parents=True, exist_ok=True)
    keeper = Keeper(folder, validation, matrix_rate=rate, flops_per_pixel=flops, tell=tell)
    with contextlib.closing(store):
        _fit(module, keeper.resume() if resume else keeper, device)
    return folder / "weights.safetensors"


def _load_options(recipe: Recipe, smallest: int) -> LoadOptions:
    folder = None if recipe.data.cache == "none" else recipe.data.cache.expanduser()
    usual = CacheOptions(folder)
    # Eight shards or more in a small buffer, so that what is drawn from together varies.
    return LoadOptions(
        smallest,
        recipe.data.detail,
        skip_bad=recipe.data.skip_bad,
        cache=replace(usual, shard_mb=min(usual.shard_mb, recipe.data.buffer_mb / 8)),
        stream=StreamOptions(recipe.data.buffer_mb, recipe.data.window, recipe.seed),
    )


def _fit(module: DenoiseModule, keeper: Keeper, device: torch.device) -> None:
    recipe = module.recipe
    # Lightning tells much at every start that a recipe has already decided.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="lightning")
        warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
        trainer = lightning.Trainer(
            accelerator="gpu" if device.type == "cuda" else device.type,
            devices=1 if device.type != "cpu" else "auto",
            precision="bf16-mixed" if recipe.run.precision == "bf16" else "32-true",
            max_epochs=1,
            gradient_clip_val=recipe.optimizer.clip,
            callbacks=[keeper],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        try:
            trainer.fit(module, DataLoader(Endless(), batch_size=None))
        except SystemExit as stopped:  # Lightning's way to end a run that was interrupted at once
            raise KeyboardInterrupt from stopped
    if keeper.interrupted:
        raise KeyboardInterrupt


def _check_folder(folder: Path, *, resume: bool) -> None:
    there = (folder / "state.safetensors").exists()
    if resume and not there:
        raise UsageError(f"nothing to resume in {folder}: start the run without --resume")
    if there and not resume:
        raise UsageError(f"{folder} holds a run already: go on with --resume, or choose another name (--set name=NAME)")
