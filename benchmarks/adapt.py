"""Measures what adapting to noisy pictures is worth, on pairs of noisy and clean ones, against BM3D; a Markdown table.

The clean pictures are for scoring, and for the columns named "best", which choose by them: those are bounds for what a
method could reach if somebody told it the one level that suits best, not results.

python benchmarks/adapt.py --data DIR --minutes 5
python benchmarks/adapt.py --data DIR --adapted adapted/denoise-adapted.json --no-bm3d
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelmend import catalog
from pixelmend.diagnosis import estimate_sigma
from pixelmend.images import decode, read_float
from pixelmend.inference import OnnxEngine, Options, restore_picture
from pixelmend.metrics import as_displayed, psnr

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.catalog import Card

LEVELS = (7.0, 11.0, 15.0, 21.0, 28.0, 37.0, 50.0)
"""Constant levels that the columns "best" choose from, 0–255 scale."""


@dataclass
class Row:
    """Scores of one picture, dB: for each method by column."""

    name: str
    sigma: float
    scores: dict[str, float] = field(default_factory=dict)
    by_level: dict[str, dict[float, float]] = field(default_factory=dict)


def restored_by(card: Card, path: Path, sigma: float | None) -> np.ndarray:
    """What `pixelmend restore` gives, (H, W), white = 1."""
    pixels, _ = restore_picture(decode(path), card, OnnxEngine(card.path, "cpu"), Options(sigma=sigma))
    return np.asarray(pixels)[:, :, 0] / 255


def bm3d_of(path: Path, sigma: float) -> np.ndarray:
    """BM3D with its package's own settings, (H, W), white = 1."""
    import bm3d

    return as_displayed(
        np.asarray(bm3d.bm3d(read_float(path, color="gray").astype(np.float64), max(sigma, 1e-3) / 255))
    )


def measure(folder: Path, adapted: Card, *, with_bm3d: bool) -> list[Row]:
    """Score every picture of ``folder/noisy`` against the one of its name in ``folder/clean``."""
    shipped, rows = catalog.find("denoise"), []
    for path in sorted((folder / "noisy").iterdir()):
        clean = read_float(folder / "clean" / path.name, color="gray")

        def score(picture: np.ndarray, clean: np.ndarray = clean) -> float:
            return psnr(picture, clean, data_range=1, color="gray")

        row = Row(path.stem, estimate_sigma(decode(path)))
        row.scores["noisy"] = score(read_float(path, color="gray"))
        row.scores["adapted"] = score(restored_by(adapted, path, None))
        row.scores["shipped"] = score(restored_by(shipped, path, None))
        methods: dict[str, Callable[[float], np.ndarray]] = {"shipped": partial(restored_by, shipped, path)}
        if with_bm3d:
            methods["bm3d"] = partial(bm3d_of, path)
            row.scores["bm3d"] = score(bm3d_of(path, row.sigma))
        for name, method in methods.items():
            row.by_level[name] = {level: score(method(level)) for level in LEVELS}
            row.scores[f"{name}, best for it"] = max(row.by_level[name].values())
        sys.stderr.write(f"{row.name} {row.scores}\n")
        rows.append(row)
    for name in rows[0].by_level:
        means = {level: statistics.fmean(row.by_level[name][level] for row in rows) for level in LEVELS}
        best = max(means, key=means.__getitem__)
        for row in rows:
            row.scores[f"{name}, best for all ({best:g})"] = row.by_level[name][best]
    return rows


def table(rows: list[Row]) -> str:
    """Pictures down, methods across, their means at the end; PSNR in dB."""
    names = sorted(rows[0].scores, key=lambda name: statistics.fmean(row.scores[name] for row in rows))
    lines = [f"| picture | σ estimated | {' | '.join(names)} |", f"|---|---:|{'---:|' * len(names)}"]
    lines += [
        f"| {row.name} | {row.sigma:.1f} | {' | '.join(f'{row.scores[name]:.2f}' for name in names)} |" for row in rows
    ]
    means = [statistics.fmean(row.scores[name] for row in rows) for name in names]
    return "\n".join([*lines, f"| **mean** | | {' | '.join(f'**{mean:.2f}**' for mean in means)} |"])


def main() -> None:
    """Adapt, unless a network is given, then score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with noisy/ and clean/, grey pictures")
    parser.add_argument("--minutes", type=float, default=5.0, help="budget of adapting")
    parser.add_argument("--adapted", type=Path, help="card of a network that was adapted before")
    parser.add_argument("--no-bm3d", action="store_true", help="leave BM3D out, which takes most of the time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        card = asked.adapted
        if card is None:
            out, begin = Path(place) / "out", time.perf_counter()
            command = ["adapt", asked.data / "noisy", "-o", out, "--minutes", asked.minutes]
            subprocess.run([sys.executable, "-m", "pixelmend", *map(str, command)], check=True, stdout=sys.stderr)
            print(f"adapted in {(time.perf_counter() - begin) / 60:.1f} minutes\n")
            card = out / "denoise-adapted.json"
        print(table(measure(asked.data, catalog.load(card), with_bm3d=not asked.no_bm3d)))


if __name__ == "__main__":
    main()
