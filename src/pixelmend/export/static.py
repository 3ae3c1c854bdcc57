"""A network for one size of picture: all arithmetic on shapes is done beforehand, and reorderings have few axes.

Converters for phones want that: they know no sizes that are left open, and most of them no more than four axes. ONNX
Runtime's basic optimizer computes what hangs on sizes alone; what it leaves standing is written another way here.
Results stay the same, since only the order of reading and cutting changes, not what is computed.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pixelmend.errors import ModelError
from pixelmend.inference.engines.ort import ort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FEW_AXES = 4
"""As many as small runtimes reorder."""
_FORBIDDEN = {"Shape", "Size", "Range", "Gather", "Mod", "ConstantOfShape", "Expand", "Tile", "NonZero", "Loop", "If"}
"""What must not be left: operators that make or read sizes."""
_BROADCASTING = {"Add", "Sub", "Mul", "Div"}


def make_static(model: Any, height: int, width: int, scale: int) -> Any:
    """The same network for a batch of one picture of one size.

    Args:
        model: An ONNX model as ``export`` writes it, with inputs (N, C, H, W); weights stored in any way, or with
            QuantizeLinear and DequantizeLinear. It is not changed.
        height: Of the picture that goes in, pixels.
        width: The same.
        scale: Output size over input size.

    Returns:
        A new ONNX model. Weights are plain float32, or int8 before a DequantizeLinear; every value has its shape noted.

    Raises:
        ModelError: Something hangs on the size still.
    """
    fixed = onnx.ModelProto.FromString(model.SerializeToString())
    for port, side in (*((each, 1) for each in fixed.graph.input), (fixed.graph.output[0], scale)):
        _set_shape(port, (1, port.type.tensor_type.shape.dim[1].dim_value, height * side, width * side))
    del fixed.graph.value_info[:]  # sizes that were open
    folded = _folded(fixed)
    for rewrite in (_drop_expands, _join_reshapes, _select_before_reordering, _merge_axes):
        rewrite(folded)
    _drop_unused(folded)
    static = _inferred(folded)
    if left := {node.op_type for node in static.graph.node} & _FORBIDDEN:
        raise ModelError(f"{', '.join(sorted(left))} could not be computed for {height}×{width} beforehand")
    return static


def drop_quantizing(model: Any) -> None:
    """Compute in floating point, in place: activations are no longer rounded, stored numbers keep their values."""
    stored = {each.name for each in model.graph.initializer}
    source: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = source.get(name, name)
        if node.op_type in {"QuantizeLinear", "DequantizeLinear"} and node.input[0] not in stored:
            source[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    _put(model.graph.node, kept)
    _drop_unused(model)


def _set_shape(port: Any, shape: Sequence[int]) -> None:
    for dimension, value in zip(port.type.tensor_type.shape.dim, shape, strict=True):
        dimension.Clear()
        dimension.dim_value = value


def _folded(model: Any) -> Any:
    """What ONNX Runtime's basic optimizer makes of a model; it uses standard operators only."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory(prefix="pixelmend-") as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        # Reorderings stay where the network has them, with no pairs behind them, so that they can be found below.
        ort.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["TransposeOptimizer", "QDQPropagationTransformer"],
        )
        folded = onnx.load(options.optimized_model_filepath)
    opsets = [each for each in model.opset_import if each.domain in {node.domain for node in folded.graph.node}]
    del folded.opset_import[:]  # it names every set of operators that it knows
    folded.opset_import.extend(opsets)
    folded.ir_version = model.ir_version
    folded.producer_name = model.producer_name
    return _inferred(folded)


def _inferred(model: Any) -> Any:
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


