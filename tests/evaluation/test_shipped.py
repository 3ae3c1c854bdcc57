"""An exported model is measured from its card, and is restored just as the restorer restores it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from pixelmend.catalog import Card, Training
from pixelmend.errors import ModelError
from pixelmend.evaluation import Setup, make_methods
from pixelmend.images import ArrayPicture
from pixelmend.inference import OnnxEngine, Options, restore_picture

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.evaluation import Method


def write_model(path: Path) -> None:
    """A network that blurs over 3×3 and takes the noise level away, so that edges and conditions show."""
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[range(3), range(3)] = 1 / 9
    nodes = [
        helper.make_node("Conv", ["degraded", "kernel"], ["blurred"], pads=[1, 1, 1, 1]),
        helper.make_node("Sub", ["blurred", "noise_level"], ["restored"]),
    ]

    def value(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])

    weights = helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.ravel())
    inputs = [value("degraded", 3), value("noise_level", 1)]
    graph = helper.make_graph(nodes, "blur", inputs, [value("restored", 3)], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


@pytest.fixture
def card(tmp_path: Path) -> Card:
    write_model(tmp_path / "blur.onnx")
    card = Card(
        name="blur",
        task="denoise",
        size="small",
        file="blur.onnx",
        sha256=hashlib.sha256((tmp_path / "blur.onnx").read_bytes()).hexdigest(),
        parameters=81,
        scale=1,
        conditions=("noise_level",),
        multiple_of=16,
        minimum=32,
        tile=512,
        overlap=32,
        sigma_range=(0.0, 75.0),
        licence="CC0",
        training=Training(data=(), mpx=0.0, minutes=0.0, device="none", recipe="none"),
        scores=(),
        folder=tmp_path,
    )
    (tmp_path / "blur.json").write_text(card.to_json())
    return card


def method_for(path: Path) -> Method:
    return make_methods(["pixelmend"], [("pixelmend", str(path))], Setup(threads=1))[0]


@pytest.mark.parametrize("suffix", [".onnx", ".json"])
def test_it_is_what_its_card_says(card: Card, suffix: str) -> None:
    method = method_for(card.path.with_suffix(suffix))
    assert (method.label, method.parameters, method.weights) == ("pixelmend", 81, card.sha256)
    flat = np.full((40, 56, 3), 0.5, np.float32)
    assert np.allclose(method.restore(flat, 51)[1:-1, 1:-1], 0.3, atol=1e-6)


@pytest.mark.parametrize("shape", [(50, 70, 3), (50, 70, 1), (5, 90, 3)])
def test_it_restores_as_the_restorer_does(card: Card, shape: tuple[int, ...]) -> None:
    pixels: npt.NDArray[np.float32] = np.random.default_rng(4).normal(0.5, 0.2, shape).astype(np.float32)
    picture = ArrayPicture(pixels, alpha=None, original=pixels)
    expected, report = restore_picture(picture, card, OnnxEngine(card.path), Options(sigma=25))
    assert report.tiles == 1
    gray = shape[2] == 1
    restored = method_for(card.path).restore(pixels[..., 0] if gray else pixels, 25)
    assert np.allclose(np.clip(restored, 0, 1), expected[..., 0] if gray else expected, atol=1e-6)


def test_a_file_that_is_not_its_cards_is_refused(card: Card) -> None:
    card.path.write_bytes(card.path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="SHA-256"):
        method_for(card.path)
