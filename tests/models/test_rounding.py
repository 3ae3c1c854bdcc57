"""Rounding of features against PyTorch's own fake quantization and ONNX's reference, and where it stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from pixelmend.errors import ModelError
from pixelmend.models import Hybrid, HybridConfig
from pixelmend.models.blocks import Point
from pixelmend.models.rounding import HIGHEST, Rounded, points, replace_points, round_points

CONFIG = HybridConfig(
    widths=(8, 16), encoder_blocks=(1, 0), decoder_blocks=(0,), context=("window",), window=2, head_width=8
)
PLACES = (
    "point_stem", "point_head",
    "encoder.0.0.point_hidden", "encoder.0.0.point_change", "encoder.0.0.point_sum",
    "downs.0.point_given", "downs.0.point_halved",
    "context.0.attention.point_qkv", "context.0.attention.point_mixed",
    "context.0.point_normed1", "context.0.point_change1", "context.0.point_sum1",
    "context.0.point_normed2", "context.0.point_expanded", "context.0.point_gated",
    "context.0.point_change2", "context.0.point_sum2",
    "ups.0.point_change", "ups.0.point_sum",
)  # fmt: skip


def features() -> torch.Tensor:
    """Values within every range that is tried here, and far outside."""
    return 3 * torch.randn(2, 5, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("scale", "zero"), [(0.031, 0), (0.0173, 131), (0.25, 255), (0.5, 17)])
def test_it_is_what_pytorch_calls_fake_quantization(scale: float, zero: int) -> None:
    given = features()
    wanted = torch.fake_quantize_per_tensor_affine(given, scale, zero, 0, HIGHEST)
    got = Rounded(scale, zero, "here")(given)
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=0)
    assert len(got.unique()) > 5
    assert float((got - given).abs().max()) > scale  # something was clipped


def test_it_is_what_onnx_means_halves_among_it() -> None:
    scale, zero = 0.25, 100
    halves = torch.arange(-450, 1000).float() / 8
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "scale", "y")]
    ports.insert(2, helper.make_tensor_value_info("zero", TensorProto.UINT8, []))
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["whole"]),
        helper.make_node("DequantizeLinear", ["whole", "scale", "zero"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "pair", ports[:3], ports[3:])
    feeds = {"x": halves.numpy(), "scale": np.float32(scale), "zero": np.uint8(zero)}
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    (wanted,) = ReferenceEvaluator(model).run(None, feeds)
    np.testing.assert_array_equal(Rounded(scale, zero, "here")(halves).numpy(), wanted)


def test_points_are_all_places_in_order() -> None:
    assert set(points(Hybrid(CONFIG))) == set(PLACES)
    assert list(points(Hybrid(CONFIG))) == [name for name, m in Hybrid(CONFIG).named_modules() if type(m) is Point]


@torch.no_grad()
def test_each_place_rounds_what_passes_there_and_no_other() -> None:
    torch.manual_seed(0)
    model = Hybrid(CONFIG).eval()
    given = torch.rand(1, 3, 8, 16), torch.full((1, 1, 1, 1), 0.1)
    for place in PLACES:
        rounded = Hybrid(CONFIG).eval()
        rounded.load_state_dict(model.state_dict())
        round_points(rounded, {place: (0.05, 128)})
        assert {name for name, point in points(rounded).items() if isinstance(point, Rounded)} == {place}
        passed: list[torch.Tensor] = []
        points(rounded)[place].register_forward_hook(lambda _module, _given, made, to=passed: to.append(made))
        rounded(*given)
        (seen,) = passed
        assert seen.numel() > 0
        torch.testing.assert_close(seen / 0.05, (seen / 0.05).round(), rtol=0, atol=1e-3)


def test_a_place_that_is_not_there_is_refused_and_nothing_is_changed() -> None:
    model = Hybrid(CONFIG)
    with pytest.raises(ModelError, match=r"no point encoder\.3\.0\.point_sum: it is another one"):
        round_points(model, {"point_stem": (0.1, 0), "encoder.3.0.point_sum": (0.1, 0)})
    with pytest.raises(ModelError, match="no point stem"):
        replace_points(model, {"stem": Point()})
    assert all(type(point) is Point for point in points(model).values())
