"""``pixelmend restore`` with a folder: what is said, where, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two pictures in a folder."""
    for number in range(2):
        noisy(tmp_path / "in" / f"{number}.png", seed=number)
    return tmp_path / "in"


@pytest.fixture
def usual(tiny_card: Path) -> list[object]:
    """What all these runs are told."""
    return ["--task", tiny_card, "--sigma", "30", "--jobs", "1"]


def test_all_well(run: Run, source: Path, tmp_path: Path, usual: list[object]) -> None:
    report, page = tmp_path / "a.json", tmp_path / "a.html"
    ran = run("restore", source, "-o", tmp_path / "out", "--json", report, "--report", page, *usual)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["restored", "wrote"]
    assert json.loads(report.read_text())["counts"]["done"] == 2
    assert page.read_text().count("<article") == 2
    assert run("restore", source, "-o", tmp_path / "out", *usual).code == 2
    again = run("restore", source, "-o", tmp_path / "out", "--resume", *usual)
    assert again.out.splitlines()[0] == "restored  2 done earlier"


def test_json_on_standard_output_is_alone_there(run: Run, source: Path, tmp_path: Path, usual: list[object]) -> None:
    (source / "broken.png").write_bytes(b"no")
    ran = run("restore", source, "-o", tmp_path / "out", "--json", "-", *usual)
    assert ran.code == 1
    assert json.loads(ran.out)["counts"]["failed"] == 1
    assert "restored  2 done, 1 failed" in ran.err


def test_quiet_tells_what_went_wrong_alone(run: Run, source: Path, tmp_path: Path, usual: list[object]) -> None:
    (source / "0.png").write_bytes(b"no")
    ran = run("restore", source, "-o", tmp_path / "out", "--quiet", "--on-error", "stop", *usual)
    assert (ran.code, ran.out) == (1, "")
    assert [line.split()[0] for line in ran.err.splitlines()] == ["failed", "stopped"]


def test_one_format_for_all(run: Run, source: Path, tmp_path: Path, usual: list[object]) -> None:
    assert run("restore", source / "*.png", "-o", tmp_path / "out", "--format", "jpeg", *usual).code == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.*")) == [
        ".pixelmend-manifest.jsonl",
        "0.jpg",
        "1.jpg",
    ]


def test_misuse(run: Run, source: Path, tmp_path: Path) -> None:
    ran = run("restore", source)
    assert ran.code == 2
    assert "give one with -o OUT" in ran.err
    assert run("restore", source, "-o", source).code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there are no groups of processes")
def test_ctrl_c_reaches_all_processes_and_says_how_to_go_on(source: Path, tmp_path: Path, usual: list[object]) -> None:
    for number in range(20):
        noisy(source / f"z{number:02}.png", 500, 500, seed=number)
    out = tmp_path / "out"
    arguments = ["restore", source, "-o", out, *usual]
    program = [sys.executable, "-m", "pixelmend", *map(str, arguments)]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until = time.monotonic() + 60
        manifest = out / ".pixelmend-manifest.jsonl"
        while time.monotonic() < until and not (manifest.is_file() and manifest.read_bytes().count(b"\n") > 3):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        told, faults = process.communicate()
    assert (process.returncode, faults) == (130, "")
    assert "stopped   interrupted; the same command with --resume goes on from here" in told.splitlines()
    assert not list(out.glob(".*.part"))
