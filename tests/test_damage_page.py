"""docs/damage.md: made by its script, complete, and true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.degradations import KINDS, PRESETS
from pixelmend.images import read_rgb8
from tests.docs_script import load
from tests.documents import blocks

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "damage.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("make_damage")


def test_the_page_is_what_its_script_writes(script: ModuleType) -> None:
    assert script.text() == PAGE


def test_every_kind_and_every_preset_is_on_it(script: ModuleType) -> None:
    assert {name for names in script.ROOMS.values() for name in names} == set(KINDS) == set(script.SHOWN)
    for name in (*KINDS, *PRESETS):
        assert f"### {name}\n" in PAGE


def test_every_picture_is_there_and_shows_damage() -> None:
    clean = read_rgb8(DOCS / "damage" / "clean.webp").astype(float)
    shown = re.findall(r"\]\((damage/[^)]+)\)", PAGE)
    assert len(shown) == len(set(shown)) == 1 + 2 * len(KINDS) + 3 * len(PRESETS)
    for name in shown[1:]:
        picture = read_rgb8(DOCS / name).astype(float)
        assert min(picture.shape[:2]) >= 120
        if picture.shape == clean.shape:
            assert np.abs(picture - clean).mean() > 0.3, name
    assert {path.name for path in (DOCS / "damage").iterdir()} == {Path(name).name for name in shown}


def test_its_python_runs() -> None:
    told_blocks = blocks(PAGE, "python")
    assert told_blocks
    for block in told_blocks:
        exec(compile(block, "damage.md", "exec"), {})  # noqa: S102  (the document is ours)
