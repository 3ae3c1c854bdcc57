"""Measures runs with Ray on this machine, and a folder's runs beside: 2,000 small pictures, 20 of them broken.

python benchmarks/clusters.py
python benchmarks/clusters.py --quick    # does everything run? its figures mean nothing
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pixelmend.images import read_float, save  # noqa: E402  (found by the line above)

EXAMPLES = ("barn_evening.jpg", "harbour_shaken.jpg", "lighthouse_noisy.png", "parrots_very_noisy.png")


@dataclass(frozen=True)
class Run:
    """What one run came to.

    Attributes:
        seconds: From the start of the command to its end.
        working: As the run itself tells; starting Ray, or the processes of a folder, is not counted.
        counts: See `Summary`.
        named: Broken pictures that the report names.
    """

    seconds: float
    working: float
    counts: dict[str, int]
    named: int


def fill(folder: Path, count: int, broken: int) -> None:
    """Crops of examples, from 64×64 to 128×128 pixels, half of them JPEG and half PNG, in ten folders; some broken."""
    draw = np.random.default_rng(2)
    sources = [read_float(ROOT / "examples" / name, color="rgb") for name in EXAMPLES]
    for number in range(count):
        source = sources[number % len(sources)]
        height, width = draw.integers(64, 129, 2)
        top, left = (
            int(draw.integers(0, side - crop + 1)) for side, crop in zip(source.shape, (height, width), strict=False)
        )
        crop = np.rint(source[top : top + height, left : left + width] * 255).astype(np.uint8)
        path = folder / f"{number % 10}" / f"{number:05}.{'jpg' if number % 2 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(crop, path)
    for number in range(broken):
        path = folder / f"{number % 10}" / f"broken{number:02}.jpg"
        path.write_bytes(b"no picture" if number % 2 else path.with_name(f"{number % 10:05}.png").read_bytes()[:900])


def run(source: Path, out: Path, jobs: int, engine: str, *, kill: bool = False) -> Run:
    """A run as a user starts it; its process that restores is killed in the middle, where that is asked."""
    report = out.with_suffix(".json")
    asked = ["--size", "nano", "--engine", engine, "--jobs", str(jobs), "--quiet", "--json", str(report)]
    begin = time.perf_counter()
    command = [sys.executable, "-m", "pixelmend", "restore", str(source), "-o", str(out), *asked]
    with subprocess.Popen(
        command, env={**os.environ, "PIXELMEND_ENGINE": "onnxruntime"}, stderr=subprocess.DEVNULL
    ) as process:
        if kill:
            while process.poll() is None and len(list(out.rglob("*.*g"))) < 400:
                time.sleep(0.1)
            for pid in actors(process.pid)[:1]:
                os.kill(pid, signal.SIGKILL)
        process.wait()
    seconds = time.perf_counter() - begin
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    named = sum(each["state"] == "failed" and "broken" in each["input"] for each in told["pictures"])
    shutil.rmtree(out)
    return Run(seconds, told["seconds"], told["counts"], named)


def actors(driver: int) -> list[int]:
    """Processes of Ray that restore, of one driver: they are children of what it started."""
    parents, found = {}, []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
            parents[int(stat.parent.name)] = int(rest.split()[1])
            if "MapWorker" in name or b"MapWorker" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
    return [pid for pid in found if parents.get(parents.get(pid, 0)) == driver]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little of everything")
    chosen = parser.parse_args()
    count, broken = (60, 4) if chosen.quick else (1980, 20)
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "in"
        fill(source, count, broken)
        rows = [("Ray, a process killed", "ray", 2), ("Ray", "ray", 2), ("Ray", "ray", 1)]
        rows += [("a folder's run", "auto", 2), ("a folder's run", "auto", 1)]
        print("| run | processes | done | named | s, all | s, working | pictures/s | load before |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for title, engine, jobs in rows:
            load = os.getloadavg()[0]
            ran = run(source, Path(place) / "out", jobs, engine, kill="killed" in title)
            speed = ran.counts["done"] / ran.working
            print(
                f"| {title} | {jobs} | {ran.counts['done']} | {ran.named} | {ran.seconds:.1f} | {ran.working:.1f} | "
                f"{speed:.1f} | {load:.1f} |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
