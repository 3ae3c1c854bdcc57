"""Measures runs over folders with the weights that ship: speed by number of processes, memory over a thousand pictures.

python benchmarks/folders.py
python benchmarks/folders.py --quick    # does everything run? its figures mean nothing
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.promises import noisy_photo
from pixelmend.inference import Settings, Wish, restore_file
from pixelmend.inference.folders import State, Way, plan_folder, run_folder
from pixelmend.inference.hardware import cores

KINDS = {"256×256": (256, 256), "1 megapixel": (1000, 1000), "12 megapixels": (3000, 4000)}
"""Of pictures whose speed is measured."""
PEAK = (4000, 6000)
"""Height and width of the picture that a process takes most memory for."""


@dataclass
class Memory:
    """Resident memory of the processes of a run, in 10⁶ bytes, whenever a picture is finished.

    Attributes:
        parent: Of this process, by how many pictures were finished.
        workers: Of the processes that restore, together.
        peak: The most of one that restores.
    """

    parent: dict[int, float] = field(default_factory=dict)
    workers: dict[int, float] = field(default_factory=dict)
    peak: float = 0.0

    def __call__(self, state: State) -> None:
        """Look."""
        pids = _children()
        self.parent[state.finished] = _status(os.getpid(), "VmRSS")
        self.workers[state.finished] = sum(_status(pid, "VmRSS") for pid in pids)
        self.peak = max([self.peak, *(_status(pid, "VmHWM") for pid in pids)])


def _children() -> list[int]:
    """Processes that this one started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
            found += [int(stat.parent.name)] * (int(parent) == os.getpid())
    return found


def _status(pid: int, name: str) -> float:
    """A figure of a process, 10⁶ bytes; 0 where it is gone."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{name}:")), 0.0)
    return 0.0


def fill(folder: Path, size: tuple[int, int], count: int) -> Path:
    """A folder of pictures that are all alike."""
    folder.mkdir(parents=True)
    noisy_photo(folder / "0.jpg", *size)
    for number in range(1, count):
        shutil.copyfile(folder / "0.jpg", folder / f"{number}.jpg")
    return folder


def alone(source: Path, out: Path, settings: Settings) -> float:
    """Seconds for one picture after the other in one process, each with all cores, once the engine runs."""
    out.mkdir()
    pictures = sorted(source.iterdir())
    restore_file(pictures[0], out / pictures[0].name, settings)
    start = time.perf_counter()
    for path in pictures:
        restore_file(path, out / path.name, settings)
    return time.perf_counter() - start


def speed(settings: Settings, rows: list[tuple[str, int]], place: Path) -> None:
    """A table of megapixels a second."""
    ways = sorted({1, cores(), 2 * cores()})
    print(f"| pictures | one after the other, all cores | {' | '.join(f'--jobs {jobs}' for jobs in ways)} |")
    print("| --- |" + " ---: |" * (1 + len(ways)))
    for kind, count in rows:
        source = fill(place / kind, KINDS[kind], count)
        megapixels = count * KINDS[kind][0] * KINDS[kind][1] / 1e6
        found = [megapixels / alone(source, place / f"{kind} alone", settings)]
        for jobs in ways:
            summary = run_folder(plan_folder([source], place / f"{kind} {jobs}"), settings, Way(jobs=jobs))
            found.append(summary.megapixels / summary.seconds)
        print(f"| {count} of {kind} | {' | '.join(f'{each:.2f} Mpx/s' for each in found)} |", flush=True)


def flat(settings: Settings, count: int, place: Path) -> None:
    """Memory early and late in a run over many pictures."""
    source, memory = fill(place / "many", (128, 128), count), Memory()
    run_folder(plan_folder([source], place / "many out"), settings, Way(), memory)
    early = count // 5
    print(f"\n| memory | after {early} pictures | after {count} |\n| --- | ---: | ---: |")
    for name, sizes in (("of the parent", memory.parent), ("of all processes that restore", memory.workers)):
        print(f"| {name} | {sizes[early]:.0f} MB | {sizes[count]:.0f} MB |", flush=True)


def peak(settings: Settings, size: tuple[int, int], place: Path) -> None:
    """The most that one process takes while it restores large pictures."""
    source, memory = fill(place / "large", size, 2), Memory()
    run_folder(plan_folder([source], place / "large out"), settings, Way(jobs=2), memory)
    print(f"\nOne process took {memory.peak:.0f} MB at most with pictures of {size[0] * size[1] / 1e6:.0f} megapixels.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little of everything")
    parser.add_argument("--engine", default="onnxruntime", help="what runs the networks")
    chosen = parser.parse_args()
    settings = Settings("denoise", wish=Wish(engine=chosen.engine))
    rows = [("256×256", 8)] if chosen.quick else [("256×256", 200), ("1 megapixel", 12), ("12 megapixels", 4)]
    with tempfile.TemporaryDirectory() as folder:
        speed(settings, rows, Path(folder))
        flat(settings, 20 if chosen.quick else 1000, Path(folder))
        peak(settings, (300, 400) if chosen.quick else PEAK, Path(folder))


if __name__ == "__main__":
    main()
