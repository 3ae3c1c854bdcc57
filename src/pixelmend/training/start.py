"""The network before its first step: random, or from weights of the same or of another task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pixelmend.errors import UsageError
from pixelmend.models import Hybrid, Network, build, load_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from pixelmend.training.recipe import Recipe


def first_network(recipe: Recipe, tell: Callable[[str], None] = lambda _: None) -> Network:
    """The network before its first step, channels last in memory.

    Random weights are a function of the recipe's seed. Others lie in a .safetensors file, in what was exported from one
    (.onnx, .json), or are called by the name of a model that ships ("denoise-small"). From them every tensor is taken
    that has the same name and shape; the first layer takes the channels that both have (the picture, and conditions of
    one name), so that a network can go on at a task that tells it more or less.

    Args:
        recipe: Describes the network and names the weights.
        tell: Told how much was taken, where that is not all.

    Raises:
        ModelError: The weights are missing or broken.
        UsageError: No model of that name ships, they are those of another kind of network, nothing of them fits, or
            ``optimizer.freeze`` names a part that the network does not have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = build(recipe.model)
    if recipe.start is not None:
        _take(model, _stored(recipe.start), recipe, tell)
    for name in recipe.optimizer.freeze:
        try:
            model.get_submodule(name)
        except AttributeError as error:
            parts = ", ".join(name for name, _ in model.named_children())
            raise UsageError(f"optimizer.freeze names {name!r}, which is no part of the network: {parts}") from error
    model.to(memory_format=torch.channels_last)
    return model.train()


def _stored(start: Path) -> Network:
    """The network that a recipe names."""
    # ONNX and its runtime are loaded only for recipes that start from somewhere.
    from pixelmend.export import card_of
    from pixelmend.export.from_onnx import rebuild

    card = card_of(start)
    return load_model(start) if card is None else rebuild(card)


def _take(model: Network, other: Network, recipe: Recipe, tell: Callable[[str], None]) -> None:
    if other.config.architecture != model.config.architecture:
        raise UsageError(
            f"{recipe.start} holds a {other.config.architecture} network, and the recipe asks for "
            f"{model.config.architecture}: start from a network of that kind, or set model.architecture"
        )
    stored, wanted = other.state_dict(), model.state_dict()
    taken = {name: value for name, value in stored.items() if name in wanted and wanted[name].shape == value.shape}
    if isinstance(model, Hybrid) and isinstance(other, Hybrid):
        taken = _with_stem(taken, model, other)
    if not any(value.ndim > 1 for value in taken.values()):
        raise UsageError(f"nothing of {recipe.start} fits the network of [model]: start from a network of that shape")
    model.load_state_dict({**wanted, **taken})
    if len(taken) < len(wanted) or len(taken) < len(stored):
        left = sorted({name.split(".")[0] for name in wanted.keys() - taken.keys()})
        fresh = f"; new: {', '.join(left)}" if left else ""
        tell(f"from {recipe.start}: {len(taken)} of {len(wanted)} tensors{fresh}")


def _with_stem(taken: dict[str, Tensor], model: Hybrid, other: Hybrid) -> dict[str, Tensor]:
    """What is taken, the first layer by what its channels are; left out where its features are others."""
    if other.config.conditions == model.config.conditions or other.config.unshuffle != model.config.unshuffle:
        return taken
    rest = {name: value for name, value in taken.items() if name != "stem.weight"}
    fits = other.stem.weight.shape[0] == model.stem.weight.shape[0]
    return {**rest, "stem.weight": _stem(model, other)} if fits else rest


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
