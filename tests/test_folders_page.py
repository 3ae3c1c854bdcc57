"""The guide to folders: its commands and its Python run as they stand, one after the other."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.inference.folders import find_pictures
from tests.documents import ROOT, blocks, commands, read

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = read("docs/folders.md")
PICTURES = len(find_pictures([ROOT / "examples"], ROOT / "out").pictures)
COMMANDS = commands(PAGE)


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
    for block in blocks(PAGE, "python"):
        exec(compile(block, "folders.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert len(find_pictures([elsewhere / "by_python"], elsewhere).pictures) == PICTURES
    assert f"restored  {PICTURES} done" in capsys.readouterr().out
