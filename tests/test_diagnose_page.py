"""docs/diagnose.md: its commands and its Python run, and its tables are the figures that were measured."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from benchmarks.diagnose import BEGIN, END, FIGURES, PAGE, missed, page
from pixelmend.cli import app
from tests.documents import blocks, commands

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_commands_run_as_they_stand(elsewhere: Path) -> None:
    lines = commands(TEXT)
    assert len(lines) == 3
    for line in lines:
        command, _, given = line.partition(" < ")
        done = CliRunner().invoke(app, shlex.split(command)[1:], input=Path(given).read_bytes() if given else None)
        assert done.exit_code == 0, (line, done.output)
    assert json.loads((elsewhere / "found.json").read_text())["failed"] == []


def test_what_the_first_command_says_is_what_the_page_shows(elsewhere: Path) -> None:
    def without_digits(text: str) -> str:
        return re.sub(r"\d\.\d\d(?=\))", "N", text)  # the last bits of sums differ between machines

    said = CliRunner().invoke(app, shlex.split(blocks(TEXT, "sh")[0])[1:]).output
    assert without_digits(said) == without_digits(blocks(TEXT, "text")[0])


def test_the_python_runs(elsewhere: Path) -> None:
    for block in blocks(TEXT, "python"):
        exec(compile(block, "diagnose.md", "exec"), {})  # noqa: S102  (the document is ours)


def test_the_tables_are_what_was_measured() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    shown = TEXT.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == page(figures).strip()
    assert missed(figures) == []
