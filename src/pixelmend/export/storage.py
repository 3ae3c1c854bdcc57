"""How weights lie in an ONNX file: as float32, or smaller, with nodes that make float32 of them.

ONNX Runtime computes those nodes once, when it loads the file: what runs is the same network in float32. Both
roundings leave what is already rounded as it is, so that weights read back from a file give that file again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from pixelmend.catalog.card import STORAGES
from pixelmend.errors import ModelError, UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST = 1024
"""Tensors of fewer values stay float32, as do those of one axis: biases, gains, norms."""
LEVELS = 127
"""int8 takes the whole numbers from minus this to plus this."""
_CLIPS = 1 - 0.001 * np.arange(20)
"""Where int8 may cut a channel off, in its largest absolute value.

A layer has too few weights for a cut of more than a hundredth to pay; a smaller one moves the others nearer to whole
numbers. That saves about a fortieth of the squared error.
"""
_FOLDED = {"Mul", "Transpose", "Unsqueeze"}
"""Operators on constants that are computed before the file is written."""
_OUTPUTS = {"Conv": 0, "MatMul": -1}
"""The axis of output channels by the operator that takes the weights; else 1, which is the heads of attention."""


def check_storage(storage: str) -> None:
    """Refuse what is no way to store weights.

    Raises:
        UnknownNameError: Not one of ``pixelmend.catalog.card.STORAGES``.
    """
    if storage not in STORAGES:
        raise UnknownNameError("storage", storage, STORAGES)


def fold(model: Any) -> None:
    """Compute in place what hangs on no input: a gain times the weights that it scales becomes those weights.

    The exporter does so itself for small tensors only; the squares of positions of a network with many heads are large.
    """
    graph, known, nodes = model.graph, _initializers(model.graph), []
    for node in graph.node:
        if node.op_type in _FOLDED and all(name in known for name in node.input):
            name = node.output[0]
            (value,) = ReferenceEvaluator(node).run(None, {each: known[each] for each in node.input})
            known[name] = np.asarray(value)
            graph.initializer.append(numpy_helper.from_array(known[name], name))
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    made = {name for node in nodes for name in node.output}
    _replace(graph.initializer, [each for each in graph.initializer if each.name in used])
    _replace(graph.value_info, [each for each in graph.value_info if each.name in made])
    _replace(graph.node, nodes)


def store(model: Any, storage: str) -> None:
    """Replace weights in place by rounded ones and the nodes that make float32 of them.

    Args:
        model: An ONNX model whose weights are float32.
        storage: "float32" changes nothing; "float16"; "int8" is one whole number a weight and a float32 scale for
            each output channel.

    Raises:
        ModelError: A weight is too large for float16.
        UnknownNameError: Another storage.
    """
    check_storage(storage)
    if storage == "float32":
        return
    graph, nodes, tensors = model.graph, [], []
    takers = {name: node.op_type for node in graph.node for name in node.input}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or math.prod(tensor.dims) < SMALLEST:
            tensors.append(tensor)
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        small, cast = f"{name}.{storage}", name
        if storage == "float16":
            tensors.append(numpy_helper.from_array(_halved(values, name), small))
        else:
            whole, scales = quantize(values, _OUTPUTS.get(takers[name], 1))
            tensors += [numpy_helper.from_array(whole, small), numpy_helper.from_array(scales, f"{name}.scale")]
            cast = f"{name}.whole"
        nodes.append(helper.make_node("Cast", [small], [cast], name=f"{name}.cast", to=TensorProto.FLOAT))
        if cast != name:
            nodes.append(helper.make_node("Mul", [cast, f"{name}.scale"], [name], name=f"{name}.scaled"))
    _replace(graph.initializer, tensors)
    _replace(graph.node, nodes + list(graph.node))


def constants(graph: Any) -> dict[str, NDArray[Any]]:
    """Every value of a graph that hangs on no input, as the runtime computes it, by name.

    That is: what is stored, and what ``Cast``, ``Mul`` and ``DequantizeLinear`` make of it.
    """
    known = _initializers(graph)
    for node in graph.node:
        given = [known[name] for name in node.input if name in known]
        if len(given) < len(node.input):
            continue
        if node.op_type == "Cast":
            to = next(each.i for each in node.attribute if each.name == "to")
            known[node.output[0]] = given[0].astype(helper.tensor_dtype_to_np_dtype(to))
        elif node.op_type == "Mul":
            known[node.output[0]] = given[0] * given[1]
        elif node.op_type == "DequantizeLinear":
            # Of weights and biases, with a scale for each channel of the first axis.
            known[node.output[0]] = given[0].astype(np.float32) * given[1].reshape(-1, *[1] * (given[0].ndim - 1))
    return known


def quantize(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers and one scale a channel, whose product comes as near to the values as some ways of cutting off do.

    A scale keeps 17 bits, so that its product with a whole number of 7 bits is exact in float32. So the largest value
    of a channel is exactly 127 scales, and values that were rounded once give the same numbers again.

    Args:
        values: Of any shape, finite.
        axis: Of the channels.

    Returns:
        Numbers from -127 to 127 in the shape of the values, and scales in a shape that multiplies them.
    """
    rest = tuple(each for each in range(values.ndim) if each != axis % values.ndim)
    exact = values.astype(np.float64)
    largest = np.abs(exact).max(axis=rest, keepdims=True)
    best = np.full(largest.shape, np.inf)
    scales = np.ones(largest.shape, np.float32)
    for clip in _CLIPS:
        tried = _short(largest * clip / LEVELS)
        error = np.square(_whole(exact, tried) * tried - exact).sum(axis=rest, keepdims=True)
        scales = np.where(error < best, tried, scales)
        best = np.minimum(error, best)
    return _whole(exact, scales).astype(np.int8), scales


def _whole(values: NDArray[np.float64], scales: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.clip(np.rint(values / scales), -LEVELS, LEVELS)


def _short(scales: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round to float32 whose last seven bits are zero; a channel of zeros gets a scale of one."""
    bits = scales.astype(np.float32).view(np.uint32)
    rounded = ((bits + 0x40) & np.uint32(0xFFFFFF80)).view(np.float32)
    return np.where(rounded > 0, rounded, np.float32(1))


def _halved(values: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        halved = values.astype(np.float16)
    if not np.isfinite(halved).all():
        raise ModelError(f"{name} holds weights beyond ±65504, too large for float16: store them as float32")
    return halved


def _initializers(graph: Any) -> dict[str, NDArray[Any]]:
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def _replace(field: Any, values: list[Any]) -> None:
    """Fill a repeated field of a protobuf message anew; it copies what it takes."""
    kept = [type(each).FromString(each.SerializeToString()) for each in values]
    del field[:]
    field.extend(kept)
