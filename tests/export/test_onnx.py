"""Exporting: what ONNX Runtime gives is what PyTorch gives, or nothing is written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import pixelmend
from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.errors import ModelError, UnwritableError, UsageError
from pixelmend.export import export, measure_parity, onnx, write_card
from pixelmend.models import SIZES, Hybrid, HybridConfig, save_model

if TYPE_CHECKING:
    from pathlib import Path

TINY = HybridConfig(
    widths=(8, 16),
    encoder_blocks=(1, 1),
    decoder_blocks=(1,),
    context=("window", "shifted", "channel"),
    window=4,
    head_width=8,
)
HEADER: dict[str, Any] = {
    "recipe": {
        "name": "denoise-tiny",
        "task": "denoise",
        "size": "small",
        "licence": "Apache-2.0",
        "data": {"sources": [{"name": "made here", "pictures": 2, "licence": "CC0"}]},
        "damage": {"sigma_min": 0.0, "sigma_max": 75.0},
    },
    "step": 10,
    "mpx": 1.25,
    "minutes": 0.5,
    "device": "test",
}


def woken(config: HybridConfig) -> Hybrid:
    """A network whose every part has a say: fresh gains and a fresh head are zero."""
    torch.manual_seed(0)
    model = Hybrid(config)
    for name, parameter in model.named_parameters():
        if "gain" in name or "head" in name or "position_bias" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_model(woken(TINY), path, HEADER)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> catalog.Card:
    return export(checkpoint, tmp_path_factory.mktemp("models"), tile=64, overlap=32)[0]


def test_parity_is_measured_on_three_sizes_one_of_them_odd(checkpoint: Path, tmp_path: Path) -> None:
    _, parity = export(checkpoint, tmp_path, tile=64, overlap=32)
    assert len(parity) == 3
    assert any(each.height % 2 and each.width % 2 for each in parity)
    assert all(each.psnr > 100 for each in parity)


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


def test_the_same_weights_give_the_same_file_and_no_trace_of_the_machine(
    exported: catalog.Card, checkpoint: Path, tmp_path: Path
) -> None:
    content = exported.path.read_bytes()
    assert export(checkpoint, tmp_path, tile=64, overlap=32)[0].sha256 == exported.sha256
    assert b".py" not in content
    assert b"stack_trace" not in content


def test_an_exported_model_restores_as_the_network_does(exported: catalog.Card, checkpoint: Path) -> None:
    degraded = np.random.default_rng(1).random((37, 50, 3), dtype=np.float32)
    restored = pixelmend.restore(degraded, exported, sigma=30)
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
    honest = onnx._write_onnx

    def unfaithful(model: Hybrid, path: Path) -> None:
        changed = woken(TINY)
        with torch.no_grad():
            changed.head.weight.add_(0.01)
        honest(changed, path)

    monkeypatch.setattr(onnx, "_write_onnx", unfaithful)
    with pytest.raises(ModelError, match=r"differs from PyTorch.*wanted 60 dB"):
        export(checkpoint, tmp_path / "models", tile=64, overlap=32)
    assert list((tmp_path / "models").iterdir()) == []


def test_parity_sees_a_small_difference(exported: catalog.Card) -> None:
    model = woken(TINY)
    with torch.no_grad():
        assert model.head.bias is not None
        model.head.bias.add_(0.01)
    assert [round(each.psnr) for each in measure_parity(model, exported.path)] == [40, 40, 40]


@pytest.mark.parametrize(("tile", "overlap"), [(60, 8), (64, 12), (64, 64), (64, -8)])
def test_tiles_that_do_not_fit_are_refused(checkpoint: Path, tmp_path: Path, tile: int, overlap: int) -> None:
    with pytest.raises(UsageError, match="multiples of 8"):
        export(checkpoint, tmp_path, tile=tile, overlap=overlap)


def test_missing_and_foreign_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights at"):
        export(tmp_path / "none.safetensors", tmp_path)
    (tmp_path / "text.safetensors").write_text("not weights at all, but long enough to be read as a header")
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        export(tmp_path / "text.safetensors", tmp_path)


def test_a_folder_that_is_a_file(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match=r"cannot make the folder .*choose another place"):
        export(checkpoint, tmp_path / "file", tile=64, overlap=32)


def test_scores_are_put_on_the_card(exported: catalog.Card) -> None:
    score = catalog.Score("cbsd68", "σ 25", 31.0, 0.88, {"color": "rgb"})
    assert write_card(exported, scores=[score]).scores == (score,)
    assert catalog.load(exported.folder / "denoise-tiny.json").scores == (score,)


def test_the_command(checkpoint: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(checkpoint), "-o", str(tmp_path), "--tile", "64", "--overlap", "32"])
    assert done.exit_code == 0, done.output
    assert done.output.count("dB between ONNX Runtime and PyTorch") == 3
    assert {p.name for p in tmp_path.iterdir()} == {"denoise-tiny.onnx", "denoise-tiny.json"}


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("super-resolve", {"scale": 2, "conditions": ()}),
        ("inpaint", {"conditions": ("mask",), "unshuffle": 2, "decoder": "gated"}),
        ("denoise", {"scale": 3, "conditions": ("mask", "noise_level"), "skips": "concatenate"}),
    ],
)
def test_networks_of_any_scale_and_conditions_export(task: str, changes: dict[str, Any], tmp_path: Path) -> None:
    config = HybridConfig.model_validate({**TINY.model_dump(), **changes})
    header = {**HEADER, "recipe": {**HEADER["recipe"], "task": task}, "features": "VGG16 conv1_2"}
    save_model(woken(config), tmp_path / "weights.safetensors", header)
    card, parity = export(tmp_path / "weights.safetensors", tmp_path / "models", tile=64, overlap=32)
    assert all(each.psnr > 100 for each in parity)
    assert (card.task, card.scale, card.conditions) == (task, config.scale, config.conditions)
    assert card.multiple_of == config.multiple_of
    assert card.sigma_range == ((0.0, 75.0) if task == "denoise" else (0.0, 255.0))
    assert card.training.features == "VGG16 conv1_2"
    assert catalog.load(card.folder / "denoise-tiny.json") == card

    from pixelmend.inference import OnnxEngine

    engine = OnnxEngine(card.path, "cpu")
    assert engine.inputs == {"degraded", *config.conditions}
    told: dict[str, Any] = {name: np.zeros((1, 1, 16, 32), np.float32) for name in config.conditions}
    restored = engine.run(np.full((1, 3, 16, 32), 0.5, np.float32), told)
    assert restored.shape == (1, 3, 16 * config.scale, 32 * config.scale)
    if config.conditions:
        told = {name: value + 1 for name, value in told.items()}
        assert not np.allclose(engine.run(np.full((1, 3, 16, 32), 0.5, np.float32), told), restored, atol=1e-3)


def test_an_onnx_file_of_another_scale_is_told(exported: catalog.Card) -> None:
    other = woken(HybridConfig.model_validate({**TINY.model_dump(), "scale": 2}))
    with pytest.raises(ModelError, match=r"gives \(1, 3, 64, 64\) where PyTorch gives \(1, 3, 128, 128\)"):
        measure_parity(other, exported.path)


def test_the_size_that_ships_exports(tmp_path: Path) -> None:
    model = woken(SIZES["small"])
    onnx._write_onnx(model, tmp_path / "small.onnx")
    assert min(each.psnr for each in measure_parity(model, tmp_path / "small.onnx")) >= 60
