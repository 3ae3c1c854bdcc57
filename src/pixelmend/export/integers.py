"""From a traced network that rounds its features to an ONNX graph that computes with whole numbers.

What is written is the standard form: pairs of QuantizeLinear and DequantizeLinear around layers (QDQ). A runtime that
knows it computes in int8 (Jacob et al. 2018); one that does not, or is told so, computes in floating point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import defs, helper, numpy_helper

from pixelmend.export.storage import constants, quantize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pixelmend.models import Hybrid
    from pixelmend.models.rounding import Rounding

DOMAIN, ROUNDED = "pixelmend", "Rounded"
"""What the exporter writes where features are rounded; ``to_integers`` puts pairs in its place."""
SUBPIXEL = "pixelmend.subpixel"
"""Key of the metadata of a convolution whose channels lie pixel after pixel; its value is the enlargement."""

_MOST_STEPS = 2.0**22
"""That a bias takes: far from the end of int32, and so few that one read back as float32 gives the same number."""


def translations() -> dict[Any, Any]:
    """What PyTorch's exporter is to write for the operators that are ours."""
    import torch
    from onnxscript.values import Op, Opset

    kinds = {"scale": defs.OpSchema.AttrType.FLOAT, "zero": defs.OpSchema.AttrType.INT}
    attributes = [defs.OpSchema.Attribute(name, kind) for name, kind in kinds.items()]
    attributes.append(defs.OpSchema.Attribute("place", defs.OpSchema.AttrType.STRING))
    schema = defs.OpSchema(
        ROUNDED,
        DOMAIN,
        1,
        inputs=[defs.OpSchema.FormalParameter("features", "T")],
        outputs=[defs.OpSchema.FormalParameter("rounded", "T")],
        type_constraints=[("T", ["tensor(float)"], "features")],
        attributes=attributes,
    )
    operator = Op(Opset(DOMAIN, 1), ROUNDED, schema)

    def write(features: Any, scale: float, zero: int, place: str) -> Any:
        return operator(features, scale=scale, zero=zero, place=place)

    return {torch.ops.pixelmend.rounded.default: write}


def to_integers(model: Any) -> None:
    """Make an ONNX model compute in int8, in place.

    Where features are rounded, pairs are written. Layers between two of them get int8 weights with one scale for each
    output channel, and int32 biases. Pixels that are spread from channels are copied as whole numbers, row by row.

    Args:
        model: Traced with ``translations()``; weights are float32.
    """
    graph = model.graph
    _set_nodes(graph, [each for node in graph.node for each in _pair(graph, node)])
    for opset in [each for each in model.opset_import if each.domain == DOMAIN]:
        model.opset_import.remove(opset)
    _quantize_layers(graph)
    _spread_bytes(graph)
    _pair_each(graph)
    used = {name for node in graph.node for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]


def read_rounding(model: Hybrid, graph: Any) -> Rounding:
    """Where the features of a network are rounded in a graph, and how; nothing for one in floating point."""
    from pixelmend.models.rounding import points

    known = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    return {
        name: (float(known[f"{name}.scale"]), int(known[f"{name}.zero"]))
        for name in points(model)
        if f"{name}.scale" in known
    }


def pixels_last(node: Any, values: NDArray[Any]) -> NDArray[Any]:
    """Weights or biases of a convolution in the order that PyTorch's pixel shuffle takes, whatever the file's is."""
    factor = next((int(each.value) for each in node.metadata_props if each.key == SUBPIXEL), 0)
    return _swapped(values, factor**2, first=True) if factor else values


def _pair(graph: Any, node: Any) -> Iterator[Any]:
    """QuantizeLinear and DequantizeLinear for a node that rounds; any other as it is."""
    if node.op_type != ROUNDED:
        yield node
        return
    given = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    place = given["place"].decode()
    scale, zero, whole = f"{place}.scale", f"{place}.zero", f"{place}.uint8"
    graph.initializer.append(numpy_helper.from_array(np.array(given["scale"], np.float32), scale))
    graph.initializer.append(numpy_helper.from_array(np.array(given["zero"], np.uint8), zero))
    yield helper.make_node("QuantizeLinear", [node.input[0], scale, zero], [whole], name=f"{place}.quantize")
    yield helper.make_node("DequantizeLinear", [whole, scale, zero], [node.output[0]], name=f"{place}.dequantize")