@dataclass(frozen=True)
class _View:
    """A graph as it is at one moment, for looking up.

    Attributes:
        shapes: Of every value, by name.
        constants: Stored values, by name.
        makers: The node behind a value, by its name.
        takers: The nodes that take a value, by its name.
    """

    shapes: dict[str, tuple[int, ...]]
    constants: dict[str, Any]
    makers: dict[str, Any]
    takers: dict[str, list[Any]]

    @classmethod
    def of(cls, model: Any) -> _View:
        """Look at a model whose shapes are noted."""
        graph = _inferred(model).graph
        ports = (*graph.value_info, *graph.input, *graph.output)
        shapes = {each.name: tuple(d.dim_value for d in each.type.tensor_type.shape.dim) for each in ports}
        takers: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                takers.setdefault(name, []).append(node)
        return cls(
            shapes,
            {each.name: numpy_helper.to_array(each) for each in graph.initializer},
            {name: node for node in model.graph.node for name in node.output},
            takers,
        )

    def reshape_before(self, node: Any) -> Any | None:
        """The Reshape that gives a node its first input, or None."""
        maker = self.makers.get(node.input[0])
        return maker if maker is not None and maker.op_type == "Reshape" else None


def _edit(model: Any, change: Callable[[_View, Any], list[Any] | None]) -> None:
    """Put in the place of each node what ``change`` makes of it; None leaves it."""
    view, nodes = _View.of(model), []
    for node in model.graph.node:
        made = change(view, node)
        nodes += [node] if made is None else made
    _put(model.graph.node, nodes)


def _constant(model: Any, name: str, values: Sequence[int]) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name


def _drop_expands(model: Any) -> None:
    """Let operators repeat along an axis by themselves."""

    def change(view: _View, node: Any) -> list[Any] | None:
        copies = [name for name in node.input if (maker := view.makers.get(name)) and maker.op_type == "Expand"]
        full = {view.shapes.get(name) for name in node.input if name not in copies}
        if node.op_type not in _BROADCASTING or not copies or full != {view.shapes[node.output[0]]}:
            return None
        inputs = [view.makers[name].input[0] if name in copies else name for name in node.input]
        return [helper.make_node(node.op_type, inputs, node.output, name=node.name)]

    _edit(model, change)
    _drop_unused(model)


def _join_reshapes(model: Any) -> None:
    """One Reshape, to sizes that are written out, for several in a row."""

    def change(view: _View, node: Any) -> list[Any] | None:
        if node.op_type != "Reshape":
            return None
        source = node.input[0]
        while (maker := view.makers.get(source)) is not None and maker.op_type == "Reshape":
            source = maker.input[0]
        return [_reshape(model, source, view.shapes[node.output[0]], node.output[0])]

    _edit(model, change)
    _drop_unused(model)


def _reshape(model: Any, source: str, sizes: Sequence[int], output: str) -> Any:
    return helper.make_node(
        "Reshape", [source, _constant(model, f"{output}.sizes", sizes)], [output], name=f"{output}.reshape"
    )


def _select_before_reordering(model: Any) -> None:
    """Cut queries, keys and values apart before their axes are reordered: one axis less to reorder."""

    def change(view: _View, node: Any) -> list[Any] | None:
        found = _selected(view, node)
        if found is None:
            return None
        reordering, axis, index = found
        reshape = view.reshape_before(reordering)
        perm = _perm(reordering)
        if reshape is None or len(perm) <= FEW_AXES:
            return None
        sizes, source, cut = view.shapes[reshape.output[0]], reshape.input[0], perm[axis]
        step = math.prod(sizes[cut + 1 :])
        *outer, last = view.shapes[source]
        if last != step * sizes[cut]:
            return None
        output = node.output[0]
        # Flat, so that a reordering before it is followed by nothing but changes of shape.
        flat = _reshape(model, source, [math.prod(outer), last], f"{output}.flat")
        ends = {"start": index * step, "end": (index + 1) * step, "axis": 1}
        bounds = [_constant(model, f"{output}.{name}", [value]) for name, value in ends.items()]
        rest = [each - (each > cut) for each in perm if each != cut]
        return [
            flat,
            helper.make_node("Slice", [f"{output}.flat", *bounds], [f"{output}.part"], name=f"{output}.cut"),
            _reshape(model, f"{output}.part", [s for a, s in enumerate(sizes) if a != cut], f"{output}.whole"),
            helper.make_node("Transpose", [f"{output}.whole"], [output], name=f"{output}.reorder", perm=rest),
        ]

    _edit(model, change)
    _drop_unused(model)


