"""docs/results.md and docs/evaluate.md: made from what is stored, complete, and their commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.evaluation import METHODS, SUITES, TASKS, Results, card_scores
from pixelmend.evaluation.methods import NETWORKS
from pixelmend.evaluation.suites import STANDARD
from pixelmend.images import save
from tests.docs_script import load
from tests.documents import blocks

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
STORED = ROOT / "docs" / "results"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("make_results")


def test_the_page_is_what_its_script_writes(script: ModuleType) -> None:
    assert script.text() == PAGE


def test_the_readmes_table_is_what_the_script_writes(script: ModuleType) -> None:
    assert script.readme(README) == README


def test_every_system_has_a_number(script: ModuleType) -> None:
    rows = [line for line in script.one_each(script.read(script.PEERS)).splitlines()[2:] if line]
    assert len(rows) == len(script.SYSTEMS)
    assert [row for row in rows if "| – | – | – |" in row] == []
    told = {method for _, methods in script.SYSTEMS for method in methods}
    assert told == METHODS.keys() - {"degraded", "published"}


def test_pictures_of_the_page_exist() -> None:
    links = re.findall(r"!\[.*?\]\((.*?)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []


@pytest.mark.parametrize("name", catalog.names())
def test_the_scores_on_a_card_are_those_of_the_weights_that_ship(name: str) -> None:
    card = catalog.by_name(name)
    entries = Results(STORED / "standard.json").entries.values()
    ours = [e for e in entries if e.weights == card.sha256]
    # No published set holds pictures as they are found beside the truth.
    assert ours or card.variant == "real"
    whole = [e for e in ours if len(e.pictures) == e.expected]  # a card holds no others
    on_the_card = {(score.dataset, score.case): (score.psnr, score.ssim) for score in card.scores}
    measured = {(s["dataset"], s["case"]): (s["psnr"], s["ssim"]) for s in card_scores(whole)}
    assert on_the_card == measured


def test_the_guide_knows_every_suite_and_method() -> None:
    told = set(re.findall(r"`([a-z0-9-]+)`", GUIDE))
    assert {*SUITES, STANDARD} <= told
    assert METHODS.keys() <= told
    assert set(NETWORKS) <= METHODS.keys()
    tasks = " ".join(re.findall(r"^\|.*\|$", GUIDE, flags=re.MULTILINE))
    assert all(task in tasks for task in TASKS if task not in ("deblur", "dejpeg"))


def test_the_commands_of_the_guide_run(photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    save((photo * 255).astype("uint8"), tmp_path / "photos" / "one.png")
    monkeypatch.chdir(tmp_path)
    told_blocks = blocks(GUIDE, "sh")
    lines = [line for block in told_blocks for line in block.splitlines()]
    assert lines
    for line in lines:
        done = CliRunner().invoke(app, [*shlex.split(line)[1:], "--lpips", "none"])
        assert done.exit_code == 0, (done.output, done.exception)
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert names >= {"photos-denoise.json", "photos-denoise.md", "photos-denoise.html", "photos-denoise-time.webp"}
