"""docs/training.md: its recipe loads, its settings exist, its commands are those of the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.models import HybridConfig
from pixelmend.training import Recipe, load_recipe
from tests.documents import blocks

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
(SMALLEST,) = blocks(PAGE, "toml")
SETTINGS = re.findall(r"`([a-z_]+(?:\.[a-z0-9_]+)*) = ([^`]+)`", PAGE)
NAMED = re.findall(r"`((?:loss|optimizer|schedule|run|data)\.[a-z0-9_]+)`", PAGE)
KEYS = sorted({key for key, _ in SETTINGS} | set(NAMED))
TOGETHER = {
    "dejpeg": ("task", "damage.chain"),
    "super-resolve": ("task", "model.scale", "damage.chain"),
    "inpaint": ("task", "damage.chain"),
}
"""Settings that belong to each other, by the task that they begin with."""


def _known(key: str) -> bool:
    section: type[BaseModel] = Recipe
    *sections, last = key.split(".")
    for name in sections:
        if name == "model":  # one of several networks, whose usual one is ours
            section = HybridConfig
            continue
        annotation = section.model_fields[name].annotation
        section = next((a for a in get_args(annotation) if isinstance(a, type)), annotation)  # type: ignore[assignment]
    return last in section.model_fields


@pytest.fixture
def smallest(tmp_path: Path) -> Path:
    path = tmp_path / "my-denoiser.toml"
    path.write_text(SMALLEST)
    return path


def test_the_smallest_recipe_loads(smallest: Path) -> None:
    assert load_recipe(smallest).name == "my-denoiser"


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_that_is_named_exists(key: str) -> None:
    assert key in {"extends", "context", "skips", "encoder"} or _known(key)


@pytest.mark.parametrize("task", TOGETHER)
def test_settings_that_belong_together_make_a_recipe(task: str, smallest: Path) -> None:
    (line,) = [line for line in PAGE.splitlines() if f'`task = "{task}"`' in line]
    told = dict(re.findall(r"`([a-z_.]+) = ([^`]+)`", line))
    assert tuple(told) == TOGETHER[task]
    recipe = load_recipe(smallest, [f"{key}={value}" for key, value in told.items()])
    assert recipe.task == task
    assert recipe.model.scale == int(told.get("model.scale", "1"))
    assert recipe.model.conditions == (("mask",) if task == "inpaint" else ())


@pytest.mark.parametrize(("key", "value"), [pair for pair in SETTINGS if pair[0].startswith(("optimizer", "schedule"))])
def test_values_that_are_shown_are_taken(key: str, value: str, smallest: Path) -> None:
    load_recipe(smallest, [f"{key}={value}"])


def test_options_of_the_commands_exist() -> None:
    usage = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).output
    told_blocks = "".join(blocks(PAGE, "sh"))
    commands = [shlex.split(line)[1:] for line in told_blocks.splitlines() if line.startswith("pixelmend train")]
    assert len(commands) == 2
    for command in commands:
        assert (ROOT / command[1]).is_file()
        assert all(word in usage for word in command if word.startswith("--"))
