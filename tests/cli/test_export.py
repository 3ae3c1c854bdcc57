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
