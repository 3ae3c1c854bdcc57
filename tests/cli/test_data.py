"""``pixelmend data``: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.data.published import LAYOUTS
from pixelmend.errors import DataError, UsageError

if TYPE_CHECKING:
    from typer.testing import Result


def put(path: Path, seed: int, side: int = 256) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8)
    pyvips.Image.new_from_array(coarse).resize(side / 12).write_to_file(str(path))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_a_sound_folder_ends_well(tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path / f"{seed}.png", seed)
    done = run("check", tmp_path)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "is        pictures"
    assert lines[1] == "holds     3 pictures"
    assert lines[-1] == "all is well"
    assert "benchmarks is in it" in done.output


def test_problems_are_counted_shown_in_part_and_end_with_1(tmp_path: Path) -> None:
    put(tmp_path / "fine.png", 0)
    for n in range(7):
        (tmp_path / f"text{n}.png").write_text("no picture")
    done = run("check", tmp_path, "--json", tmp_path / "out.json")
    assert done.exit_code == 1
    assert "✗ cannot be read: 7" in done.output
    assert "and 2 more (--all names them)" in done.output
    assert len(json.loads((tmp_path / "out.json").read_text())["problems"]["broken"]) == 7
    every = run("check", tmp_path, "--all", "--no-overlap").output
    assert every.count("it is not a picture") == 7
    assert "not compared with benchmarks" in every


def test_sets_of_ones_own_are_kept_apart_too(tmp_path: Path) -> None:
    for seed in range(2):
        put(tmp_path / "held" / f"{seed}.png", seed)
    put(tmp_path / "train" / "x.jpg", 1)
    put(tmp_path / "train" / "y.jpg", 5)
    by_folder = run("check", tmp_path / "train", "--against", tmp_path / "held")
    assert by_folder.exit_code == 1
    assert "x.jpg: held 1 (" in by_folder.output
    wrote = run("fingerprint", tmp_path / "held", "--name", "mine", "-o", tmp_path / "mine.json")
    assert wrote.output.strip().endswith("holds fingerprints of 2 pictures as mine")
    by_file = run("check", tmp_path / "train", "--against", tmp_path / "mine.json")
    assert "x.jpg: mine 1 (" in by_file.output


def test_misuse_is_an_error_of_its_own(tmp_path: Path) -> None:
    for arguments in (
        ("check", tmp_path / "absent"),
        ("check", tmp_path, "--against", tmp_path / "absent"),
        ("check", tmp_path, "--json", tmp_path / "no" / "out.json"),
    ):
        assert isinstance(run(*arguments).exception, UsageError)
    assert isinstance(run("check", tmp_path).exception, DataError)
    assert run("check", tmp_path, "--patch", 0).exit_code == 2


def test_a_missing_package_is_named_with_what_to_do(tmp_path: Path) -> None:
    code = "import sys; sys.modules['scipy'] = None; from pixelmend.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "data", "check", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip().endswith("which is not installed: pip install 'pixelmend[train]'")


GUIDE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_commands_of_the_guide_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        put(tmp_path / "photos" / f"{seed}.png", seed)
        put(tmp_path / "held-out" / f"{seed}.png", 10 + seed)
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("pixelmend ")]
    assert len(commands) >= 4
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, (command, done.output)


def test_the_guide_names_every_set() -> None:
    told = GUIDE.read_text(encoding="utf-8")
    assert [layout.title for layout in LAYOUTS.values() if f"| {layout.title} " not in told] == []


@pytest.mark.shared
@pytest.mark.parametrize("name", ["set5", "levin09", "fmdd", "masks"])
def test_the_sets_beside_the_checkout_are_sound(shared: Path, name: str) -> None:
    done = run("check", shared / "data" / "test" / name, "--patch", 8)
    assert done.exit_code == 0, done.output
