"""Files in int8: what they hold, and that a runtime gives with them what PyTorch gives that rounds."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from pixelmend import catalog
from pixelmend.export import export, read_weights
from pixelmend.export.from_onnx import read_onnx
from pixelmend.export.integers import SUBPIXEL, _quantized, read_rounding, to_integers
from pixelmend.export.onnx import _trace, _write
from pixelmend.export.parity import example, psnr_between
from pixelmend.export.static import make_static
from pixelmend.export.storage import store
from pixelmend.inference import OnnxEngine
from pixelmend.models import Hybrid, HybridConfig, save_model
from pixelmend.models.gains import fold_gains
from pixelmend.models.rounding import points, round_points
from tests.export.networks import header, woken

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pixelmend.models.rounding import Rounding

WHOLE = HybridConfig(
    widths=(8, 16, 24),
    encoder_blocks=(0, 1, 0),
    decoder_blocks=(1, 0),
    context=("window", "shifted", "channel"),
    window=2,
    head_width=8,
)
SMALL = HybridConfig(
    widths=(8, 16), encoder_blocks=(1, 0), decoder_blocks=(0,), context=("channel",), window=2, head_width=8
)
CONFIGS = {
    "whole": WHOLE,
    "scale 2": HybridConfig.model_validate({**SMALL.model_dump(), "scale": 2, "conditions": ()}),
    "unshuffle": HybridConfig.model_validate({**SMALL.model_dump(), "unshuffle": 2, "context": ("shifted",)}),
}
LEFT_OUT = ("encoder.0.0", "context.0.attention", "ups.0.point_sum")
"""Parts that stay in floating point in one of the files."""


@dataclass(frozen=True)
class Made:
    """A network and its file in int8."""

    model: Hybrid
    rounding: Rounding
    path: Path

    def inputs(self, height: int = 32, width: int = 48) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """A damaged picture, and what is told of it."""
        degraded, told = example(self.model.config.conditions, height, width)
        return degraded, dict(told)

    @torch.no_grad()
    def by_pytorch(self, degraded: NDArray[np.float32], told: dict[str, Any], changed: Rounding | None = None) -> Any:
        """What it is to give: weights rounded here, channel by channel, features as was said."""
        whole = read_onnx(self.path, self.model.config)
        round_points(whole, self.rounding if changed is None else changed)
        return whole(*(torch.from_numpy(each) for each in (degraded, *told.values()))).numpy()


@torch.no_grad()
def ranges(model: Hybrid) -> Rounding:
    """Ranges from the smallest to the largest value that is seen at each point."""
    seen: dict[str, tuple[float, float]] = {}

    def watch(name: str) -> Any:
        def hook(_module: Any, _given: Any, features: torch.Tensor) -> None:
            seen[name] = min(float(features.min()), 0.0), max(float(features.max()), 0.0)

        return hook

    hooks = [point.register_forward_hook(watch(name)) for name, point in points(model).items()]
    degraded, told = example(model.config.conditions, 64, 64)
    model(*(torch.from_numpy(each) for each in (degraded, *told.values())))
    for each in hooks:
        each.remove()
    steps = {name: (high - low) / 255 for name, (low, high) in seen.items()}
    return {name: (steps[name], round(-low / steps[name])) for name, (low, _) in seen.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """One file of each configuration; and one, by way of `export`, of which parts stay in floating point."""
    found = {}
    for name, config in CONFIGS.items():
        model = woken(config)
        rounding, rounds = ranges(model), copy.deepcopy(model)
        round_points(rounds, rounding)
        network = _trace(rounds)
        to_integers(network)
        store(network, "int8")
        path = tmp_path_factory.mktemp("int8") / "network.onnx"
        _write(network, path)
        found[name] = Made(model, rounding, path)
    model, folder = woken(SMALL), tmp_path_factory.mktemp("partly")
    rounding = {name: numbers for name, numbers in ranges(model).items() if not name.startswith(LEFT_OUT)}
    save_model(model, folder / "weights.safetensors", {**header(SMALL), "rounding": rounding})
    card = export(folder / "weights.safetensors", folder, tile=64, overlap=32, storage="int8").card
    return {**found, "partly": Made(model, rounding, card.path)}


@pytest.fixture(params=[*CONFIGS, "partly"])
def one(request: pytest.FixtureRequest, made: dict[str, Made]) -> Made:
    chosen: Made = made[request.param]
    return chosen


def test_it_gives_what_pytorch_gives_that_rounds(one: Made) -> None:
    degraded, told = one.inputs()
    got = OnnxEngine(one.path, "cpu", precision="int8").run(degraded, told)
    assert psnr_between(got, one.by_pytorch(degraded, told)) > 40
    # Rounded elsewhere, or not at all, it is further away: what is compared would see a pair at a wrong place.
    halved = {name: (2 * scale, zero // 2) for name, (scale, zero) in one.rounding.items()}
    reached = psnr_between(got, one.by_pytorch(degraded, told))
    for other in ({}, halved):
        assert psnr_between(got, one.by_pytorch(degraded, told, other)) < reached - 3


def test_in_floating_point_it_is_the_network_with_rounded_weights(one: Made) -> None:
    degraded, told = one.inputs()
    got = OnnxEngine(one.path, "cpu", precision="float32").run(degraded, told)
    assert psnr_between(got, one.by_pytorch(degraded, told, {})) > 80
    # Weights are those of the original to 7 bits.
    with torch.no_grad():
        original = one.model(*(torch.from_numpy(each) for each in (degraded, *told.values()))).numpy()
    assert psnr_between(original, degraded.repeat(one.model.config.scale, 2).repeat(one.model.config.scale, 3)) < 20
    assert psnr_between(got, original) > 25


def test_onnx_itself_means_the_same(made: dict[str, Made]) -> None:
    """By the reference implementation of the standard, which knows no shortcuts."""
    for name in ("partly", "scale 2"):
        degraded, told = made[name].inputs(8, 12)
        (wanted,) = ReferenceEvaluator(onnx.load(made[name].path)).run(None, {"degraded": degraded, **told})
        got = OnnxEngine(made[name].path, "cpu", precision="int8").run(degraded, told)
        assert psnr_between(np.asarray(wanted), got) > 40


def graph_of(one: Made) -> tuple[Any, dict[str, Any], dict[str, Any], dict[str, list[Any]]]:
    """The graph, what it stores, what makes each value, and what takes it."""
    graph = onnx.load(one.path).graph
    takers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    return graph, stored, {name: node for node in graph.node for name in node.output}, takers


def test_layers_between_pairs_are_int8_and_others_are_not(one: Made) -> None:
    graph, stored, makers, takers = graph_of(one)
    whole = []
    for node in [each for each in graph.node if each.op_type == "Conv"]:
        source = makers.get(node.input[0])
        following = takers[node.output[0]]
        if [each.op_type for each in following] == ["Relu"]:
            following = takers[following[0].output[0]]
        between = source is not None and source.op_type == "DequantizeLinear"
        between = between and all(each.op_type == "QuantizeLinear" for each in following)
        maker = makers.get(node.input[1])
        assert (maker is not None and maker.op_type == "DequantizeLinear") == between
        if not between:
            continue
        assert source is not None
        whole.append(node)
        weight, bias = makers[node.input[1]], makers[node.input[2]]
        numbers, scales, zeros = (stored[name] for name in weight.input)
        assert numbers.dtype == zeros.dtype == np.int8
        assert scales.shape == (len(numbers),)
        assert not zeros.any()
        assert set(np.abs(numbers.astype(int)).reshape(len(numbers), -1).max(axis=1)) <= {0, 127}
        sums, steps, zeros = (stored[name] for name in bias.input)
        assert sums.dtype == zeros.dtype == np.int32
        np.testing.assert_array_equal(steps, scales * stored[source.input[1]])
    convolutions = sum(isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)) for m in one.model.modules())
    if len(one.rounding) == len(points(one.model)):
        # All but the first, and those around windows that are moved, which happens in floating point.
        assert len(whole) == convolutions - 1 - 2 * one.model.config.context.count("shifted")
    else:
        assert 3 <= len(whole) < convolutions - 3


def test_pairs_are_uint8_each_with_one_taker(one: Made) -> None:
    graph, stored, makers, takers = graph_of(one)
    pairs = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] not in stored]
    assert pairs
    assert {each.domain for each in graph.node} == {""}
    for node in pairs:
        assert len(takers[node.output[0]]) == 1
        source = makers[node.input[0]]
        assert source.op_type == "QuantizeLinear"
        assert len(takers[source.output[0]]) == 1
        assert list(source.input[1:]) == list(node.input[1:])
        scale, zero = (stored[name] for name in node.input[1:])
        assert (scale.dtype, zero.dtype) == (np.float32, np.uint8)
    rounded = {node.input[1].removesuffix(".scale") for node in pairs}
    assert rounded == one.rounding.keys()
    assert not any(node.op_type == "DepthToSpace" for node in graph.node if makers.get(node.input[0]) in pairs)


def test_what_was_put_in_is_read_again(one: Made) -> None:
    graph = onnx.load(one.path).graph
    found = read_rounding(one.model, graph)
    assert {name: zero for name, (_, zero) in found.items()} == {name: zero for name, (_, zero) in one.rounding.items()}
    scales = {name: float(np.float32(scale)) for name, (scale, _) in one.rounding.items()}
    assert {name: scale for name, (scale, _) in found.items()} == scales
    # Weights to within a step of their channel; those of layers before pixels are spread come back in PyTorch's order.
    spread = [node for node in graph.node if any(each.key == SUBPIXEL for each in node.metadata_props)]
    assert len(spread) == len(one.model.ups) + (one.model.config.unshuffle * one.model.config.scale > 1)
    read, original = read_onnx(one.path, one.model.config), copy.deepcopy(one.model)
    fold_gains(read)
    fold_gains(original)
    wanted = dict(original.named_parameters())
    for name, parameter in read.named_parameters():
        if name.endswith("weight") and parameter.ndim in {2, 4}:
            largest = wanted[name].detach().abs().flatten(1).amax(dim=1)
            apart = (parameter - wanted[name]).detach().abs().flatten(1).amax(dim=1)
            assert bool((apart <= 0.03 * largest).all()), name


def test_batches_and_oblong_pictures_give_what_single_ones_give(one: Made) -> None:
    engine = OnnxEngine(one.path, "cpu", precision="int8")
    side = one.model.config.multiple_of
    for height, width in ((side, side), (side, 5 * side), (6 * side, 2 * side)):
        pictures = np.random.default_rng(0).random((3, 3, height, width), dtype=np.float32)
        told: dict[str, NDArray[np.float32]] = {
            n: np.full((3, 1, height, width), 0.1, np.float32) for n in one.model.config.conditions
        }
        together = engine.run(pictures, told)
        assert together.shape == (3, 3, height * one.model.config.scale, width * one.model.config.scale)
        for number in range(3):
            alone = engine.run(pictures[number : number + 1], {name: each[:1] for name, each in told.items()})
            np.testing.assert_allclose(together[number : number + 1], alone, atol=1e-5)


def test_a_network_of_one_size_gives_the_same(one: Made, tmp_path: Path) -> None:
    degraded, told = one.inputs()
    static = make_static(onnx.load(one.path), 32, 48, one.model.config.scale)
    onnx.save(static, tmp_path / "static.onnx")
    got = OnnxEngine(tmp_path / "static.onnx", "cpu").run(degraded, told)
    wanted = OnnxEngine(one.path, "cpu").run(degraded, told)
    assert psnr_between(got, wanted) > 45
    assert sum(node.op_type == "QuantizeLinear" for node in static.graph.node) >= len(one.rounding)


def test_weights_read_from_a_file_give_it_again(made: dict[str, Made], tmp_path: Path) -> None:
    one = made["partly"]
    model, noted = read_weights(one.path)
    assert noted["rounding"].keys() == one.rounding.keys()
    assert isinstance(model, Hybrid)
    again = export(one.path, tmp_path, tile=64, overlap=32, storage="int8")
    assert again.card.path.read_bytes() == one.path.read_bytes()
    assert again.card == catalog.load(one.path.with_suffix(".json"))
    assert (again.card.precision, again.card.storage) == ("int8", "int8")
    assert again.rounding > 20
    assert all(each.psnr > 80 for each in again.parity)


def test_a_bias_far_above_its_weights_keeps_its_value() -> None:
    """It is counted in products of two scales, of which int32 holds so many: then the scale of the weights grows."""
    weights = np.random.default_rng(0).normal(0, 1, (4, 2, 1, 1)).astype(np.float32)
    weights[1] *= 1e-12
    weights[3] *= 3e-6
    weights[2] = 0
    bias = np.array([0.3, -0.4, 0.5, 1.3], np.float32)
    nodes = [
        helper.make_node("Rounded", ["x"], ["given"], domain="pixelmend", place="one", scale=1 / 64, zero=0),
        helper.make_node("Conv", ["given", "weight", "bias"], ["made"]),
        helper.make_node("Rounded", ["made"], ["y"], domain="pixelmend", place="two", scale=1 / 64, zero=128),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, c, "h", "w"]) for name, c in (("x", 2), ("y", 4))
    ]
    stored = [numpy_helper.from_array(weights, "weight"), numpy_helper.from_array(bias, "bias")]
    graph = helper.make_graph(nodes, "one", ports[:1], ports[1:], stored)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("pixelmend", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    to_integers(model)
    onnx.checker.check_model(model)
    x = np.random.default_rng(1).integers(0, 64, (1, 2, 3, 3)).astype(np.float32) / 64
    (got,) = ReferenceEvaluator(model).run(None, {"x": x})
    wanted = np.einsum("oi,nihw->nohw", weights[:, :, 0, 0], x) + bias[None, :, None, None]
    assert np.abs(np.asarray(got) - wanted.clip(-2, 127 / 64)).max() < 1.5 / 64
    made = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    kept = made["bias.int32"].astype(np.float64) * made["bias.scale"]
    np.testing.assert_allclose(kept, bias, rtol=1e-4)
    # Read back, as `read_onnx` does, they are the same numbers.
    again = [made["weight.int8"] * made["weight.scale"][:, None, None, None], kept.astype(np.float32)]
    whole, scales = _quantized(again[0], again[1], 1 / 64)
    np.testing.assert_array_equal(whole, made["weight.int8"])
    np.testing.assert_array_equal(scales, made["weight.scale"])
