"""docs/edge.md: its commands run one after the other, and what it says of versions and sizes is so."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.export.opset import OPSETS
from tests.documents import blocks

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "edge.md").read_text(encoding="utf-8")
BLOCKS = blocks(PAGE, "sh")
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("pixelmend ")]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where a reader may stand."""
    place = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", place / "examples", ignore=shutil.ignore_patterns("node_modules"))
    return place


def test_the_page_shows_commands() -> None:
    assert len(COMMANDS) >= 6
    assert sum("--format ncnn" in line for line in COMMANDS) >= 2


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_runs_as_it_stands(line: str, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "--format ncnn" in line and not all(importlib.util.find_spec(name) for name in ("ncnn", "pnnx")):
        pytest.skip("needs the extra pixelmend[ncnn]")
    monkeypatch.chdir(reader)
    done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code == 0, (done.output, done.exception)
    wrote = re.search(r"^wrote +(.*)$", done.output, flags=re.MULTILINE)
    assert wrote is not None
    named = re.findall(r"[^\s,()]+/[^\s,()]+|[^\s,()/]+\.png", wrote[1])
    assert named
    assert all((reader / name).stat().st_size > 1000 for name in named)


def test_the_python_runs(reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("litert_torch") is None:
        pytest.skip("needs litert-torch")
    monkeypatch.chdir(reader)
    (code,) = blocks(PAGE, "python")
    exec(compile(code, "docs/edge.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert (reader / "denoise-nano.tflite").stat().st_size > 1e6


def test_versions_are_those_that_are_taken() -> None:
    told = [
        int(each)
        for row in re.findall(r"^\| (?:below |above )?([\d, to]+) \|", PAGE, re.MULTILINE)
        for each in re.findall(r"\d+", row)
    ]
    assert (min(told), max(told)) == OPSETS


def test_sizes_of_the_files_that_ship_are_told() -> None:
    for name, size in re.findall(r"^\| `([a-z-]+)` \| ([\d.]+) MB", PAGE, re.MULTILINE):
        assert catalog.by_name(name).path.stat().st_size / 1e6 == pytest.approx(float(size), abs=0.06)


def test_links_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
