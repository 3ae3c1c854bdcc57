"""The README: its commands run as they stand, and its table is what was measured with the weights that ship."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from tests.documents import ROOT, blocks, commands, read

if TYPE_CHECKING:
    from pathlib import Path

README = read("README.md")
COMMANDS = [line for line in commands(README) if line.startswith("pixelmend ")]
RESTORING = [line for line in COMMANDS if line.startswith("pixelmend restore examples/")]
DEGRADING = [line for line in COMMANDS if line.startswith("pixelmend degrade ")]


def test_the_readme_shows_commands() -> None:
    assert len(RESTORING) >= 3
    assert blocks(README, "sh")[0].startswith("make demo")
    assert blocks(README, "sh")[0].splitlines()[1].startswith("make test")


@pytest.mark.parametrize("line", RESTORING)
def test_a_command_runs_as_it_stands(line: str, elsewhere: Path) -> None:
    before = {p: p.read_bytes() for p in (elsewhere / "examples").iterdir()}
    done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code == 0, done.output
    wrote = re.search(r"^wrote +(.*)$", done.output, flags=re.MULTILINE)
    assert wrote is not None
    assert all((elsewhere / name).stat().st_size > 1000 for name in wrote[1].split(", "))
    assert all(path.read_bytes() == content for path, content in before.items())


def test_the_commands_that_damage_run_one_after_the_other(elsewhere: Path) -> None:
    assert len(DEGRADING) == 4
    for line in DEGRADING:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output, done.exception)
    assert (elsewhere / "worse.png").is_file()
    first, again = (sorted((elsewhere / folder).glob("*.png")) for folder in ("damaged", "again"))
    assert len(first) == len([p for p in (elsewhere / "examples").iterdir() if p.suffix in {".png", ".jpg"}])
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_looking_a_folder_and_comparing_run_one_after_the_other(elsewhere: Path) -> None:
    block = next(block for block in blocks(README, "sh") if block.startswith("pixelmend diagnose"))
    for line in block.splitlines():
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output, done.exception)
    assert (elsewhere / "restored.html").stat().st_size > 1000
    assert len(list((elsewhere / "restored").glob("*.*g"))) >= 8


def test_what_the_first_command_says_is_what_the_readme_shows(elsewhere: Path) -> None:
    said = CliRunner().invoke(app, shlex.split(RESTORING[0])[1:]).output

    def without_time(text: str) -> str:
        return re.sub(r"\d+\.\d s(?= \()", "N s", text, flags=re.MULTILINE)

    assert without_time(said) == without_time(blocks(README, "text")[0])


def test_the_python_of_the_readme_runs(elsewhere: Path) -> None:
    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert (elsewhere / "lighthouse.png").is_file()


def test_pictures_and_files_that_are_linked_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_option_of_restore_is_told() -> None:
    told = set(re.findall(r"^\| `(-[-a-z]+)", README, flags=re.MULTILINE))
    command = get_command(app).commands["restore"]  # type: ignore[attr-defined]
    names = [{*each.opts, *each.secondary_opts} for each in command.params if each.param_type_name == "option"]
    assert [each for each in names if not each & told] == [{"--quiet", "-q"}]
    assert told <= set().union(*names)


def test_every_task_is_told() -> None:
    told = set(re.findall(r"^\| `([a-z][a-z-]*)` \|", README, flags=re.MULTILINE))
    assert told == set(catalog.tasks())
