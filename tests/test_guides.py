"""The guides: every command and every piece of Python runs as it stands, in order, where a reader may stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pixelmend.cli import app
from tests.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def with_a_shell(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, and a command that a shell finds."""
    shell = elsewhere / ".bin" / "pixelmend"
    shell.parent.mkdir()
    shell.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pixelmend "$@"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("PATH", str(shell.parent), prepend=":")
    return elsewhere


def run(line: str) -> None:
    """A line as a shell runs it; in this process where it is a plain command of ours, which is quicker."""
    words = shlex.split(line)
    if words[0] == "pixelmend" and not set(words) & set("<>|"):
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, (line, done.output, done.exception)
        return
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (line, ran.stdout, ran.stderr)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_runs_from_top_to_bottom(guide: Path, with_a_shell: Path) -> None:
    before = {p: p.read_bytes() for p in (with_a_shell / "examples").iterdir()}
    ran = 0
    for language, block in FENCE.findall(guide.read_text(encoding="utf-8")):
        if language == "sh":
            for line in block.splitlines():
                run(line)
                ran += 1
        elif language == "python":
            exec(compile(block, guide.name, "exec"), {})  # noqa: S102  (the document is ours)
            ran += 1
    assert ran >= 3
    assert all(path.read_bytes() == content for path, content in before.items())


def test_what_a_command_names_is_made_or_comes_along(elsewhere: Path) -> None:
    """A guide for each kind of user."""
    assert {path.stem for path in GUIDES} == {
        "collections", "developers", "evidence", "measurements", "photographs", "prints",
    }  # fmt: skip


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_links_lead_somewhere(guide: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", guide.read_text(encoding="utf-8"))
    assert [link for link in links if not (guide.parent / link).exists()] == []
