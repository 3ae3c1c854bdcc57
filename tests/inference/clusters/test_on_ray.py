"""Ray itself, on two processors of this machine: the command, and what becomes of a run that is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelmend.inference.clusters import plan_places, run_places
from pixelmend.inference.folders import Way, plan_folder, run_folder
from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.inference import Settings

    Snapshot = Callable[[Path], dict[str, bytes]]

PATIENCE = 580
"""Seconds that a machine on which much else runs may take."""
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="processes are found in /proc")


def kin() -> dict[int, tuple[int, str]]:
    """Every process of this machine: its parent, and what it is called."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            name = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            found[int(stat.parent.name)] = (parent, name)
    return found


def actors(driver: int) -> list[int]:
    """Processes that restore for a driver: its grandchildren, by the name that Ray gives them."""
    there = kin()
    return [
        pid for pid, (parent, name) in there.items() if "MapWorker" in name and there.get(parent, (0,))[0] == driver
    ]


def results(out: Path) -> list[Path]:
    return [path for path in out.rglob("*.png") if not path.name.startswith(".")]


@on_linux
@pytest.mark.usefixtures("ray")
def test_one_who_restores_is_killed_and_nothing_is_lost(tmp_path: Path, settings: Settings, snapshot: Snapshot) -> None:
    for number in range(24):
        noisy(tmp_path / "in" / f"{number // 8}" / f"{number:02}.png", 300, 300, seed=number)
    (tmp_path / "in/0/broken.png").write_bytes(b"no picture")
    killed: list[int] = []

    def kill_one() -> None:
        until = time.monotonic() + PATIENCE
        while not killed and time.monotonic() < until:
            if len(results(tmp_path / "out")) > 3 and (found := actors(os.getpid())):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one)
    killer.start()
    summary = run_places(plan_places([str(tmp_path / "in")], str(tmp_path / "out")), settings)
    killer.join()
    assert killed
    run_folder(plan_folder([tmp_path / "in"], tmp_path / "folder"), settings, Way(jobs=2))
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "folder")
    assert (summary.counts["done"], summary.counts["failed"]) == (24, 1)
    assert [Path(source).name for source, _ in summary.tally.failures] == ["broken.png"]


def command(source: Path, out: Path, card: Path, *more: str) -> list[str]:
    """What a user would start."""
    asked = ["--task", str(card), "--sigma", "30", "--engine", "ray", "--jobs", "2", *more]
    return [sys.executable, "-m", "pixelmend", "restore", str(source), "-o", str(out), *asked]


@on_linux
@pytest.mark.usefixtures("ray")
def test_the_driver_is_killed_and_the_run_goes_on(
    tmp_path: Path, settings: Settings, tiny_card: Path, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    source, out = tmp_path / "in", tmp_path / "out"
    for number in range(24):
        noisy(source / f"{number // 8}" / f"{number:02}.png", 300, 300, seed=number)
    (source / "0/broken.png").write_bytes(b"no picture")
    with subprocess.Popen(command(source, out, tiny_card, "--quiet")) as process:
        until = time.monotonic() + PATIENCE
        while process.poll() is None and len(results(out)) < 6 and time.monotonic() < until:
            time.sleep(0.01)
        assert process.poll() is None, "it was done before it was killed: more pictures are needed"
        process.kill()
    there = {path: path.stat().st_mtime_ns for path in results(out)}
    told = {json.loads(line)["name"] for part in out.rglob("*.jsonl") for line in part.read_text().splitlines()}
    summary = run_places(plan_places([str(source)], str(out)), settings, Way("resume"))
    counts = summary.counts
    assert (counts["done"] + counts["done earlier"], counts["failed"], counts["not begun"]) == (24, 1, 0)
    assert [Path(each).name for each, _ in summary.tally.failures] == ["broken.png"]
    run_folder(plan_folder([source], tmp_path / "folder"), settings, Way(jobs=2))
    assert snapshot(out) == snapshot(tmp_path / "folder")
    again = {path for path, mtime in there.items() if path.stat().st_mtime_ns != mtime}
    assert {path.relative_to(out).as_posix() for path in again}.isdisjoint(told)


@on_linux
def test_ctrl_c_ends_it_and_says_how_to_go_on(tmp_path: Path, tiny_card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for number in range(24):
        noisy(tmp_path / "in" / f"{number:02}.png", 500, 500, seed=number)
    asked = command(tmp_path / "in", tmp_path / "out", tiny_card)
    with subprocess.Popen(
        asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until = time.monotonic() + PATIENCE
        while process.poll() is None and not results(tmp_path / "out") and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "")
    assert [line.split()[0] for line in out.splitlines()][:2] == ["restored", "stopped"]
    assert "--resume goes on from here" in out
    assert not [name for _, name in kin().values() if str(tmp_path) in name]
