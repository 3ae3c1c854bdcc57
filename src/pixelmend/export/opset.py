"""Another version of the ONNX operators: newer ones, or older ones for runtimes of devices that are not renewed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from pixelmend.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    Made = tuple[list[Any], dict[str, Any]]

OPSETS = (17, 24)
"""The oldest that has layer norm, and the newest that the tests run."""
_GELU_SINCE = 20
_FLOAT8_SINCE = 19
"""The version from which QuantizeLinear has attributes that matter for floating point of 8 bits only."""
_AXES_AS_INPUT_SINCE = 18
"""The version from which norms take their axis, and splits the number of their parts, as the network's do."""


def check_opset(opset: int | None) -> None:
    """Refuse a version that the network cannot be written in.

    Raises:
        UsageError: It is too old or too new.
    """
    if opset is not None and not OPSETS[0] <= opset <= OPSETS[1]:
        raise UsageError(f"got opset {opset}, wanted {OPSETS[0]} (the first with layer norm) to {OPSETS[1]}")


def convert_opset(model: Any, opset: int) -> Any:
    """The same network in another version of the operators.

    Args:
        model: An ONNX model of standard operators; it is not changed.
        opset: From ``OPSETS[0]`` to ``OPSETS[1]``.

    Raises:
        UsageError: See ``check_opset``.
        ModelError: An operator of this network has no form in that version.
    """
    check_opset(opset)
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    if opset < _GELU_SINCE:
        _write_out(copy, "Gelu", _gelu)
    if opset < _FLOAT8_SINCE:
        _write_out(copy, "QuantizeLinear", _quantize)
    if opset < _AXES_AS_INPUT_SINCE:
        _write_out(copy, "Split", _split)
        write_out_norms(copy)
    try:
        converted = version_converter.convert_version(copy, opset)
        onnx.checker.check_model(converted, full_check=True)
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"the network cannot be written in opset {opset} ({reason}): choose a newer one") from None
    converted.ir_version = helper.find_min_ir_version_for(converted.opset_import)
    return converted


def write_out_norms(model: Any) -> None:
    """Lengths along the last axis by what they are made of, in place: squares, times ones, and a root."""
    _write_out(model, "ReduceL2", _norm)


def _write_out(model: Any, operator: str, by: Callable[[Any, dict[str, list[int]]], Made]) -> None:
    """Put others in the place of all nodes of an operator, in place.

    Args:
        model: An ONNX model.
        operator: Its name.
        by: From a node, and the shapes of all values by name, to the nodes and constants (by name) that replace it.
    """
    graph = onnx.shape_inference.infer_shapes(model).graph
    ports = (*graph.value_info, *graph.input, *graph.output)
    shapes = {each.name: [d.dim_value for d in each.type.tensor_type.shape.dim] for each in ports}
    nodes: list[Any] = []
    constants: dict[str, Any] = {}
    for node in model.graph.node:
        made, needed = by(node, shapes) if node.op_type == operator else ([node], {})
        nodes += made
        constants |= needed
    kept = [type(each).FromString(each.SerializeToString()) for each in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())


def _gelu(node: Any, _shapes: dict[str, list[int]]) -> Made:
    """Gelu in its tanh form: x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2."""
    x, y = node.input[0], node.output[0]
    values = {"bend": 0.044715, "one": 1.0, "slope": math.sqrt(2 / math.pi), "half": 0.5}
    steps = (
        ("Mul", [x, x], f"{y}.square"),
        ("Mul", [f"{y}.square", "gelu.bend"], f"{y}.bent"),
        ("Add", [f"{y}.bent", "gelu.one"], f"{y}.raised"),
        ("Mul", [x, f"{y}.raised"], f"{y}.inner"),
        ("Mul", [f"{y}.inner", "gelu.slope"], f"{y}.scaled"),
        ("Tanh", [f"{y}.scaled"], f"{y}.tanh"),
        ("Add", [f"{y}.tanh", "gelu.one"], f"{y}.gate"),
        ("Mul", [x, f"{y}.gate"], f"{y}.double"),
        ("Mul", [f"{y}.double", "gelu.half"], y),
    )
    return _chain(steps), {f"gelu.{name}": np.float32(value) for name, value in values.items()}


def _quantize(node: Any, _shapes: dict[str, list[int]]) -> Made:
    axis = {each.name: each.i for each in node.attribute if each.name == "axis"}
    return [helper.make_node(node.op_type, node.input, node.output, name=node.name, **axis)], {}


def _split(node: Any, shapes: dict[str, list[int]]) -> Made:
    """One Slice for each part."""
    axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
    nodes: list[Any] = []
    constants: dict[str, Any] = {}
    start = 0
    for output in node.output:
        end = start + shapes[output][axis]
        bounds = {f"{output}.start": start, f"{output}.end": end, f"{output}.axis": axis}
        constants |= {name: np.array([value], np.int64) for name, value in bounds.items()}
        nodes += _chain((("Slice", [node.input[0], *bounds], output),))
        start = end
    return nodes, constants


def _norm(node: Any, shapes: dict[str, list[int]]) -> Made:
    x, y = node.input[0], node.output[0]
    steps = (
        ("Mul", [x, x], f"{y}.square"),
        ("MatMul", [f"{y}.square", f"{y}.ones"], f"{y}.sum"),
        ("Sqrt", [f"{y}.sum"], y),
    )
    return _chain(steps), {f"{y}.ones": np.ones((shapes[x][-1], 1), np.float32)}


def _chain(steps: tuple[tuple[str, list[str], str], ...]) -> list[Any]:
    return [helper.make_node(operator, inputs, [output], name=f"{output}.node") for operator, inputs, output in steps]
