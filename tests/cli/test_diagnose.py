"""``pixelmend diagnose``: what it prints, for one picture and for many; where reports go; exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from pixelmend.cli.diagnose import diagnose
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from typer.testing import Result

APP = typer.Typer()
APP.command()(diagnose)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOISY = EXAMPLES / "lighthouse_noisy.png"


def run(*arguments: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(APP, [str(a) for a in arguments], input=given)


def test_one_picture_in_plain_words() -> None:
    done = run(NOISY)
    assert done.exit_code == 0, done.output
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["picture", "noise", "jpeg", "blur", "detail", "light", "advice", "run"]
    assert "500×500 colour (png)" in done.stdout
    assert f"run      pixelmend restore {NOISY} --task denoise --sigma 25" in done.stdout


def test_a_folder_becomes_a_table_and_a_report(tmp_path: Path) -> None:
    inside = tmp_path / "holiday" / "more"
    inside.mkdir(parents=True)
    for name in ("lighthouse_noisy.png", "statue_gray_noisy.png"):
        shutil.copy(EXAMPLES / name, inside / name)
    (inside / "notes.txt").write_text("not a picture")
    report = tmp_path / "found.json"
    done = run(tmp_path / "holiday", "--json", report)
    assert done.exit_code == 0, done.output
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["matters", "sure", "noise", "JPEG", "task", "picture"]
    assert [row.split()[-1] for row in rows] == [
        str(inside / name) for name in sorted(p.name for p in inside.glob("*.png"))
    ]
    told = json.loads(report.read_text())
    assert told["failed"] == []
    assert [each["advice"]["task"] for each in told["pictures"]] == ["denoise", "denoise"]
    assert told["pictures"][1]["noise"]["sigma"] == pytest.approx(35, abs=2)
    assert told["pictures"][1]["channels"] == 1


def test_standard_input_to_standard_output() -> None:
    done = run("-", "--json", "-", given=NOISY.read_bytes())
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["pictures"][0]["main"] == "noise"
    assert 0 <= told["pictures"][0]["confidence"] <= 1


def test_quiet_says_nothing(tmp_path: Path) -> None:
    done = run(NOISY, "--quiet", "--json", tmp_path / "found.json")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "found.json").is_file()


def test_a_picture_that_cannot_be_read_fails_and_the_others_are_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(NOISY.read_bytes()[:2000])
    done = run(broken, NOISY, "--json", tmp_path / "found.json")
    assert done.exit_code == 1
    assert "cannot read" in done.stderr
    told = json.loads((tmp_path / "found.json").read_text())
    assert [each["input"] for each in told["failed"]] == [str(broken)]
    assert len(told["pictures"]) == 1
    assert done.stdout.splitlines()[0].startswith("matters")


@pytest.mark.parametrize("wrong", ["missing", "empty folder", "report"])
def test_misuse_is_told(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    arguments = {
        "missing": (tmp_path / "no.png",), "empty folder": (tmp_path / "empty",),
        "report": (NOISY, "--json", tmp_path / "no" / "found.json"),
    }[wrong]  # fmt: skip
    done = run(*arguments)
    assert isinstance(done.exception, UsageError)
    assert done.stdout == ""
