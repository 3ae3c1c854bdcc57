"""docs/compress.md: its commands run one after the other, with a tiny network in place of those that are named."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.compression import Figures
from pixelmend.errors import UnknownNameError, UsageError
from pixelmend.models import save_model
from tests.compression.conftest import SMALL, even_clock, short_recipe
from tests.documents import blocks
from tests.export.networks import woken
from tests.training.conftest import _one_thread, pictures

__all__ = ["_one_thread", "even_clock", "pictures"]

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "compress.md").read_text(encoding="utf-8")
(BLOCK,) = blocks(PAGE, "sh")
COMMANDS = [line for line in BLOCK.splitlines() if line.startswith("pixelmend ")]
OWN = "runs/my-denoiser/weights.safetensors"
TINY = ["--steps", "2", "--multiple", "4", "--budget-db", "40", "--device", "cpu"]
"""What makes a command of the page short: and no network so small keeps its quality."""


@pytest.fixture
def elsewhere(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where a reader may stand: photographs, a noisy picture, weights."""
    shutil.copytree(pictures, tmp_path / "photographs")
    Image.effect_noise((64, 48), 60).save(tmp_path / "noisy.png")
    save_model(woken(SMALL), tmp_path / OWN, short_recipe(SMALL, "my-denoiser"))
    save_model(woken(SMALL), tmp_path / "small.safetensors", short_recipe(SMALL, "denoise-small"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("even_clock")
def test_the_commands_run_one_after_the_other(elsewhere: Path) -> None:
    assert len(COMMANDS) == 6
    for line in COMMANDS:
        words = shlex.split(line)[1:]
        if words[0] == "compress":
            words = [words[0], words[1].replace("denoise-small", "small.safetensors"), *words[2:], *TINY]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (line, done.output, done.exception)
        if words[0] == "compress":
            assert re.search(r"^original .* \+0\.000$", done.output, flags=re.MULTILINE)
            card = re.search(r"--task (\S+)$", done.output.strip())
            assert card is not None
            assert (elsewhere / card[1]).is_file()
    restored = {name: np.asarray(Image.open(f"{name}.png"), int) for name in ("restored", "quick", "floats")}
    # The same file in int8 and in floating point: nearly the same picture, and not by the same arithmetic.
    difference = np.abs(restored["quick"] - restored["floats"])
    assert difference.max() > 0
    assert difference.mean() < 8
    (report,) = (elsewhere / "smaller").glob("compression.json")
    steps = [each["step"] for each in json.loads(report.read_text(encoding="utf-8"))["steps"]]
    assert steps == ["original", "pruned 30%", "recovered 30%", "int8"]
    told = re.search(r"\((`original`.*?)\)", PAGE)
    assert told is not None
    assert set(steps) <= set(re.findall(r"`([^`]+)`", told[1]))
    figures = {
        key
        for row in re.findall(r"^\| (`[a-z_`, ]+) \|", PAGE, flags=re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    assert figures == {field.name for field in fields(Figures)} - {"step"}


def test_every_option_is_told() -> None:
    told = set(re.findall(r"`(--[-a-z]+)", PAGE)) - {"--precision"}
    found = CliRunner().invoke(app, ["compress", "--help"], env={"COLUMNS": "200"}).output
    offered = set(re.findall(r"--[a-z]+(?:-[a-z]+)*(?=[ ,])", found)) - {"--help", "--output", "--task"}
    assert told == offered


def test_wrong_words_are_told_before_the_work() -> None:
    def refused(*words: str) -> BaseException | None:
        return CliRunner().invoke(app, ["compress", "denoise-small", "--data", "none", *words]).exception

    for words, kind, message in (
        (("--device", "cuda0"), UnknownNameError, "did you mean 'cuda'"),
        (("--quantize", "int4"), UnknownNameError, "did you mean 'int8'"),
        (("--importance", "tailor"), UnknownNameError, "did you mean 'taylor'"),
        (("--name", "My Net"), UsageError, "small letters, digits and dashes"),
    ):
        error = refused(*words)
        assert isinstance(error, kind)
        assert message in str(error)
