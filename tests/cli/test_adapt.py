"""``pixelmend adapt``: a folder of noisy pictures in, a network that restore takes out; or nothing, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
import torch
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.errors import DataError, ModelError, PixelmendError, UnknownNameError, UsageError
from pixelmend.models import Hybrid, HybridConfig, load_model, read_metadata, save_model

if TYPE_CHECKING:
    from pathlib import Path

TINY = HybridConfig(
    widths=(8, 16), encoder_blocks=(1, 1), decoder_blocks=(1,), context=("window",), window=4, head_width=8
)


def run(*arguments: object) -> str:
    """What the command printed."""
    done = CliRunner().invoke(app, ["adapt", *map(str, arguments)])
    if isinstance(done.exception, PixelmendError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """Weights of a tiny network that changes nothing yet."""
    torch.manual_seed(0)
    recipe = {
        "name": "denoise-tiny", "task": "denoise", "size": "small", "licence": "Apache-2.0",
        "data": {"sources": [{"name": "made here", "pictures": 2, "licence": "CC0"}]},
        "damage": {"sigma_min": 0.0, "sigma_max": 75.0},
    }  # fmt: skip
    header = {"recipe": recipe, "step": 5, "mpx": 2.0, "minutes": 1.0, "device": "test"}
    save_model(Hybrid(TINY), tmp_path / "start.safetensors", header)
    return tmp_path / "start.safetensors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two noisy pictures, one grey and one in colour, and a file that is none."""
    monkeypatch.setattr("pixelmend.training.adapt.PIXELS", 64**2)
    monkeypatch.setattr("pixelmend.training.adapt.JUDGED", 4)
    place = tmp_path / "noisy"
    place.mkdir()
    y, x = np.mgrid[0:96, 0:112].astype(np.float32)
    for name, channels in (("gray", 1), ("colour", 3)):
        clean = np.repeat((120 + 80 * np.sin(x / 17) * np.cos(y / 23))[..., None], channels, axis=2)
        noise = np.random.default_rng(channels).normal(0, 1, clean.shape) * np.sqrt(4 * clean)
        pixels = np.uint8(np.clip(np.rint(clean + noise), 0, 255))
        pyvips.Image.new_from_array(pixels).write_to_file(str(place / f"{name}.png"))
    (place / "text.png").write_text("no picture")
    return place


def test_the_result_is_there_whole_and_restores(start: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapted"
    told = run(folder, "-o", out, "--steps", 40, "--start", start, "--device", "cpu")
    assert "left out: cannot read" in told
    assert "2 pictures to learn from" in told
    assert f"--task {out / 'denoise-adapted.json'}" in told
    assert sorted(each.name for each in out.iterdir()) == [
        "denoise-adapted.json", "denoise-adapted.onnx", "weights.safetensors"
    ]  # fmt: skip
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]

    card, header = catalog.load(out / "denoise-adapted.json"), read_metadata(out / "weights.safetensors")
    catalog.verify(card)
    assert card.name == header["recipe"]["name"] == "denoise-adapted"
    assert [source.pictures for source in card.training.data] == [2, 2]
    assert header["recipe"]["start"] == "start.safetensors"
    assert header["mpx"] > 2
    assert header["adapted"]["pictures"] == 2
    assert header["adapted"]["gain"] > 0
    assert str(tmp_path) not in str(header)
    assert load_model(out / "weights.safetensors").config == TINY

    arguments = ["restore", str(folder / "gray.png"), "-o", str(tmp_path / "out.png"), "--task", str(card.folder)]
    arguments[-1] += "/denoise-adapted.json"
    restored = CliRunner().invoke(app, arguments)
    assert restored.exit_code == 0, restored.output
    assert "restored  with denoise-adapted" in restored.stdout


def test_what_is_there_is_never_overwritten(start: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    for place in (tmp_path / "mine", start):
        with pytest.raises(UsageError, match=r"is there already, and is not an empty folder: choose another place"):
            run(folder, "-o", place, "--steps", 1, "--start", start)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    (tmp_path / "empty").mkdir()
    run(folder, "-o", tmp_path / "empty", "--steps", 40, "--start", start)
    assert (tmp_path / "empty" / "denoise-adapted.onnx").is_file()


def test_where_nothing_is_gained_nothing_is_written(start: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    pixels = np.full((64, 64), 90, np.uint8)
    pixels[:32] = 60
    pyvips.Image.new_from_array(pixels).write_to_file(str(folder / "a.png"))
    with pytest.raises(DataError, match=r"fit these pictures as well: nothing was gained .*nothing was written"):
        run(folder, "-o", tmp_path / "out", "--steps", 1, "--start", start)
    assert not (tmp_path / "out").exists()


def test_misuse_is_told_before_the_work(start: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        run(tmp_path / "none", "--start", start, "-o", tmp_path / "out")
    with pytest.raises(UnknownNameError, match="did you mean 'cuda'"):
        run(folder, "--start", start, "-o", tmp_path / "out", "--device", "cuda0")
    with pytest.raises(ModelError, match="no weights at"):
        run(folder, "--start", tmp_path / "none.safetensors", "-o", tmp_path / "out")
    save_model(Hybrid(TINY), tmp_path / "bare.safetensors", {})
    with pytest.raises(ModelError, match="does not say its recipe"):
        run(folder, "--start", tmp_path / "bare.safetensors", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_start_the_weights_that_ship_are_the_start(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the 3 pictures .* is 112×96, wanted 128×128 or more"):
        run(folder, "-o", tmp_path / "out", "--steps", 1)