def _selected(view: _View, node: Any) -> tuple[Any, int, int] | None:
    """The Transpose whose result a node takes one place of, along which axis, and which; None where it does not."""
    if node.op_type == "Gather":
        where, source = view.constants.get(node.input[1]), node.input[0]
        axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
        start = None if where is None or where.ndim else int(where)
    elif node.op_type == "Squeeze" and (cut := view.makers.get(node.input[0])) is not None and cut.op_type == "Slice":
        starts, ends, axes = (view.constants[name].tolist() for name in cut.input[1:4])
        source, axis = cut.input[0], axes[0]
        alone = len(axes) == 1 and ends[0] == starts[0] + 1 and view.constants[node.input[1]].tolist() == axes
        start = starts[0] if alone else None
    else:
        return None
    maker = view.makers.get(source)
    return (maker, axis, start) if start is not None and maker is not None and maker.op_type == "Transpose" else None


def _perm(node: Any) -> tuple[int, ...]:
    return tuple(next(each.ints for each in node.attribute if each.name == "perm"))


def _merge_axes(model: Any) -> None:
    """Reorder neighbours that stay together as one axis, and leave out axes of one."""
    smaller: dict[str, tuple[list[int], list[int]]] = {}
    view = _View.of(model)
    for node in model.graph.node:
        if node.op_type != "Transpose" or len(_perm(node)) <= FEW_AXES:
            continue
        reshape, takers = view.reshape_before(node), view.takers[node.output[0]]
        if reshape is None or any(each.op_type != "Reshape" for each in (*takers, *view.takers[reshape.output[0]][1:])):
            continue
        sizes, perm = _merged(view.shapes[node.input[0]], _perm(node))
        if len(sizes) <= FEW_AXES:
            smaller[reshape.output[0]] = sizes, perm

    def change(_: _View, node: Any) -> list[Any] | None:
        if node.op_type == "Reshape" and node.output[0] in smaller:
            return [_reshape(model, node.input[0], smaller[node.output[0]][0], node.output[0])]
        if node.op_type == "Transpose" and node.input[0] in smaller:
            return [
                helper.make_node("Transpose", node.input, node.output, name=node.name, perm=smaller[node.input[0]][1])
            ]
        return None

    _edit(model, change)


def _merged(sizes: Sequence[int], perm: Sequence[int]) -> tuple[list[int], list[int]]:
    """Sizes and order of the fewest axes that give the same reordering.

    >>> _merged((1, 4, 8, 4, 8, 64), (0, 1, 3, 2, 4, 5))
    ([4, 8, 4, 512], [0, 2, 1, 3])
    """
    runs = list(
        _runs([axis for axis in perm if sizes[axis] > 1], [axis for axis, size in enumerate(sizes) if size > 1])
    )
    before = sorted(runs)
    return [math.prod(sizes[axis] for axis in run) for run in before], [before.index(run) for run in runs]


def _runs(order: Sequence[int], present: Sequence[int]) -> Iterator[list[int]]:
    """Stretches of an order that are neighbours among the axes that are present."""
    run: list[int] = []
    for axis in order:
        if run and present.index(axis) == present.index(run[-1]) + 1:
            run.append(axis)
            continue
        if run:
            yield run
        run = [axis]
    if run:
        yield run


def _drop_unused(model: Any) -> None:
    """Leave out nodes and stored values that nothing takes."""
    graph = model.graph
    needed = {each.name for each in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    stored = {each.name: each for each in graph.initializer if each.name in needed}  # the last of a name
    _put(graph.node, nodes[::-1])
    _put(graph.initializer, list(stored.values()))


def _put(field: Any, values: Sequence[Any]) -> None:
    """Fill a repeated field of a protobuf message anew; it copies what it takes."""
    kept = [type(each).FromString(each.SerializeToString()) for each in values]
    del field[:]
    field.extend(kept)
