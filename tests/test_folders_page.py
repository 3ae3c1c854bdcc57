"""The guide to folders: its commands and its Python run as they stand, one after the other."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.inference.folders import find_pictures

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "folders.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


PICTURES = len(find_pictures([ROOT / "examples"], ROOT / "out").pictures)
COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the examples, where a reader may stand."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_run_one_after_the_other(elsewhere: Path) -> None:
    assert len(COMMANDS) == 6
    for line in COMMANDS:
        assert line.startswith("pixelmend restore ")
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output, done.exception)
    for folder, results in (("restored", PICTURES), ("some", 3), ("two", 2), ("reported", PICTURES)):
        assert len(find_pictures([elsewhere / folder], elsewhere).pictures) == results
    assert {"reported.json", "reported.html"} <= {path.name for path in elsewhere.iterdir()}


def test_the_python_runs(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks("python"):
        exec(compile(block, "folders.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert len(find_pictures([elsewhere / "by_python"], elsewhere).pictures) == PICTURES
    assert f"restored  {PICTURES} done" in capsys.readouterr().out
