"""From the ONNX file of a hybrid network back to PyTorch: for those who want to go on from what they can run.

Most parameters keep their names in the file. The exporter folds others: a gain into the layer that it scales, a table
of relative positions into the square that is read from it. Those are found by order, since the file lists its nodes as
the network calls them. Whether all of it was right is measured.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ValidationError
from torch.overrides import TorchFunctionMode

from pixelmend.catalog import verify
from pixelmend.errors import ModelError
from pixelmend.export.integers import pixels_last, read_rounding
from pixelmend.export.parity import measure_parity
from pixelmend.export.storage import constants
from pixelmend.models import Hybrid, HybridConfig
from pixelmend.models.blocks import WindowAttention
from pixelmend.models.gains import gains, unfold_gains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from pixelmend.catalog import Card
    from pixelmend.models.rounding import Rounding

SAME_DB = 80.0
"""PSNR between the ONNX file's and the rebuilt network's result, data range 1, that must be reached."""
_ADVICE = "start from a .safetensors file that training wrote"

_WEIGHT = {"conv2d": 1, "layer_norm": 2}
"""Layers by the name of their function, and which argument of it is the weight."""

_Taken = dict[str, list[tuple["NDArray[Any]", ...]]]


class _Calls(TorchFunctionMode):
    """Writes down which weights layers are called with, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, list[Tensor]] = {name: [] for name in _WEIGHT}

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call, and remember the weight."""
        named = kwargs or {}
        if (name := getattr(func, "__name__", "")) in _WEIGHT:
            self.weights[name].append(named["weight"] if "weight" in named else args[_WEIGHT[name]])
        return func(*args, **named)


def recipe_of(card: Card) -> dict[str, Any]:
    """The recipe on a card.

    Raises:
        ModelError: The card names a recipe, or holds none that describes a network.
    """
    try:
        recipe = json.loads(card.training.recipe)
    except ValueError:
        recipe = None
    if not isinstance(recipe, dict) or "model" not in recipe:
        raise ModelError(f"the card of {card.name} does not hold the recipe of its network: {_ADVICE}")
    return recipe


def rebuild(card: Card) -> Hybrid:
    """The network behind a card, float32, on the CPU, in evaluation mode.

    Args:
        card: Of a file that ``export`` wrote, stored in any way.

    Returns:
        A network with the weights that ONNX Runtime computes with; it gives what that gives, to 80 dB or more.

    Raises:
        ModelError: The file is damaged, does not hold the network that its card describes, or gives something else.
    """
    verify(card)
    try:
        config = HybridConfig.model_validate(recipe_of(card)["model"])
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the card of {card.name} describes no network that this version knows ({reason})") from error
    model = read_onnx(card.path, config)
    for each in measure_parity(model, card.path):
        if not each.psnr >= SAME_DB:  # NaN compares false
            raise ModelError(f"the network rebuilt from {card.path} differs from it ({each.psnr:.1f} dB): {_ADVICE}")
    return model


def rounding_of(card: Card) -> Rounding:
    """Where the network behind a card rounds its features, and how; nothing where it computes in floating point.

    Raises:
        ModelError: See ``recipe_of``.
    """
    import onnx

    if card.precision != "int8":
        return {}
    model = Hybrid(HybridConfig.model_validate(recipe_of(card)["model"]))
    return read_rounding(model, onnx.load(card.path).graph)


def read_onnx(path: Path, config: HybridConfig) -> Hybrid:
    """The network in an ONNX file; see ``rebuild``, which also measures whether it is.

    Args:
        path: The file.
        config: The shape of the network.

    Raises:
        ModelError: The file does not hold a network of that shape.
    """
    import onnx

    model = Hybrid(config).eval()
    found = _found(model, onnx.load(path).graph)
    wrong = [name for name, p in model.named_parameters() if name not in found or found[name].shape != p.shape]
    if wrong:
        raise ModelError(f"{path} is not laid out as this version exports ({wrong[0]} was not found): {_ADVICE}")
    model.load_state_dict({name: torch.from_numpy(np.array(value, np.float32)) for name, value in found.items()})
    unfold_gains(model)
    return model


def _found(model: Hybrid, graph: Any) -> dict[str, NDArray[Any]]:
    """Every parameter of the network that the file holds, by name."""
    known = constants(graph)
    taken = _in_order(graph.node, known)
    found = {name: known[name] for name, _ in model.named_parameters() if name in known}
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    for kind, names in _calls(model).items():
        for name, (weight, *bias) in zip(names, taken[kind], strict=False):
            if name is not None:
                # A linear layer is a convolution of one pixel in the file.
                shape = shapes[f"{name}.weight"]
                laid_out = weight.reshape(shape) if weight.shape == (*shape, 1, 1) else weight
                found |= {f"{name}.weight": laid_out, **{f"{name}.bias": each for each in bias}}
    windows = {name: m for name, m in model.named_modules() if isinstance(m, WindowAttention)}
    for (name, module), (square,) in zip(windows.items(), taken["square"], strict=False):
        table = np.zeros(module.position_bias.shape, np.float32)
        table[module.position.numpy()] = square[0].transpose(1, 2, 0)
        found[f"{name}.position_bias"] = table
    return found | {name: np.ones(gain.shape) for name, gain in gains(model)}


def _in_order(nodes: Any, known: dict[str, NDArray[Any]]) -> _Taken:
    """What nodes take from the file: weight and bias of layers, and squares that are added to attention."""
    taken = _Taken({name: [] for name in (*_WEIGHT, "square")})
    for node in nodes:
        given = tuple(known[name] for name in node.input if name in known)
        if node.op_type == "Conv":
            taken["conv2d"].append(tuple(pixels_last(node, each) for each in given))
        elif node.op_type == "LayerNormalization":
            taken["layer_norm"].append(given)
        elif node.op_type == "Add" and given and given[0].ndim == 4:
            taken["square"].append(given)
    return taken


def _calls(model: Hybrid) -> dict[str, list[str | None]]:
    """Names of convolutions and linear layers in the order in which a copy of the network calls them.

    None stands for one that learns nothing, such as the enlargement of the picture.
    """
    copy = Hybrid(model.config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad(), _Calls() as calls:
        for parameter in copy.parameters():
            # All different, so that a weight is known by its numbers; gains of one leave them as they are.
            parameter.uniform_(0, 0.01, generator=generator)
        for _, gain in gains(copy):
            gain.fill_(1)
        side = model.config.multiple_of
        copy(torch.zeros(1, 3, side, side), *(torch.zeros(1, 1, 1, 1) for _ in model.config.conditions))
    names = {p.detach().numpy().tobytes(): name.removesuffix(".weight") for name, p in copy.named_parameters()}
    return {kind: [names.get(w.detach().numpy().tobytes()) for w in weights] for kind, weights in calls.weights.items()}
