"""Killed at any moment, a run over a folder goes on and comes to the same files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelmend.inference.folders import Way, plan_folder, run_folder
from pixelmend.inference.folders.manifest import NAME
from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.inference import Settings

KILLS = 10
PICTURES = 24


def command(source: Path, out: Path, card: Path, jobs: int = 1) -> list[str]:
    """What a user would start."""
    asked = ["--task", str(card), "--sigma", "30", "--resume", "--jobs", str(jobs), "--quiet"]
    return [sys.executable, "-m", "pixelmend", "restore", str(source), "-o", str(out), *asked]


def lines(out: Path) -> int:
    try:
        return (out / NAME).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def halves(out: Path) -> list[Path]:
    return [path for path in out.rglob(".*.part") if path.is_file()]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no groups of processes")
def test_killed_ten_times_it_comes_to_the_same_files(
    tmp_path: Path, settings: Settings, tiny_card: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    """Every second time while a result is being written, else at a random moment; spread over the run.

    Some of its parts are done by one process, some by two.
    """
    source, out, calm = (tmp_path / name for name in ("in", "out", "calm"))
    for number in range(PICTURES):
        # of noise, so that writing takes a good part of the time; the last ones, by name, take longer than any delay
        noisy(source / f"{number // 8}" / f"{number:02}.png", 150 if number < 17 else 500, 300, seed=number)
    assert run_folder(plan_folder([source], calm), settings, Way(jobs=1)).exit_code == 0
    draw = random.Random(8)  # noqa: S311
    halved = 0
    for kill in range(KILLS):
        begun = lines(out)
        wanted = kill * PICTURES // (KILLS + 3)  # pictures that are told of before it dies
        with subprocess.Popen(command(source, out, tiny_card, 1 + kill % 3 // 2), start_new_session=True) as process:
            until = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < until:
                if lines(out) > max(wanted, begun - 1) and (kill % 2 == 0 or halves(out)):
                    break
            time.sleep(0 if kill % 2 else draw.uniform(0, 0.04))
            assert process.poll() is None, "it was done before it was killed: more pictures are needed"
            os.killpg(process.pid, signal.SIGKILL)
        halved += bool(halves(out))
        done = {name: data for name, data in snapshot(out).items() if not name.endswith(".part")}
        assert done.items() <= snapshot(calm).items()  # whole, or not there
    assert halved >= 1, "no kill fell into the writing of a result"
    assert subprocess.run(command(source, out, tiny_card), check=False).returncode == 0
    assert snapshot(out) == snapshot(calm)


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="processes are found in /proc")
def test_where_the_parent_alone_is_killed_its_processes_go_as_well(
    tmp_path: Path, settings: Settings, tiny_card: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    source, out, calm = (tmp_path / name for name in ("in", "out", "calm"))
    for number in range(6):
        noisy(source / f"{number}.png", 400, 240, seed=number)
    run_folder(plan_folder([source], calm), settings, Way(jobs=1))
    with subprocess.Popen(command(source, out, tiny_card), start_new_session=True) as process:
        until = time.monotonic() + 60
        while lines(out) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    # at once: who is still alive holds the lock, for which the next run waits
    assert run_folder(plan_folder([source], out), settings, Way(existing="resume", jobs=1)).exit_code == 0
    assert snapshot(out) == snapshot(calm)
    assert members(process.pid) == []


def members(group: int) -> list[int]:
    """Processes of a group that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, fields = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, leader = fields.split()[:3]
        if int(leader) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found
