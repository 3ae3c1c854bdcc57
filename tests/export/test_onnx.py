"""Exporting: what ONNX Runtime gives is what PyTorch gives, or nothing is written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from onnx import helper

import pixelmend
from pixelmend import catalog
from pixelmend.catalog.card import STORAGES
from pixelmend.errors import ModelError, UnknownNameError, UnwritableError, UsageError
from pixelmend.export import Exported, export, measure_parity, onnx, write_card
from pixelmend.export import storage as storage_module
from pixelmend.models import SIZES, Hybrid, save_model
from tests.export.networks import TINY, WIDE, header, stored, varied, woken

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(TINY, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> catalog.Card:
    return export(checkpoint, tmp_path_factory.mktemp("models"), tile=64, overlap=32, storage="float32").card


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """The same weights, stored in every way."""
    path = stored(WIDE, tmp_path_factory.mktemp("wide"))
    return {each: export(path, path.parent / each, tile=64, overlap=32, storage=each) for each in STORAGES}


def test_parity_is_measured_on_three_sizes_one_of_them_odd(ways: dict[str, Exported]) -> None:
    for way in ways.values():
        assert len(way.parity) == 3
        assert any(each.height % 2 and each.width % 2 for each in way.parity)
        assert all(each.psnr > 100 for each in way.parity)


def test_the_card_describes_the_file(exported: catalog.Card) -> None:
    assert exported == catalog.load(exported.folder / "denoise-tiny.json")
    catalog.verify(exported)
    assert exported.sha256 == hashlib.sha256(exported.path.read_bytes()).hexdigest()
    assert exported.parameters == sum(p.numel() for p in Hybrid(TINY).parameters())
    assert exported.multiple_of == TINY.multiple_of == 8
    assert exported.training.mpx == 1.2
    assert exported.training.data[0].licence == "CC0"
    assert (exported.scale, exported.conditions, exported.sigma_range) == (1, ("noise_level",), (0, 75))
    assert exported.training.features == ""


def test_compact_files_are_smaller_and_cost_what_is_told(ways: dict[str, Exported]) -> None:
    whole, half, quarter = ways.values()
    assert [way.card.storage for way in ways.values()] == list(STORAGES)
    assert [catalog.load(way.card.path.with_suffix(".json")).storage for way in ways.values()] == list(STORAGES)
    size = {name: way.card.path.stat().st_size for name, way in ways.items()}
    weights = sum(p.numel() for p in Hybrid(WIDE).parameters() if p.numel() >= 1024)
    assert size["float32"] - size["float16"] == pytest.approx(2 * weights, rel=0.1)
    assert size["float32"] - size["int8"] == pytest.approx(3 * weights, rel=0.2)
    assert whole.rounding > 100
    assert 50 < half.rounding < 100
    assert 25 < quarter.rounding < half.rounding - 10
    # It is the distance of results, not of weights.
    picture = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    restored = [pixelmend.restore(picture, way.card, sigma=20) for way in ways.values()]
    apart = [-10 * np.log10(np.square(each - restored[0], dtype=np.float64).mean()) for each in restored[1:]]
    assert apart == pytest.approx([half.rounding, quarter.rounding], abs=10)


@pytest.mark.parametrize("storage", STORAGES)
def test_weights_read_from_a_file_give_it_again(ways: dict[str, Exported], storage: str, tmp_path: Path) -> None:
    card = ways[storage].card
    again = export(card.path, tmp_path, tile=64, overlap=32, storage=storage)
    assert again.card.path.read_bytes() == card.path.read_bytes()
    assert again.card == card
    assert again.rounding > 100  # nothing is rounded twice


def test_the_same_weights_give_the_same_file(ways: dict[str, Exported], tmp_path: Path) -> None:
    """And float16 is what is usual."""
    card = ways["float16"].card
    again = export(card.folder.parent / "weights.safetensors", tmp_path, tile=64, overlap=32)
    assert again.card == card
    assert again.card.path.read_bytes() == card.path.read_bytes()


def test_a_file_holds_no_trace_of_the_machine(exported: catalog.Card) -> None:
    content = exported.path.read_bytes()
    assert b".py" not in content
    assert b"stack_trace" not in content


def test_an_exported_model_restores_as_the_network_does(exported: catalog.Card) -> None:
    degraded = np.random.default_rng(1).random((37, 50, 3), dtype=np.float32)
    restored = pixelmend.restore(degraded, exported, sigma=30, anchor=False)
    padded = np.pad(degraded, ((0, 3), (0, 6), (0, 0)), mode="reflect")
    with torch.inference_mode():
        wanted = woken(TINY)(torch.from_numpy(padded).permute(2, 0, 1)[None], torch.full((1, 1, 1, 1), 30 / 255))
    wanted_pixels = wanted[0].permute(1, 2, 0).clamp(0, 1).numpy()[:37, :50]
    assert np.abs(wanted_pixels - degraded).mean() > 0.01  # the network does something
    np.testing.assert_allclose(restored, wanted_pixels, atol=1e-5)


def test_a_batch_of_any_size_runs(exported: catalog.Card) -> None:
    from pixelmend.inference import OnnxEngine

    engine = OnnxEngine(exported.path, "cpu")
    pictures = np.random.default_rng(2).random((3, 3, 16, 40), dtype=np.float32)
    level = np.full((3, 1, 16, 40), 0.1, np.float32)
    together = engine.run(pictures, {"noise_level": level})
    alone = engine.run(pictures[1:2], {"noise_level": level[1:2]})
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def test_another_network_is_refused_and_leaves_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = onnx._trace

    def unfaithful(model: Hybrid) -> Any:
        changed = woken(TINY)
        with torch.no_grad():
            changed.head.weight.add_(0.01)
        return honest(changed)

    monkeypatch.setattr(onnx, "_trace", unfaithful)
    with pytest.raises(ModelError, match=r"differs from PyTorch.*wanted 60 dB"):
        export(checkpoint, tmp_path / "models", tile=64, overlap=32)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_stored_form_that_runs_differently_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every weight is in the file, but a layer takes one turned upside down."""

    def careless(network: Any, storage: str) -> None:
        storage_module.store(network, storage)
        last = [node for node in network.graph.node if node.op_type == "Conv"][-1]
        network.graph.node.insert(0, helper.make_node("Neg", [last.input[2]], ["turned"]))
        next(node for node in network.graph.node if node.name == last.name).input[2] = "turned"

    monkeypatch.setattr(onnx, "store", careless)
    with pytest.raises(ModelError, match=r"differs from PyTorch.*wanted 60 dB"):
        export(stored(TINY, tmp_path), tmp_path / "models", tile=64, overlap=32)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(("tile", "overlap"), [(60, 8), (64, 12), (64, 64), (64, -8)])
