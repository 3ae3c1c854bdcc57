"""A run over a thousand pictures takes the memory of one over two hundred."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelmend.inference.folders import State, Way, plan_folder, run_folder
from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from pixelmend.inference import Settings

PICTURES, WARM = 1000, 200
MOST_MB = 12.0
"""By which all processes together may grow from the one to the other: a leak of 20 kB a picture would be more."""


def resident_mb() -> float:
    """Memory of this process and of those that it started, 10⁶ bytes."""
    page, total = os.sysconf("SC_PAGESIZE"), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if os.getpid() in {int(stat.parent.name), int(fields[1])}:
            total += int(fields[21]) * page
    return total / 1e6


def measured(source: Path, out: Path, settings: Settings) -> dict[int, float]:
    """Memory of a run over a folder, 10⁶ bytes, by how many pictures were finished."""
    took: dict[int, float] = {}

    def look(state: State) -> None:
        if state.finished in {WARM, PICTURES} and state.latest is not None:
            took[state.finished] = resident_mb()

    summary = run_folder(plan_folder([source], out), settings, Way(jobs=2), look)
    assert summary.counts["done"] == PICTURES
    return took


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="memory is told in /proc")
def test_memory_stays_flat(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "in"
    kinds = [noisy(tmp_path / name, 24, 24 + 8 * i, seed=i) for i, name in enumerate(("a.png", "b.jpg", "c.tif"))]
    for number in range(PICTURES):
        kind = kinds[number % len(kinds)]
        target = source / f"{number // 100}" / f"{number}{kind.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kind, target)
    # A process of its own: one that has run all other tests holds gigabytes, whose pages come and go by themselves.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        took = pool.submit(measured, source, tmp_path / "out", settings).result()
    assert took[PICTURES] - took[WARM] < MOST_MB, took
