"""Weights stored compactly: rounded as well as can be, once, and back in float32 before anything runs."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx as onnx_format
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pixelmend.catalog.card import STORAGES
from pixelmend.errors import ModelError, UnknownNameError
from pixelmend.export import onnx
from pixelmend.export.storage import constants, fold, quantize, store
from tests.export.networks import WIDE, woken

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def graph_of(nodes: list[Any], tensors: dict[str, NDArray[np.float32]]) -> Any:
    """A model of one input and one output with these constants."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("given", "result")]
    stored = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "small", ports[:1], ports[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model: Any, given: NDArray[np.float32]) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"given": given})[0]


def optimized(model: Any, path: Path) -> Any:
    """The graph that ONNX Runtime makes of a model when it loads it."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx_format.load(path).graph


def weights(seed: int = 0, shape: tuple[int, ...] = (64, 16, 3, 3)) -> NDArray[np.float32]:
    """Like those of a layer: channels of very different size, and a few large values in each."""
    generator = np.random.default_rng(seed)
    values = generator.standard_t(4, shape) * 10.0 ** generator.uniform(-6, 2, (shape[0], *[1] * (len(shape) - 1)))
    return values.astype(np.float32)


def errors(values: NDArray[np.float32], whole: Any, scales: Any) -> Any:
    return np.square(whole * scales.astype(np.float64) - values).reshape(len(values), -1).sum(1)


def test_int8_is_never_worse_than_the_whole_range_and_often_better() -> None:
    values = weights()
    whole, scales = quantize(values, 0)
    assert whole.dtype == np.int8
    assert scales.dtype == np.float32
    assert scales.shape == (64, 1, 1, 1)
    assert np.abs(whole).reshape(64, -1).max(1).tolist() == [127] * 64
    plain = np.abs(values).max(axis=(1, 2, 3), keepdims=True) / 127
    naive = errors(values, np.rint(values / plain), plain)
    got = errors(values, whole, scales)
    assert (got <= naive * 1.001).all()  # scales are kept to 17 bits
    assert (got / naive).mean() < 0.98


def test_channels_lie_on_the_axis_that_is_named() -> None:
    values = weights(shape=(64, 32))
    (whole, scales), (turned, turned_scales) = quantize(values, 0), quantize(values.T, -1)
    assert turned_scales.shape == (1, 64)
    assert np.array_equal(turned, whole.T)
    assert np.array_equal(turned_scales, scales.T)


def test_int8_products_are_exact_and_rounding_again_changes_nothing() -> None:
    for seed in range(20):
        whole, scales = quantize(weights(seed), 0)
        product = whole.astype(np.float32) * scales
        assert np.array_equal(product.astype(np.float64), whole * scales.astype(np.float64))
        again, same = quantize(product, 0)
        assert np.array_equal(again, whole)
        assert np.array_equal(same, scales)


def test_a_channel_of_zeros_stays_zero() -> None:
    values = weights()
    values[3] = 0
    values[4] = 1e-44  # too small for a scale of its own
    whole, scales = quantize(values, 0)
    assert not whole[3:5].any()
    assert scales[3:5].ravel().tolist() == [1, 1]
    assert np.abs(whole[5]).max() == 127


def test_gains_become_part_of_the_weights() -> None:
    values, gain = weights(), np.linspace(-2, 2, 64, dtype=np.float32).reshape(-1, 1, 1, 1)
    nodes = [
        helper.make_node("Mul", ["weight", "gain"], ["scaled"]),
        helper.make_node("Conv", ["given", "scaled"], ["features"]),
        helper.make_node("Mul", ["features", "gain2"], ["result"]),
    ]
    model = graph_of(nodes, {"weight": values, "gain": gain, "gain2": gain[None, :, 0]})
    given = np.random.default_rng(0).random((1, 16, 8, 8), dtype=np.float32)
    before = run(model, given)
    fold(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Mul"]
    assert {each.name for each in model.graph.initializer} == {"scaled", "gain2"}
    assert np.array_equal(constants(model.graph)["scaled"], values * gain)
    assert np.array_equal(run(model, given), before)


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_large_tensors_are_stored_compactly_and_no_others(storage: str) -> None:
    tensors = {
        "weight": weights(), "few": weights(shape=(31, 33)), "one_axis": weights(shape=(2048,)),
        "matrix": weights(shape=(32, 40)),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["given", "weight"], ["features"]),
        *(helper.make_node("MatMul", ["given", name], [f"unused {name}"]) for name in ("few", "one_axis", "matrix")),
        helper.make_node("Identity", ["features"], ["result"]),
    ]
    model = graph_of(nodes, tensors)
    store(model, storage)
    types = {each.name: each.data_type for each in model.graph.initializer}
    small = TensorProto.FLOAT16 if storage == "float16" else TensorProto.INT8
    assert {name for name, kind in types.items() if kind == small} == {f"weight.{storage}", f"matrix.{storage}"}
    assert types["few"] == types["one_axis"] == TensorProto.FLOAT
    known = constants(model.graph)
    if storage == "float16":
        assert np.array_equal(known["weight"], tensors["weight"].astype(np.float16).astype(np.float32))
    else:
        assert known["weight.scale"].shape == (64, 1, 1, 1)
        assert known["matrix.scale"].shape == (1, 40)  # a matrix gives its columns
        assert np.array_equal(known["matrix"], np.multiply(*quantize(tensors["matrix"], -1), dtype=np.float32))
    assert known["weight"].dtype == np.float32


def test_what_is_read_is_what_the_runtime_computes_with() -> None:
    for storage in STORAGES:
        model = graph_of(
            [helper.make_node("MatMul", ["given", "matrix"], ["result"])], {"matrix": weights(0, (48, 40))}
        )
        store(model, storage)
        assert np.array_equal(run(model, np.eye(48, dtype=np.float32)), constants(model.graph)["matrix"])


def test_the_runtime_makes_float32_of_the_weights_when_it_loads_them(tmp_path: Path) -> None:
    """What runs has the same operators on constants of the same size, however the weights were stored."""
    seen = []
    traced = onnx._trace(woken(WIDE))
    for storage in STORAGES:
        model = type(traced).FromString(traced.SerializeToString())
        store(model, storage)
        onnx_format.checker.check_model(model, full_check=True)
        graph = optimized(model, tmp_path / f"{storage}.onnx")
        stored = {each.name for each in graph.initializer}
        on_constants = [node.op_type for node in graph.node if stored.issuperset(node.input)]
        shapes = sorted((each.data_type, *each.dims) for each in graph.initializer)
        seen.append((collections.Counter(node.op_type for node in graph.node), on_constants, shapes))
    assert {kind for kind, *_ in seen[0][2]} == {TensorProto.FLOAT, TensorProto.INT64}
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def test_weights_too_large_for_float16_are_refused() -> None:
    values = weights()
    values[0, 0] = 70_000
    model = graph_of([helper.make_node("Conv", ["given", "weight"], ["result"])], {"weight": values})
    with pytest.raises(ModelError, match=r"weight holds weights beyond ±65504.*store them as float32"):
        store(model, "float16")
    store(model, "int8")


def test_only_three_ways_are_known() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown storage 'float8': did you mean"):
        store(graph_of([], {}), "float8")