def test_tiles_that_do_not_fit_are_refused(checkpoint: Path, tmp_path: Path, tile: int, overlap: int) -> None:
    with pytest.raises(UsageError, match="multiples of 8"):
        export(checkpoint, tmp_path, tile=tile, overlap=overlap)


def test_another_storage_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown storage 'int4': did you mean 'int8'\?"):
        export(tmp_path / "none.safetensors", tmp_path, storage="int4")


def test_missing_and_foreign_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights at"):
        export(tmp_path / "none.safetensors", tmp_path)
    (tmp_path / "text.safetensors").write_text("not weights at all, but long enough to be read as a header")
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        export(tmp_path / "text.safetensors", tmp_path)
    save_model(Hybrid(TINY), tmp_path / "bare.safetensors", {})
    with pytest.raises(ModelError, match=r"bare\.safetensors does not say its recipe"):
        export(tmp_path / "bare.safetensors", tmp_path)


def test_a_folder_that_is_a_file(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match=r"cannot make the folder .*choose another place"):
        export(checkpoint, tmp_path / "file", tile=64, overlap=32)


def test_scores_are_put_on_the_card(exported: catalog.Card) -> None:
    score = catalog.Score("cbsd68", "σ 25", 31.0, 0.88, {"color": "rgb"})
    assert write_card(exported, scores=[score]).scores == (score,)
    assert catalog.load(exported.folder / "denoise-tiny.json").scores == (score,)


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("super-resolve", {"scale": 2, "conditions": ()}),
        ("inpaint", {"conditions": ("mask",), "unshuffle": 2, "decoder": "gated"}),
        ("denoise", {"scale": 3, "conditions": ("mask", "noise_level"), "skips": "concatenate"}),
        ("deblur", {"conditions": (), "activation": "gelu", "encoder": "gated", "context": ("convolution",)}),
    ],
)
def test_networks_of_any_scale_and_conditions_export(task: str, changes: dict[str, Any], tmp_path: Path) -> None:
    config = varied(**changes)
    noted = {**header(config, task=task), "features": "VGG16 conv1_2"}
    save_model(woken(config), tmp_path / "weights.safetensors", noted)
    done = export(tmp_path / "weights.safetensors", tmp_path / "models", tile=64, overlap=32, storage="int8")
    card = done.card
    assert all(each.psnr > 100 for each in done.parity)
    assert (card.task, card.scale, card.conditions) == (task, config.scale, config.conditions)
    assert card.multiple_of == config.multiple_of
    assert card.sigma_range == ((0.0, 75.0) if task == "denoise" else (0.0, 255.0))
    assert card.training.features == "VGG16 conv1_2"
    assert catalog.load(card.folder / "denoise-tiny.json") == card
    assert export(card.path, tmp_path / "again", tile=64, overlap=32, storage="int8").card == card

    from pixelmend.inference import OnnxEngine

    engine = OnnxEngine(card.path, "cpu")
    assert engine.inputs == {"degraded", *config.conditions}
    told: dict[str, Any] = {name: np.zeros((1, 1, 16, 32), np.float32) for name in config.conditions}
    restored = engine.run(np.full((1, 3, 16, 32), 0.5, np.float32), told)
    assert restored.shape == (1, 3, 16 * config.scale, 32 * config.scale)
    if config.conditions:
        told = {name: value + 1 for name, value in told.items()}
        assert not np.allclose(engine.run(np.full((1, 3, 16, 32), 0.5, np.float32), told), restored, atol=1e-3)


def test_the_size_that_ships_exports(tmp_path: Path) -> None:
    model = woken(SIZES["small"])
    onnx._write(onnx._trace(model), tmp_path / "small.onnx")
    assert min(each.psnr for each in measure_parity(model, tmp_path / "small.onnx")) >= 60
