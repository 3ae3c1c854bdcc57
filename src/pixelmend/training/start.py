"""The network before its first step: random, or from weights of the same or of another task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pixelmend.errors import UsageError
from pixelmend.models import Hybrid, load_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pixelmend.training.recipe import Recipe


def first_network(recipe: Recipe, tell: Callable[[str], None] = lambda _: None) -> Hybrid:
    """The network before its first step, channels last in memory.

    Random weights are a function of the recipe's seed. From weights that are named, every tensor is taken that has the
    same name and shape; the first layer takes the channels that both have (the picture, and conditions of one name),
    so that a network can go on at a task that tells it more or less.

    Args:
        recipe: Describes the network and names the weights.
        tell: Told how much was taken, where that is not all.

    Raises:
        ModelError: The weights are missing or broken.
        UsageError: Nothing of them fits, or ``optimizer.freeze`` names a part that the network does not have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = Hybrid(recipe.model)
    if recipe.start is not None:
        _take(model, load_model(recipe.start), recipe, tell)
    for name in recipe.optimizer.freeze:
        try:
            model.get_submodule(name)
        except AttributeError as error:
            parts = ", ".join(name for name, _ in model.named_children())
            raise UsageError(f"optimizer.freeze names {name!r}, which is no part of the network: {parts}") from error
    model.to(memory_format=torch.channels_last)
    return model.train()


def _take(model: Hybrid, other: Hybrid, recipe: Recipe, tell: Callable[[str], None]) -> None:
    stored, wanted = other.state_dict(), model.state_dict()
    taken = {name: value for name, value in stored.items() if name in wanted and wanted[name].shape == value.shape}
    if other.config.conditions != model.config.conditions and other.config.unshuffle == model.config.unshuffle:
        taken.pop("stem.weight", None)
        if stored["stem.weight"].shape[0] == wanted["stem.weight"].shape[0]:
            taken["stem.weight"] = _stem(model, other)
    if not any(value.ndim > 1 for value in taken.values()):
        raise UsageError(f"nothing of {recipe.start} fits the network of [model]: start from a network of that shape")
    model.load_state_dict({**wanted, **taken})
    if len(taken) < len(wanted) or len(taken) < len(stored):
        left = sorted({name.split(".")[0] for name in wanted.keys() - taken.keys()})
        fresh = f"; new: {', '.join(left)}" if left else ""
        tell(f"from {recipe.start}: {len(taken)} of {len(wanted)} tensors{fresh}")


def _stem(model: Hybrid, other: Hybrid) -> Tensor:
    """The first layer's weights: those of the channels that both are told, and zero for what is new."""
    folded = model.config.unshuffle**2
    old = other.stem.weight.detach()
    weight = torch.zeros_like(model.stem.weight)
    names = [["red", "green", "blue", *m.config.conditions] for m in (model, other)]
    for place, name in enumerate(names[0]):
        if name in names[1]:
            source = names[1].index(name)
            weight[:, place * folded : (place + 1) * folded] = old[:, source * folded : (source + 1) * folded]
    return weight
