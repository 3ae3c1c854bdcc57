"""docs/compare.md: its commands and its Python run as they stand, and every option is told."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from pixelmend.cli import app
from tests.documents import blocks, commands, read

if TYPE_CHECKING:
    from pathlib import Path

PAGE = read("docs/compare.md")


def test_it_runs_from_the_top_to_the_end(elsewhere: Path) -> None:
    said = []
    for line in commands(PAGE):
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output)
        said.append(done.output)
        if line.startswith("pixelmend restore"):
            shutil.copy("restored.png", "clean.png")
    assert len(said) == 4
    assert said[1] == blocks(PAGE, "text")[0]
    assert {"restored_compare.html", "both.png", "report.json"} <= {path.name for path in elsewhere.iterdir()}
    for block in blocks(PAGE, "python"):
        exec(compile(block, "compare.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert "cannot read broken.png" in (elsewhere / "report.html").read_text(encoding="utf-8")
    assert len(list((elsewhere / "report_crops").iterdir())) == 2


def test_every_option_is_told() -> None:
    told = set(re.findall(r"^\| `(-[-a-z]+)", PAGE, flags=re.MULTILINE))
    found = CliRunner().invoke(app, ["compare", "--help"], env={"COLUMNS": "200"}).output
    assert told == {"-o", *set(re.findall(r"--[a-z]+(?=[ ,])", found))} - {"--output", "--help"}
