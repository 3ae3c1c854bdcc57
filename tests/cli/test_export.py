"""``pixelmend export``: weights in, an ONNX file and its card out, and what that costs; or the way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import torch
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.errors import PixelmendError, UnknownNameError, UsageError
from pixelmend.models import load_model
from tests.export.networks import WIDE, stored

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object) -> str:
    """What the command printed."""
    done = CliRunner().invoke(app, ["export", *map(str, arguments)])
    if isinstance(done.exception, PixelmendError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(WIDE, tmp_path_factory.mktemp("weights"))


def test_it_tells_what_was_checked_how_large_it_is_and_what_rounding_costs(checkpoint: Path, tmp_path: Path) -> None:
    told = run(checkpoint, "-o", tmp_path, "--tile", 64, "--overlap", 32)
    assert told.count("dB between ONNX Runtime and PyTorch") == 3
    cost = re.search(r"rounding +([\d.]+) dB between results with weights in float16 and as they were learned", told)
    assert cost is not None
    assert 50 < float(cost[1]) < 100
    assert {p.name for p in tmp_path.iterdir()} == {"denoise-tiny.onnx", "denoise-tiny.json"}
    card = catalog.load(tmp_path / "denoise-tiny.json")
    assert (card.storage, card.tile, card.overlap) == ("float16", 64, 32)
    assert f"{card.path} ({card.path.stat().st_size / 1e6:.2f} MB) and " in told


def test_weights_as_they_are_cost_nothing_to_tell(checkpoint: Path, tmp_path: Path) -> None:
    told = run(checkpoint, "-o", tmp_path, "--tile", 64, "--overlap", 32, "--storage", "float32")
    assert "rounding" not in told
    assert catalog.load(tmp_path / "denoise-tiny.json").storage == "float32"


def test_the_way_back_and_forth_again(checkpoint: Path, tmp_path: Path) -> None:
    tiles = ("--tile", 64, "--overlap", 32, "--storage", "int8")
    run(checkpoint, "-o", tmp_path / "1", *tiles)
    told = run(tmp_path / "1" / "denoise-tiny.json", "--safetensors", "-o", tmp_path / "back")
    path = tmp_path / "back" / "denoise-tiny.safetensors"
    assert f"wrote     {path} ({path.stat().st_size / 1e6:.2f} MB)" in told
    assert f"--set start={path}" in told
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    run(path, "-o", tmp_path / "2", *tiles)
    files = [(tmp_path / number / "denoise-tiny.onnx").read_bytes() for number in "12"]
    assert files[0] == files[1]


def test_what_ships_can_be_trained_on_from(tmp_path: Path) -> None:
    run("denoise-small", "--safetensors", "-o", tmp_path)
    model = load_model(tmp_path / "denoise-small.safetensors")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert sum(p.numel() for p in model.parameters()) == catalog.by_name("denoise-small").parameters


def test_misuse_is_told(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown storage 'float64'"):
        run(checkpoint, "-o", tmp_path, "--storage", "float64")
    with pytest.raises(UnknownNameError, match="unknown model 'denoise-smol': did you mean"):
        run("denoise-smol", "-o", tmp_path)
    with pytest.raises(UsageError, match="--scores go on a card"):
        run(checkpoint, "-o", tmp_path, "--safetensors", "--scores", tmp_path / "scores.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weights", ["checkpoint", "denoise-nano"])
def test_a_file_of_one_size_is_written_from_weights_or_from_what_ships(
    weights: str, checkpoint: Path, tmp_path: Path
) -> None:
    told = run(checkpoint if weights == "checkpoint" else weights, "-o", tmp_path, "--static", "64x128", "--opset", 18)
    name = "denoise-tiny-64x128-opset18" if weights == "checkpoint" else "denoise-nano-64x128-opset18"
    assert {p.name for p in tmp_path.iterdir()} == {f"{name}.onnx", f"{name}.json"}
    card = catalog.load(tmp_path / f"{name}.json")
    assert card.fixed == (64, 128)
    assert f"between its result and that of {name.removesuffix('-64x128-opset18')}.onnx" in told
    assert f"wrote     {card.path} (" in told
    assert f"--task {tmp_path / name}.json" in told


def test_all_sizes_stay_open_where_only_the_operators_change(tmp_path: Path) -> None:
    assert "checked   the same between" in run("denoise-nano", "-o", tmp_path, "--opset", 22)
    assert catalog.load(tmp_path / "denoise-nano-opset22.json").fixed == ()


def test_ncnn_is_written(tmp_path: Path) -> None:
    pytest.importorskip("ncnn", reason="needs the extra pixelmend[ncnn]")
    pytest.importorskip("pnnx", reason="needs the extra pixelmend[ncnn]")
    told = run("denoise-nano", "-o", tmp_path, "--format", "ncnn")
    assert {p.name for p in tmp_path.iterdir()} == {f"denoise-nano-256x256.ncnn.{each}" for each in ("param", "bin")}
    half = 2 * catalog.by_name("denoise-nano").parameters
    assert (tmp_path / "denoise-nano-256x256.ncnn.bin").stat().st_size == pytest.approx(half, rel=0.1)
    found = re.search(r"checked +([\d.]+) dB between ncnn and ONNX Runtime", told)
    assert found is not None
    assert float(found[1]) >= 45
    assert "takes     in0 (degraded), in1 (noise_level) in, out0 (restored) out" in told


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--static", "256"), "got --static '256', wanted height and width in pixels, such as 256x256"),
        (("--static", "0x64"), "got --static '0x64', wanted"),
        (("--static", "100x64"), "needs multiples of 64"),
        (("--opset", 12), "got opset 12, wanted 17"),
        (("--format", "tflite"), "unknown format 'tflite'"),
        (("--static", "64x64", "--safetensors"), "export in two steps"),
        (("--static", "64x64", "--tile", 64), "export in two steps"),
        (("--format", "ncnn", "--opset", 18), "leave them out with --format ncnn"),
    ],
)
def test_misuse_of_the_options_for_devices_is_told(options: tuple[object, ...], why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=why):
        run("denoise-nano", "-o", tmp_path, *options)
    assert list(tmp_path.iterdir()) == []
