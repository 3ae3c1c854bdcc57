"""docs/network.md: made by its script from stored runs, one for each recipe of the ablation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelmend.training import load_recipe
from tests.docs_script import load

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
RECIPES = sorted((ROOT / "recipes" / "ablation").glob("*.toml"))
MEASURED = json.loads((ROOT / "docs" / "results" / "ablation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("make_network")


def test_the_page_is_what_its_script_writes(script: ModuleType) -> None:
    assert script.text() == PAGE


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_ablation_was_run_as_it_stands(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert MEASURED[path.stem]["steps"] == recipe.schedule.max_steps
    assert f"| {path.stem} |" in PAGE


def test_pictures_and_files_that_are_linked_exist() -> None:
    for page in ("network.md", "training.md", "adapt.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#]+)\)", text)
        assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
