"""Measures what diagnosis tells, on pictures that it never saw, damaged on purpose and by real cameras.

    python -m benchmarks.diagnose --data DIR [--every N] [--page]

DIR holds ``val`` and ``test`` of the sets that docs/data.md names. Figures go to docs/results/diagnosis.json, and
from there between the marks of docs/diagnose.md; ``--page`` alone writes the page again. Exit code 1 where a bound is
missed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.diagnosing.damages import MEASURED, Case, extent_of, make, value
from pixelmend.diagnosis import advise, diagnose
from pixelmend.images import ArrayPicture, decode, read_float, read_rgb8
from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.diagnosing.damages import Made
    from pixelmend.diagnosis import Diagnosis

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "results" / "diagnosis.json"
PAGE = ROOT / "docs" / "diagnose.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PHOTOGRAPHS = ("test/kodak24", "val/clic")
"""Folders of clean photographs that are damaged."""
CLEAN = ("test/kodak24", "val/clic", "test/set5", "test/set14", "test/live1", "test/cbsd68", "test/gopro/sharp")
REAL = (
    ("PolyU, cameras' noise", "test/polyu/noisy"), ("PolyU, mean of many shots", "test/polyu/clean"),
    ("SIDD, phones' noise", "test/sidd/noisy"), ("SIDD, mean of many shots", "test/sidd/clean"),
    ("GoPro, blurred", "test/gopro/blur"), ("GoPro, sharp", "test/gopro/sharp"),
    ("FMDD, microscope's noise", "test/fmdd/noisy"), ("Levin 2009, shaken", "test/levin09/blur"),
)  # fmt: skip
NAMES = {
    "clean": "nothing", "noise": "noise", "camera": "camera noise", "jpeg": "jpeg", "blur": "blur",
    "enlarged": "enlarged", "mixed": "several", "dark": "dark",
}  # fmt: skip
COLUMNS = (*NAMES.values(), "lost pixels")
SIGMAS = (5, 10, 15, 25, 35, 50)


def pictures(data: Path, every: int) -> list[Path]:
    """The clean photographs that are damaged."""
    found: list[Path] = []
    for folder in PHOTOGRAPHS:
        found += sorted((data / folder).iterdir())[::every]
    return found


def look(made: Made) -> Diagnosis:
    """Diagnose pixels."""
    return diagnose(ArrayPicture(made.pixels, None, made.pixels))


def measure_cases(files: Sequence[Path], seed: int) -> list[dict[str, Any]]:
    """A row for each kind of damage: what was named how often, and how far its amount was off."""
    rows = []
    for case in MEASURED:
        named: Counter[str] = Counter()
        tasks: Counter[str] = Counter()
        off: list[float] = []
        for file in files:
            made = make(read_float(file, color="rgb"), case, f"{file.parent.name}/{file.stem}", seed)
            if min(made.pixels.shape[:2]) < 32:
                continue
            found = look(made)
            named[found.main] += 1
            tasks[advise(found).task or "nothing"] += 1
            off.append(_off(case, made, found))
        rows.append(_row(case, named, tasks, off))
        print(f"{case.name:<26}{rows[-1]['right']:.2f}  {dict(named)}  {rows[-1]['off']}", flush=True)
    rows.append(_files_of_jpeg(files))
    return rows


def _row(case: Case, named: Counter[str], tasks: Counter[str], off: Iterable[float]) -> dict[str, Any]:
    right = {NAMES[name] for name in (case.main, *case.also)}
    total = sum(named.values())
    known = [each for each in off if not math.isnan(each)]
    return {
        "case": case.name, "main": NAMES[case.main], "chain": " ".join(case.chain.split()), "pictures": total,
        "named": dict(named), "tasks": dict(tasks),
        "exact": named[NAMES[case.main]] / total, "right": sum(named[name] for name in right) / total,
        "off": round(float(np.median(known)), 3) if known else None,
    }  # fmt: skip


def _off(case: Case, made: Made, found: Diagnosis) -> float:
    """By how much the amount of the main damage is wrong: a level, a quality, a share of an extent or of a factor."""
    if case.main == "noise":
        return abs(found.noise.sigma - value(made.plan, "noise", "sigma"))
    if case.main == "jpeg":
        return abs((found.jpeg.quality or 100) - value(made.plan, "jpeg", "quality"))
    if case.main == "blur" and found.blur.extent is not None:
        return abs(found.blur.extent / extent_of(made.plan) - 1)
    if case.main == "enlarged":
        return abs(found.resolution.factor / value(made.plan, "downscale", "scale") - 1)
    return math.nan


def _files_of_jpeg(files: Sequence[Path]) -> dict[str, Any]:
    """JPEG files, whose own tables are read."""
    case = Case("JPEG 5–60, as a file", "jpeg", "as libjpeg writes it, 4:2:0")
    named: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    off = []
    for number, file in enumerate(files):
        quality = 5 + number * 55 // max(1, len(files) - 1)
        data = pyvips.Image.new_from_array(read_rgb8(file), interpretation="srgb").jpegsave_buffer(Q=quality)
        found = diagnose(decode(data), encoded=data)
        named[found.main] += 1
        tasks[advise(found).task or "nothing"] += 1
        off.append(abs((found.jpeg.quality or 100) - quality))
    return _row(case, named, tasks, off)


def measure_sigma(files: Sequence[Path], seed: int) -> list[dict[str, Any]]:
    """How far the level of white noise is off, stored in 8 bits, colour."""
    rows = []
    for sigma in SIGMAS:
        case = Case(f"σ {sigma}", "noise", f"noise(sigma={sigma}) | round8")
        off = []
        for file in files:
            made = make(read_float(file, color="rgb"), case, f"{file.parent.name}/{file.stem}", seed)
            off.append(look(made).noise.sigma - sigma)
        apart = np.abs(off)
        rows.append({
            "sigma": sigma, "pictures": len(off), "error": float(apart.mean()), "bias": float(np.mean(off)),
            "within 2": float((apart <= 2).mean()),
        })  # fmt: skip
        print(f"sigma {sigma}: {rows[-1]}", flush=True)
    return rows


def measure_folder(name: str, folder: Path, *, every: int = 1) -> dict[str, Any]:
    """What is told of the files of a folder as they are."""
    named: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    touched = []
    for file in sorted(folder.iterdir())[::every]:
        found = diagnose(decode(file))
        task = advise(found).task
        named[found.main] += 1
        tasks[task or "nothing"] += 1
        touched += [f"{file.stem}: {task}, {found.main} {found.confidence:.2f}"] * (task is not None)
    print(f"{name:<28}{dict(named)}  {dict(tasks)}", flush=True)
    return {
        "name": name,
        "pictures": sum(named.values()),
        "named": dict(named),
        "tasks": dict(tasks),
        "touched": touched,
    }


def measure_time() -> list[dict[str, float]]:
    """Seconds of one core for pictures in memory: the cost must not grow with the picture."""
    rows = []
    for height, width in ((500, 500), (3000, 4000)):
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        picture = ArrayPicture(pixels, None, pixels)
        diagnose(picture)
        began = time.process_time()
        for _ in range(5):
            diagnose(picture)
        rows.append({"megapixels": height * width / 1e6, "seconds": (time.process_time() - began) / 5})
    return rows


def measure(data: Path, every: int, seed: int) -> dict[str, Any]:
    """Everything."""
    files = pictures(data, every)
    return {
        "seed": seed,
        "pictures": len(files),
        "every": every,
        "cases": measure_cases(files, seed),
        "sigma": measure_sigma(files, seed),
        "clean": [measure_folder(folder, data / folder, every=every) for folder in CLEAN],
        "real": [measure_folder(name, data / folder, every=every) for name, folder in REAL],
        "time": measure_time(),
    }


def page(figures: dict[str, Any]) -> str:
    """The part of docs/diagnose.md that is measured, as Markdown."""
    cases = figures["cases"]
    shown = [name for name in COLUMNS if any(row["named"].get(name) for row in cases)]
    some = "" if figures["every"] == 1 else f", one of {figures['every']} of each set"
    lines = [f"{figures['pictures']} photographs{some}.", ""]
    lines += [f"| damage | {' | '.join(shown)} | named | amount off by |", f"| --- |{' ---: |' * (len(shown) + 2)}"]
    for row in cases:
        counts = [_count(row["named"].get(name, 0), bold=name == row["main"]) for name in shown]
        lines.append(f"| {row['case']} | {' | '.join(counts)} | {100 * row['right']:.0f} % | {_amount(row)} |")
    lines += ["", f"Named, mean over the kinds of damage: {100 * mean_right(figures):.1f} %.", ""]
    lines += ["| σ, white noise, 8 bits | mean error | bias | within ±2 |", "| ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {row['sigma']} | {row['error']:.2f} | {row['bias']:+.2f} | {100 * row['within 2']:.0f} % |"
        for row in figures["sigma"]
    ]
    lines += ["", "| clean pictures | pictures | left alone | touched |", "| --- | ---: | ---: | --- |"]
    for row in figures["clean"]:
        lines.append(
            f"| {row['name'].partition('/')[2]} | {row['pictures']} | {row['tasks'].get('nothing', 0)} "
            f"| {'; '.join(row['touched']) or '–'} |"
        )
    lines += ["", "| real pictures | pictures | named | tasks |", "| --- | ---: | --- | --- |"]
    for row in figures["real"]:
        lines.append(f"| {row['name']} | {row['pictures']} | {_counts(row['named'])} | {_counts(row['tasks'])} |")
    times = " and ".join(f"{row['seconds']:.2f} s for {row['megapixels']:g} megapixels" for row in figures["time"])
    return "\n".join([*lines, "", f"Time on one core, pixels in memory: {times}."])


def _count(number: int, *, bold: bool) -> str:
    text = str(number) if number else "·"
    return f"**{text}**" if bold else text


def _amount(row: dict[str, Any]) -> str:
    if row["off"] is None:
        return "–"
    return f"{row['off']:.1f}" if row["main"] in {"noise", "jpeg"} else f"{100 * row['off']:.0f} %"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))


def mean_right(figures: dict[str, Any]) -> float:
    """The share of damaged pictures whose main damage was named, each kind counting the same."""
    return float(np.mean([row["right"] for row in figures["cases"] if row["main"] != "nothing"]))


def missed(figures: dict[str, Any]) -> list[str]:
    """What should be reached and is not."""
    found = []
    if (right := mean_right(figures)) < 0.9:
        found.append(f"named {100 * right:.1f} %, wanted 90 %")
    within = float(np.mean([row["within 2"] for row in figures["sigma"]]))
    if within < 0.9 or any(row["error"] > 2 for row in figures["sigma"]):
        found.append(f"sigma within 2 for {100 * within:.1f} %, wanted 90 %")
    return found


def write_page(figures: dict[str, Any]) -> None:
    """Put the figures between the marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page(figures)}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure, or write the page again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that holds val and test")
    parser.add_argument("--every", type=int, default=1, help="take one of so many pictures")
    parser.add_argument("--page", action="store_true", help="only write the page again from what is stored")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.page:
        write_page(json.loads(FIGURES.read_text(encoding="utf-8")))
        return
    if asked.data is None:
        parser.error("wanted --data DIR, or --page")
    figures = measure(asked.data, asked.every, asked.seed)
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page(figures)
    if lacking := missed(figures):
        sys.exit("; ".join(lacking))


if __name__ == "__main__":
    main()
