"""An int8 model made here by hand: pairs of QuantizeLinear and DequantizeLinear around two convolutions.

``restored = degraded + second(relu(first(degraded)))``. Weights are stored as int8 with a scale for each output
channel; what flows into a convolution is rounded to uint8 first. Each Relu stands in the file, so that it can also run
without the pairs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pixelmend.catalog import Card, Training
from pixelmend.inference import OnnxEngine

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, LEVELS = 8, 256
PAIRED, CENTRE = "denoise-int8", "centre-int8"
"""Random convolutions; and convolutions that only copy red, so that what is rounded shows."""


def make_quantized(folder: Path, name: str = PAIRED) -> Card:
    """Write NAME.onnx and its card into a folder."""
    data = _network(name).SerializeToString()
    (folder / f"{name}.onnx").write_bytes(data)
    card = Card(
        name=name, task="denoise", size="small", file=f"{name}.onnx", sha256=hashlib.sha256(data).hexdigest(),
        parameters=WIDTH * 54, scale=1, conditions=(), multiple_of=8, minimum=16, tile=64, overlap=16,
        sigma_range=(0.0, 255.0), licence="CC0", scores=(), precision="int8", folder=folder,
        training=Training(data=(), mpx=0.0, minutes=0.0, device="none", recipe="none"),
    )  # fmt: skip
    (folder / f"{name}.json").write_text(card.to_json())
    return card


def without_pairs(path: Path, plain: Path) -> OnnxEngine:
    """The same network with weights in float and nothing rounded on the way, made by taking the graph apart here."""
    model = onnx.load(path)
    known = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    same: dict[str, str] = {}
    nodes = []
    for node in model.graph.node:
        given = [same.get(name, name) for name in node.input]
        if node.op_type == "DequantizeLinear" and given[0] in known and given[0].endswith(".int8"):
            weights = known[given[0]].astype(np.float32) * known[given[1]][:, None, None, None]
            model.graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        elif node.op_type in {"QuantizeLinear", "DequantizeLinear"}:
            same[node.output[0]] = given[0]
        else:
            node.input[:] = given
            nodes.append(node)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    onnx.save(model, plain)
    return OnnxEngine(plain, "cpu")


def _network(name: str) -> onnx.ModelProto:
    rng = np.random.default_rng(4)
    if name == CENTRE:
        first, second = np.zeros((WIDTH, 3, 3, 3)), np.zeros((3, WIDTH, 3, 3))
        first[0, 0, 1, 1] = second[:, 0, 1, 1] = 1
    else:
        first, second = rng.normal(0, 0.3, (WIDTH, 3, 3, 3)), rng.normal(0, 0.05, (3, WIDTH, 3, 3))
    values: dict[str, Any] = {"zero": np.uint8(0), "picture.scale": np.float32(1 / 255), "features.scale": np.float32(
        1 / 255 if name == CENTRE else 0.01
    )}  # fmt: skip
    nodes = []
    for layer, weights in (("first", first), ("second", second)):
        scale = np.maximum(np.abs(weights).max(axis=(1, 2, 3)), 1e-6).astype(np.float32) / 127
        values[f"{layer}.int8"] = np.rint(weights / scale[:, None, None, None]).astype(np.int8)
        values[f"{layer}.scale"], values[f"{layer}.zero"] = scale, np.zeros(len(scale), np.int8)
        stored = [f"{layer}.int8", f"{layer}.scale", f"{layer}.zero"]
        nodes.append(helper.make_node("DequantizeLinear", stored, [f"{layer}.weight"], axis=0))
    nodes += [
        *_pair("degraded", "picture"),
        helper.make_node("Conv", ["picture", "first.weight"], ["bent"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["bent"], ["positive"]),
        *_pair("positive", "features"),
        helper.make_node("Conv", ["features", "second.weight"], ["added"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["degraded", "added"], ["restored"]),
    ]
    ports = [
        helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n", 3, "h", "w"]) for each in ("degraded", "restored")
    ]
    stored_values = [numpy_helper.from_array(np.asarray(value), key) for key, value in values.items()]
    graph = helper.make_graph(nodes, name, ports[:1], ports[1:], stored_values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _pair(source: str, result: str) -> list[onnx.NodeProto]:
    """Nodes that round to uint8 and back."""
    scale = [f"{result}.scale", "zero"]
    return [
        helper.make_node("QuantizeLinear", [source, *scale], [f"{result}.uint8"]),
        helper.make_node("DequantizeLinear", [f"{result}.uint8", *scale], [result]),
    ]
