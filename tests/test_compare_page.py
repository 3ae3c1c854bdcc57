"""docs/compare.md: its commands and its Python run as they stand, and every option is told."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from pixelmend.cli import app

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_it_runs_from_the_top_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "lighthouse_noisy.png", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    said = []
    for line in "".join(blocks("sh")).splitlines():
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output)
        said.append(done.output)
        if line.startswith("pixelmend restore"):
            shutil.copy("restored.png", "clean.png")
    assert len(said) == 4
    assert said[1] == blocks("text")[0]
    assert {"restored_compare.html", "both.png", "report.json"} <= {path.name for path in tmp_path.iterdir()}
    for block in blocks("python"):
        exec(compile(block, "compare.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert "cannot read broken.png" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(list((tmp_path / "report_crops").iterdir())) == 2


def test_every_option_is_told() -> None:
    told = set(re.findall(r"^\| `(-[-a-z]+)", PAGE, flags=re.MULTILINE))
    found = CliRunner().invoke(app, ["compare", "--help"], env={"COLUMNS": "200"}).output
    assert told == {"-o", *set(re.findall(r"--[a-z]+(?=[ ,])", found))} - {"--output", "--help"}