def _quantize_layers(graph: Any) -> None:
    known = constants(graph)
    makers = {name: node for node in graph.node for name in node.output}
    takers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    made: list[Any] = []
    for node in graph.node:
        if node.op_type != "Conv" or node.input[1] not in known or not _is_rounded(node, makers, takers):
            continue
        scale = known[makers[node.input[0]].input[1]]
        weight, bias = node.input[1], node.input[2]
        whole, flat = _quantized(known[weight], known[bias], float(scale))
        steps = (flat * np.float32(scale)).astype(np.float32)
        sums = np.rint(known[bias].astype(np.float64) / steps).astype(np.int32)
        made += _dequantize(graph, weight, whole, flat, "int8")
        made += _dequantize(graph, bias, sums, steps, "int32")
    replaced = {node.output[0] for node in made}
    for tensor in [each for each in graph.initializer if each.name in replaced]:
        graph.initializer.remove(tensor)
    _set_nodes(graph, [*made, *graph.node])


def _quantized(
    weight: NDArray[np.float32], bias: NDArray[np.float32], given: float
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights as whole numbers and a scale for each channel, in whose products with ``given`` its bias can be counted.

    Where weights are tiny beside their bias, the scale is larger than they want; where they are zero, as small as the
    bias wants. Such scales are powers of two, so that what is read from a file gives them again.
    """
    whole, scales = quantize(weight, 0)
    flat, least = scales.reshape(-1), np.abs(bias.astype(np.float64)) / (given * _MOST_STEPS)
    power = np.exp2(np.ceil(np.log2(np.where(least > 0, least, 1)))).astype(np.float32)
    changed = (least > 0) & ((flat < power) | ~whole.reshape(len(flat), -1).any(axis=1))
    flat = np.where(changed, power, flat)
    numbers = np.rint(weight / flat.reshape(scales.shape)).astype(np.int8)
    return np.where(changed.reshape(scales.shape), numbers, whole), flat


def _is_rounded(node: Any, makers: dict[str, Any], takers: dict[str, list[Any]]) -> bool:
    """Whether a layer takes rounded features, and gives what is rounded, after a ReLU or at once."""
    maker = makers.get(node.input[0])
    if maker is None or maker.op_type != "DequantizeLinear":
        return False
    following = takers[node.output[0]]
    if len(following) == 1 and following[0].op_type == "Relu":
        following = takers[following[0].output[0]]
    return len(following) == 1 and following[0].op_type == "QuantizeLinear"


def _dequantize(graph: Any, name: str, whole: Any, scales: Any, kind: str) -> list[Any]:
    """The node that makes ``name`` of whole numbers, which are added to the graph with their scales."""
    zeros = np.zeros(scales.shape, whole.dtype)
    for suffix, values in ((kind, whole), ("scale", scales), ("zero", zeros)):
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{name}.{suffix}"))
    names = [f"{name}.{kind}", f"{name}.scale", f"{name}.zero"]
    return [helper.make_node("DequantizeLinear", names, [name], name=f"{name}.dequantize", axis=0)]


def _spread_bytes(graph: Any) -> None:
    """Where pixels are spread from channels after a pair, copy runs of bytes instead of moving numbers one by one.

    Runtimes keep whole numbers with channels last. There the channels of one pixel lie together if the layer before
    gives them so; then spreading them copies whole rows of them, which takes less time than the operator for it.
    """
    makers = {name: node for node in graph.node for name in node.output}
    nodes: list[Any] = []
    for node in graph.node:
        source = makers.get(node.input[0]) if node.input else None
        if node.op_type != "DepthToSpace" or source is None or source.op_type != "DequantizeLinear":
            nodes.append(node)
            continue
        factor = next(each.i for each in node.attribute if each.name == "blocksize")
        layer = makers[makers[source.input[0]].input[0]]
        _reorder(graph, layer, makers, factor)
        nodes += _spread(graph, node, source, factor)
    _set_nodes(graph, nodes)


def _reorder(graph: Any, layer: Any, makers: dict[str, Any], factor: int) -> None:
    """Give the output channels of a layer as one pixel after the other, and note it on the layer."""
    names: set[str] = set()
    for name in layer.input[1:]:
        names |= set(makers[name].input) if name in makers else {name}
    for tensor in graph.initializer:
        if tensor.name in names:
            values = _swapped(numpy_helper.to_array(tensor), factor**2, first=False)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
    layer.metadata_props.add(key=SUBPIXEL, value=str(factor))


def _swapped(values: NDArray[Any], pixels: int, *, first: bool) -> NDArray[Any]:
    """The first axis, (channels · pixels), with pixels outside; or back, if they are ``first`` already."""
    channels = values.shape[0] // pixels
    split = (pixels, channels) if first else (channels, pixels)
    return values.reshape(*split, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)


def _spread(graph: Any, node: Any, source: Any, factor: int) -> list[Any]:
    """Nodes in the place of DepthToSpace, with a pair after each, so that all of them move bytes."""
    place = node.output[0]
    pair = list(source.input[1:])
    nodes: list[Any] = []

    def constant(suffix: str, values: list[int]) -> str:
        name = f"{place}.{suffix}"
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def move(kind: str, inputs: list[str], suffix: str, **attributes: Any) -> str:
        moved, whole, name = f"{place}.{suffix}", f"{place}.{suffix}.uint8", f"{place}.{suffix}.float"
        nodes.append(helper.make_node(kind, inputs, [moved], name=moved, **attributes))
        nodes.append(helper.make_node("QuantizeLinear", [moved, *pair], [whole], name=f"{moved}.quantize"))
        nodes.append(helper.make_node("DequantizeLinear", [whole, *pair], [name], name=f"{moved}.dequantize"))
        return name

    # (n, c, h, w) → (n, h, w, c): c is the row and the column of a pixel, then its channels.
    last = move("Transpose", [node.input[0]], "last", perm=[0, 2, 3, 1])
    split = move("Reshape", [last, constant("split", [0, 0, 0, factor, -1])], "rows")
    turned = move("Transpose", [split], "turned", perm=[0, 1, 3, 2, 4])
    size = f"{place}.size"
    nodes.append(helper.make_node("Shape", [turned], [f"{size}.now"], name=f"{size}.now"))
    nodes.append(helper.make_node("Gather", [f"{size}.now", constant("axes", [0, 1, 3])], [f"{size}.old"]))
    nodes.append(helper.make_node("Mul", [f"{size}.old", constant("grow", [1, factor, factor])], [f"{size}.new"]))
    nodes.append(helper.make_node("Concat", [f"{size}.new", constant("rest", [-1])], [size], axis=0))
    joined = move("Reshape", [turned, size], "joined")
    move("Transpose", [joined], "first", perm=[0, 3, 1, 2])
    nodes[-1].output[0] = place
    return nodes


def _pair_each(graph: Any) -> None:
    """Give each node that takes rounded features a pair of its own.

    Runtimes make one of them again. But one that is told to compute in floating point finds, and drops, only pairs that
    nothing else hangs on.
    """
    takers: dict[str, int] = {}
    pairs = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    quantizers = {node.output[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    nodes: list[Any] = []
    for node in graph.node:
        for index, name in enumerate(node.input):
            pair = pairs.get(name)
            if pair is None or pair.input[0] not in quantizers:
                continue
            takers[name] = number = takers.get(name, 0) + 1
            if number > 1:
                first, second = _copied(quantizers[pair.input[0]], number), _copied(pair, number)
                second.input[0] = first.output[0]
                node.input[index] = second.output[0]
                nodes += [first, second]
        nodes.append(node)
    _set_nodes(graph, nodes)


def _copied(node: Any, number: int) -> Any:
    copy = type(node)()
    copy.CopyFrom(node)
    copy.name, copy.output[0] = f"{node.name}.{number}", f"{node.output[0]}.{number}"
    return copy


def _set_nodes(graph: Any, nodes: list[Any]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)
