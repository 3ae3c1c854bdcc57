"""Measures what the project promises about time, memory and size, and prints each figure beside its bound.

make bench
python benchmarks/promises.py --only cold-start,memory
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[1]
AS_INSTALLED = ("--engine", "onnxruntime")
"""What `pip install .` brings; this environment may have other engines, which start slower and take more memory."""


@dataclass(frozen=True)
class Figure:
    """One measured figure; ``bound`` is a ceiling, or a floor where ``at_least``."""

    what: str
    value: float
    unit: str
    bound: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        """A row of a Markdown table."""
        wanted = f"{'≥' if self.at_least else '≤'} {self.bound:g} {self.unit}"
        return f"| {self.what} | {self.value:.2f} {self.unit} | {wanted} | {'yes' if self.holds else '**no**'} |"


def run(*arguments: str) -> float:
    """Seconds that ``pixelmend`` takes with these arguments, from start to end of its process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pixelmend", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def noisy_photo(path: Path, height: int, width: int) -> None:
    """Write a picture with edges, texture and noise of sigma 15."""
    from pixelmend.images import save

    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.empty((height, width, 3), np.uint8)
    for channel, (a, b) in enumerate(((31, 57), (43, 23), (91, 37))):
        plane = 128 + 60 * np.sin(x / a) * np.cos(y / b) + 30 * (np.floor(x / 97) + np.floor(y / 61)) % 2
        plane += generator.standard_normal((height, width), dtype=np.float32) * 15
        picture[..., channel] = np.clip(plane, 0, 255)
    save(picture, path, like=None)


def help_answers() -> Figure:
    """The command line answers before anything heavy is imported."""
    return Figure("`pixelmend --help`", min(run("--help") for _ in range(5)), "s", 0.4)


def cold_start() -> Figure:
    """A 512×512 picture, from starting the process to the result on disk."""
    with tempfile.TemporaryDirectory() as folder:
        noisy_photo(Path(folder) / "in.png", 512, 512)
        seconds = min(run("restore", f"{folder}/in.png", "-o", f"{folder}/out.png", *AS_INSTALLED) for _ in range(3))
    return Figure("512×512 restored from a cold start", seconds, "s", 2.0)


def restore_alone(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[float, int]:
    """Seconds and peak memory, in bytes, of ``pixelmend restore`` with these arguments, as the system counts it.

    Args:
        arguments: Of the command.
        environment: Variables that it finds beside those of this process.
    """
    # A process of its own, so that it is the largest child and nobody else's peak counts.
    code = (
        "import resource, subprocess, sys, time; start = time.perf_counter(); "
        "subprocess.run([sys.executable, '-m', 'pixelmend', 'restore', *sys.argv[1:]], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, *arguments]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=variables)
    seconds, peak = done.stdout.split()
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, kilobytes elsewhere
    return float(seconds), int(peak) * unit


def memory() -> Figure:
    """Peak memory of restoring 24 megapixels."""
    with tempfile.TemporaryDirectory() as folder:
        noisy_photo(Path(folder) / "in.jpg", 4000, 6000)
        _, peak = restore_alone(f"{folder}/in.jpg", "-o", f"{folder}/out.jpg", *AS_INSTALLED)
    return Figure("peak memory for 24 megapixels", peak / 1e9, "GB", 1.2)


def environment() -> Figure:
    """Size on disk of an environment into which only the run half was installed, Python's own files not counted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", *constraints, str(ROOT)], check=True)
        files = (p for p in Path(folder).rglob("*") if p.is_file() and not p.is_symlink())
        size = sum(p.stat().st_size for p in files)
    return Figure("environment of `pip install .`", size / 1e6, "MB", 300)


class Lessons:
    """Training steps of the shipped recipe, on pictures made here; steps and what they are compared with take turns."""

    def __init__(self) -> None:
        import torch

        from pixelmend.data.store import PictureStore
        from pixelmend.training.lessons import Lessons as Batches
        from pixelmend.training.machine import choose_precision, keep_large_blocks
        from pixelmend.training.module import RestorationModule
        from pixelmend.training.recipe_file import load_recipe
        from pixelmend.training.schedule import Budget

        keep_large_blocks()
        self.recipe = load_recipe(ROOT / "recipes" / "denoise-small.toml")
        generator = np.random.default_rng(0)
        pictures = [generator.integers(0, 256, (512, 512, 3), dtype=np.uint8) for _ in range(16)]
        self.device = torch.device("cpu")
        self.precision = choose_precision("auto", self.device)
        store = PictureStore(pictures, self.device, detail_power=self.recipe.data.detail)
        self.module = RestorationModule(self.recipe, Batches(self.recipe, store), Budget(1000, None))
        self.optimizers = self.module.configure_optimizers()
        for _ in range(4):
            self.step()

    def step(self) -> float:
        """Seconds that the next step takes, all of it counted."""
        import torch

        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            self.module.take_step(self.optimizers)
        return time.perf_counter() - start


def training() -> Figure:
    """Share of the machine's matrix rate that a training step of the shipped recipe uses."""
    from pixelmend.training.machine import forward_flops_per_pixel, matrix_rate

    lessons = Lessons()
    data = lessons.recipe.data
    flops = 3 * forward_flops_per_pixel(lessons.module.model) * data.batch * data.patch**2
    shares = []
    for _ in range(5):
        rate = matrix_rate(lessons.device, lessons.precision, seconds=0.5)
        seconds = statistics.median(lessons.step() for _ in range(6))
        shares.append(100 * flops / seconds / rate)
    return Figure("training step, share of matrix rate", statistics.median(shares), "%", 40, at_least=True)


def damage() -> Figure:
    """Time of the preset that takes longest, on a batch of the shipped recipe, as a share of its training step."""
    import torch

    from pixelmend.degradations import PRESETS, degrade, find_preset

    lessons = Lessons()
    clean = lessons.module.lessons(0, 0, 0).clean
    shares: dict[str, list[float]] = {name: [] for name in PRESETS}
    for turn in range(5):
        step = statistics.median(lessons.step() for _ in range(2))
        for name in PRESETS:
            start = time.perf_counter()
            with torch.no_grad():
                degrade(clean, find_preset(name), seed=turn)
            shares[name].append(100 * (time.perf_counter() - start) / step)
    median = {name: statistics.median(each) for name, each in shares.items()}
    heaviest = max(median, key=lambda name: median[name])
    return Figure(f"damage of the heaviest preset ({heaviest}), share of a training step", median[heaviest], "%", 100)


MEASUREMENTS: dict[str, Callable[[], Figure]] = {
    "help": help_answers,
    "cold-start": cold_start,
    "memory": memory,
    "environment": environment,
    "training": training,
    "damage": damage,
}


def main() -> int:
    """Measure, print a table, and say by the exit code whether all promises hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help=f"some of {', '.join(MEASUREMENTS)}")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    print("| what | measured | promised | holds |\n|---|---:|---:|---|")
    figures = []
    for name in chosen.only.split(","):
        figures.append(MEASUREMENTS[name]())
        print(figures[-1], flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(f) | {"holds": f.holds} for f in figures], indent=1) + "\n")
    return 0 if all(f.holds for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
