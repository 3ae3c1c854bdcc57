"""Files for devices: of one size, in other operators, from weights stored in any way; the same result, or refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import pixelmend
from pixelmend import catalog
from pixelmend.errors import ModelError, UsageError
from pixelmend.export import export, write_variant
from pixelmend.export.opset import OPSETS, convert_opset
from pixelmend.export.static import FEW_AXES, make_static
from pixelmend.inference import OnnxEngine
from tests.export.networks import quantized, stored, varied

if TYPE_CHECKING:
    from pathlib import Path

SIZE_OPERATORS = {"Shape", "Size", "Range", "Gather", "Mod", "ConstantOfShape", "Expand", "Tile", "Where", "Equal"}
SHAPES = {
    "attention of every kind": (varied(widths=(8, 64), window=8, head_width=16, attention="normalized"), "float32"),
    "enlarging": (varied(scale=3, conditions=("mask", "noise_level"), skips="concatenate"), "int8"),
    "folded": (varied(unshuffle=2, decoder="gated", context=("window",)), "float16"),
}
CARDS = (*SHAPES, "whole numbers")


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, catalog.Card]:
    """Exported networks of several shapes, stored in every way, and one that computes with whole numbers."""
    made = {}
    for name, (config, storage) in SHAPES.items():
        path = stored(config, tmp_path_factory.mktemp("weights"))
        made[name] = export(path, path.parent, tile=64, overlap=32, storage=storage).card
    made["whole numbers"] = quantized(made["attention of every kind"], tmp_path_factory.mktemp("whole"))
    return made


def fed(card: catalog.Card, height: int, width: int) -> tuple[Any, dict[str, Any]]:
    generator = np.random.default_rng(3)
    told = {name: generator.random((1, 1, height, width), dtype=np.float32) / 2 for name in card.conditions}
    return generator.random((1, 3, height, width), dtype=np.float32), told


def rank(graph: Any) -> int:
    """Most axes of any reordering."""
    return max(len(a.ints) for node in graph.node if node.op_type == "Transpose" for a in node.attribute)


@pytest.mark.parametrize("name", CARDS)
def test_a_static_file_gives_what_the_open_one_gives(name: str, cards: dict[str, catalog.Card], tmp_path: Path) -> None:
    card, size = cards[name], (64, 96)
    made = write_variant(card, tmp_path, size=size, overlap=32)
    assert made.psnr > 100
    picture, told = fed(card, *size)
    wanted = OnnxEngine(card.path, "cpu").run(picture, told)
    got = OnnxEngine(made.card.path, "cpu").run(picture, told)
    assert got.shape == (1, 3, 64 * card.scale, 96 * card.scale)
    assert np.abs(wanted - got).max() < 1e-5
    assert np.abs(wanted).std() > 0.05


@pytest.mark.parametrize("name", CARDS)
def test_no_arithmetic_on_sizes_is_left(name: str, cards: dict[str, catalog.Card]) -> None:
    card = cards[name]
    source = onnx.load(card.path)
    before = source.SerializeToString(deterministic=True)
    static = make_static(source, 64, 96, card.scale)
    assert source.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(static, full_check=True)
    assert not {node.op_type for node in static.graph.node} & SIZE_OPERATORS
    assert {node.domain for node in static.graph.node} == {""}
    ports = (*static.graph.input, *static.graph.output, *static.graph.value_info)
    assert all(d.dim_value > 0 for each in ports for d in each.type.tensor_type.shape.dim)
    assert [port.type.tensor_type.shape.dim[0].dim_value for port in static.graph.input] == [1] * (
        1 + len(card.conditions)
    )
    # Folding 2×2 pixels into channels is the one reordering that needs more.
    assert rank(source.graph) > FEW_AXES
    assert rank(static.graph) <= (6 if name == "folded" else FEW_AXES)
    counted = Counter(node.op_type for node in static.graph.node)
    assert counted["Cast"] == 0
    assert bool(counted["DequantizeLinear"]) == bool(counted["QuantizeLinear"]) == (name == "whole numbers")


def test_whole_numbers_stay_whole(cards: dict[str, catalog.Card], tmp_path: Path) -> None:
    card = cards["whole numbers"]
    made = write_variant(card, tmp_path, size=(64, 64), overlap=32).card
    types = [Counter(t.data_type for t in onnx.load(each.path).graph.initializer) for each in (card, made)]
    assert types[1][onnx.TensorProto.INT8] == types[0][onnx.TensorProto.INT8] > 0
    assert made.storage == "int8"
    assert write_variant(cards["enlarging"], tmp_path, size=(64, 64), overlap=32).card.storage == "float32"


def test_the_card_says_which_size(cards: dict[str, catalog.Card], tmp_path: Path) -> None:
    card = replace(cards["folded"], scores=(catalog.Score("set", "σ 25", 30.0, 0.9, {}),))
    made = write_variant(card, tmp_path / "new", size=(64, 128)).card
    assert (made.name, made.file) == ("denoise-tiny-64x128", "denoise-tiny-64x128.onnx")
    assert (made.fixed, made.tile, made.minimum, made.overlap) == ((64, 128), 128, 64, 16)
    assert made.scores == ()
    assert catalog.load(tmp_path / "new" / "denoise-tiny-64x128.json") == made
    catalog.verify(made)
    assert json.loads(made.to_json())["fixed"] == [64, 128]
    again = write_variant(card, tmp_path / "again", size=(64, 128)).card
    assert again.path.read_bytes() == made.path.read_bytes()


@pytest.mark.parametrize("shape", [(20, 33), (64, 96), (65, 200)])
def test_pictures_of_any_size_are_restored_with_it(
    shape: tuple[int, int], cards: dict[str, catalog.Card], tmp_path: Path
) -> None:
    card = cards["folded"]
    made = write_variant(card, tmp_path, size=(64, 96), overlap=32).card
    picture = np.random.default_rng(5).random((*shape, 3), dtype=np.float32)
    got = pixelmend.restore(picture, made, sigma=20)
    # The open file, fed the same pieces.
    wanted = pixelmend.restore(picture, replace(card, fixed=made.fixed, tile=96, minimum=64, overlap=32), sigma=20)
    assert got.shape == (*shape, 3)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert np.abs(got - picture).mean() > 0.01


@pytest.mark.parametrize("opset", range(OPSETS[0], OPSETS[1] + 1))
def test_every_version_of_the_operators_gives_the_same(
    opset: int, cards: dict[str, catalog.Card], tmp_path: Path
) -> None:
    for name, size in (("attention of every kind", (64, 64)), ("folded", None), ("whole numbers", (64, 64))):
        made = write_variant(cards[name], tmp_path, size=size, opset=opset)
        # Whole numbers round to neighbours where a tanh differs in its last digit.
        assert made.psnr > (60 if name == "whole numbers" else 100)
        assert [each.version for each in onnx.load(made.card.path).opset_import if not each.domain] == [opset]
        assert made.card.name.endswith(f"-opset{opset}")
        assert made.card.fixed == (size or ())
        assert made.card.storage == {"folded": "float16", "whole numbers": "int8"}.get(name, "float32")


@pytest.mark.parametrize("opset", [OPSETS[0] - 1, OPSETS[1] + 1, 0])
def test_other_versions_are_refused(opset: int, cards: dict[str, catalog.Card], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"got opset {opset}, wanted 17 \(the first with layer norm\) to 24"):
        write_variant(cards["folded"], tmp_path, opset=opset)
    assert list(tmp_path.iterdir()) == []


def test_an_operator_without_an_older_form_is_told(cards: dict[str, catalog.Card]) -> None:
    network = onnx.load(cards["enlarging"].path)
    with pytest.raises(ModelError, match=r"cannot be written in opset 17 \(.*Pad.*\): choose a newer one"):
        convert_opset(network, 17)
    assert convert_opset(network, 18).opset_import[0].version == 18


@pytest.mark.parametrize(
    ("size", "overlap", "why"),
    [
        ((72, 64), None, "needs multiples of 16"),
        ((0, 64), None, "needs multiples of 16"),
        ((64, 64), 64, "overlap 64 must be a multiple of 16 below the size 64"),
        ((64, 64), 24, "overlap 24 must be"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    size: tuple[int, int], overlap: int | None, why: str, cards: dict[str, catalog.Card], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=why):
        write_variant(cards["folded"], tmp_path, size=size, overlap=overlap)
    assert list(tmp_path.iterdir()) == []


def test_a_static_file_is_not_made_static_again(cards: dict[str, catalog.Card], tmp_path: Path) -> None:
    made = write_variant(cards["folded"], tmp_path, size=(64, 96)).card
    with pytest.raises(UsageError, match=r"takes 64×96 only: name what it was made from"):
        write_variant(made, tmp_path, size=(64, 64))
    assert write_variant(made, tmp_path, opset=18).card.name == "denoise-tiny-64x96-opset18"


def test_a_file_that_differs_is_refused(
    cards: dict[str, catalog.Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(network: Any, *_: Any) -> Any:
        static = make_static(network, 64, 64, 1)
        for node in static.graph.node:
            if node.op_type == "Relu":
                node.op_type = "Neg"
        return static

    monkeypatch.setattr("pixelmend.export.variants.make_static", wrong)
    with pytest.raises(ModelError, match=r"wanted 60 dB or more\): nothing was written"):
        write_variant(cards["folded"], tmp_path, size=(64, 64))
    assert list(tmp_path.iterdir()) == []
