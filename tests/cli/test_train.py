"""``pixelmend train``: a recipe runs from the command line, and pictures that cannot be used are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
name = "tiny"
task = "denoise"
[data]
root = "{root}"
train = ["train"]
validate_on = ["val"]
batch = 2
patch = 32
max_shrink = 1.0
[model]
widths = [8, 16]
encoder_blocks = [1, 1]
decoder_blocks = [1]
context = ["window"]
window = 4
head_width = 8
[schedule]
max_steps = 1
[run]
out = "{root}/runs"
device = "cpu"
precision = "fp32"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for folder, count in (("train", 3), ("val", 1)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            pixels = generator.integers(0, 256, (64, 64, 3), np.uint8)
            pyvips.Image.new_from_array(pixels).write_to_file(str(tmp_path / folder / f"{number}.png"))
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(root=tmp_path))
    return path


def test_a_recipe_runs_and_says_where_the_weights_are(recipe: Path) -> None:
    done = CliRunner().invoke(app, ["train", str(recipe)])
    assert done.exit_code == 0, done.output
    weights = recipe.parent / "runs" / "tiny" / "weights.safetensors"
    assert f"the best weights are in {weights}" in done.stdout
    assert weights.is_file()


def test_bad_pictures_end_the_run_unless_they_may_be_left_out(recipe: Path) -> None:
    (recipe.parent / "train" / "text.png").write_text("no picture")
    (recipe.parent / "train" / "cut.png").write_bytes((recipe.parent / "train" / "0.png").read_bytes()[:200])
    done = CliRunner().invoke(app, ["train", str(recipe)])
    assert isinstance(done.exception, DataError)
    assert "cannot use 2 pictures" in str(done.exception)
    assert "text.png" in str(done.exception)
    assert "(--skip-bad)" in str(done.exception)
    done = CliRunner().invoke(app, ["train", str(recipe), "--skip-bad"])
    assert done.exit_code == 0, done.output
    assert "skipped 2 pictures" in done.stdout
    assert "3 pictures to learn from" in done.stdout
