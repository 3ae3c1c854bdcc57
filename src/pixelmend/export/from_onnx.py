"""From the ONNX file of a hybrid network back to PyTorch: for those who want to go on from what they can run.

Most parameters keep their names in the file. The exporter folds others: a gain into the convolution that it scales, a
table of relative positions into the square that is read from it, and it turns the matrices of linear layers. Those are
found by order, since the file lists its nodes as the network calls them. Whether all of it was right is measured.
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
from pixelmend.export.onnx import measure_parity
from pixelmend.models import Hybrid, HybridConfig
from pixelmend.models.blocks import WindowAttention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray
    from torch import Tensor

    from pixelmend.catalog import Card

SAME_DB = 80.0
"""PSNR between the ONNX file's and the rebuilt network's result, data range 1, that must be reached."""
_FOLDED = ("gain", "gain2")
"""Gains that are multiplied into weights before use; with the folded weights they are one."""
_ADVICE = "start from a .safetensors file that training wrote (--start FILE)"


class _Calls(TorchFunctionMode):
    """Writes down which weights convolutions and linear layers are called with, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, list[Tensor]] = {"conv2d": [], "linear": []}

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call, and remember the weight."""
        if (name := getattr(func, "__name__", "")) in self.weights:
            self.weights[name].append(args[1])
        return func(*args, **(kwargs or {}))


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
    """The network behind a card, float32, on the CPU, in evaluation mode; gains are folded into weights.

    Args:
        card: Of a file that ``export`` wrote.

    Returns:
        A network that gives what ONNX Runtime gives, to 80 dB or more.

    Raises:
        ModelError: The file is damaged, does not hold the network that its card describes, or gives something else.
    """
    import onnx

    verify(card)
    try:
        model = Hybrid(HybridConfig.model_validate(recipe_of(card)["model"])).eval()
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the card of {card.name} describes no network that this version knows ({reason})") from error
    graph = onnx.load(card.path).graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    found = _found(model, graph.node, constants)
    wrong = [name for name, p in model.named_parameters() if name not in found or found[name].shape != p.shape]
    if wrong:
        raise ModelError(f"{card.path} is not laid out as this version exports ({wrong[0]} was not found): {_ADVICE}")
    model.load_state_dict({name: torch.from_numpy(np.array(value, np.float32)) for name, value in found.items()})
    worst = min(each.psnr for each in measure_parity(model, card.path))
    if not worst >= SAME_DB:
        raise ModelError(f"the network rebuilt from {card.path} differs from it ({worst:.1f} dB): {_ADVICE}")
    return model


def _found(model: Hybrid, nodes: Any, constants: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Every parameter of the network that the file holds, by name."""
    convolutions, products, squares = _in_order(nodes, constants)
    found = {name: constants[name] for name, _ in model.named_parameters() if name in constants}
    calls = _calls(model)
    for name, (weight, bias) in zip(calls["conv2d"], convolutions, strict=False):
        found |= {f"{name}.weight": weight, f"{name}.bias": bias}
    found |= {f"{name}.weight": value.T for name, value in zip(calls["linear"], products, strict=False)}
    windows = {name: m for name, m in model.named_modules() if isinstance(m, WindowAttention)}
    for (name, module), square in zip(windows.items(), squares, strict=False):
        table = np.zeros(module.position_bias.shape, np.float32)
        table[module.position.numpy()] = square[0].transpose(1, 2, 0)
        found[f"{name}.position_bias"] = table
    ones = {n: np.ones(p.shape) for n, p in model.named_parameters() if n.rpartition(".")[2] in _FOLDED}
    return found | ones


def _in_order(
    nodes: Any, constants: dict[str, NDArray[Any]]
) -> tuple[list[tuple[NDArray[Any], NDArray[Any]]], list[NDArray[Any]], list[NDArray[Any]]]:
    """What nodes take from the file: weight and bias of convolutions, matrices, and squares added to attention."""
    known = dict(constants)
    convolutions, products, squares = [], [], []
    for node in nodes:
        given = [known[name] for name in node.input if name in known]
        if node.op_type == "Mul" and len(given) == 2:
            known[node.output[0]] = given[0] * given[1]
        elif node.op_type == "Conv" and len(given) == 2:
            convolutions.append((given[0], given[1]))
        elif node.op_type == "MatMul" and len(given) == 1:
            products.append(given[0])
        elif node.op_type == "Add" and len(given) == 1 and given[0].ndim == 4:
            squares.append(given[0])
    return convolutions, products, squares


def _calls(model: Hybrid) -> dict[str, list[str]]:
    """Names of convolutions and linear layers in the order in which a copy of the network calls them."""
    copy = Hybrid(model.config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad(), _Calls() as calls:
        for name, parameter in copy.named_parameters():
            # All different, so that a weight is known by its numbers; gains of one leave them as they are.
            parameter.fill_(1) if name.rpartition(".")[2] in _FOLDED else parameter.uniform_(
                0, 0.01, generator=generator
            )
        side = model.config.multiple_of
        copy(torch.zeros(1, 3, side, side), torch.zeros(1, 1, 1, 1))
    names = {p.detach().numpy().tobytes(): name.removesuffix(".weight") for name, p in copy.named_parameters()}
    return {kind: [names[w.detach().numpy().tobytes()] for w in weights] for kind, weights in calls.weights.items()}
