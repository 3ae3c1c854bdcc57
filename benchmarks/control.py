"""Measures what holding colours and keeping grain cost or bring, in decibels; the tables of docs/control.md.

python -m benchmarks.control --data DIR [--pictures N]   # DIR holds cbsd68, sidd, gopro, set14
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pixelmend import catalog
from pixelmend.degradations import degrade, parse_chain
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.images import from_unit, open_image, read_float, to_unit
from pixelmend.inference import Options, cached_engine, restore_picture
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Photo = NDArray[np.float32]

EIGHT = np.dtype(np.uint8)
USUAL = Options()
GRAIN = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Case:
    """One kind of damage that one set of weights repairs.

    Attributes:
        title: In the table.
        model: The name of the weights.
        pairs: Draws (damaged, clean) from the folder of sets, at most so many; damaged ones as they are handed over.
        options: What the model is told.
    """

    title: str
    model: str
    pairs: Callable[[Path, int], Iterator[tuple[NDArray[np.generic], Photo]]]
    options: Options = USUAL


def noisy(sigma: float, *, clipped: bool) -> Case:
    """White Gaussian noise on CBSD68, of 8 bits or unclipped."""

    def pairs(data: Path, most: int) -> Iterator[tuple[NDArray[np.generic], Photo]]:
        for path in some(data / "cbsd68", most):
            clean = read_float(path, color="rgb")
            damaged = clean + gaussian_noise_for(path.name, clean.shape, sigma, 0)
            yield (from_unit(damaged, EIGHT) if clipped else damaged), clean

    kind = "8 bits" if clipped else "unclipped"
    return Case(f"CBSD68, σ {sigma:g}, {kind}", "denoise-small", pairs, Options(sigma=sigma))


def damaged_by(chain: str, title: str, model: str) -> Case:
    """A chain of damage on CBSD68, to 8 bits."""

    def pairs(data: Path, most: int) -> Iterator[tuple[NDArray[np.generic], Photo]]:
        for path in some(data / "cbsd68", most):
            clean = read_float(path, color="rgb")
            planes = torch.from_numpy(clean.transpose(2, 0, 1)[np.newaxis].copy())
            worse = degrade(planes, parse_chain(chain), seed=0).pictures.numpy()[0]
            yield from_unit(worse.transpose(1, 2, 0), EIGHT), clean

    return Case(title, model, pairs)


def given(folder: str, names: tuple[str, str], title: str, model: str) -> Case:
    """Pairs of files as they were published."""

    def pairs(data: Path, most: int) -> Iterator[tuple[NDArray[np.generic], Photo]]:
        for path in some(data / folder / names[0], most):
            yield (
                from_unit(read_float(path, color="rgb"), EIGHT),
                read_float(data / folder / names[1] / path.name, color="rgb"),
            )

    return Case(title, model, pairs)


def reduced(model: str, title: str) -> Case:
    """Set14, reduced four times."""

    def pairs(data: Path, most: int) -> Iterator[tuple[NDArray[np.generic], Photo]]:
        from pixelmend.degradations.resample import resize

        for path in some(data / "set14", most):
            clean = read_float(path, color="rgb")
            clean = clean[: clean.shape[0] // 4 * 4, : clean.shape[1] // 4 * 4]
            planes = torch.from_numpy(clean.transpose(2, 0, 1).copy())
            small = resize(planes, clean.shape[0] // 4, clean.shape[1] // 4).numpy()
            yield from_unit(small.transpose(1, 2, 0), EIGHT), clean

    return Case(title, model, pairs)


SIDD, GOPRO = ("noisy", "clean"), ("blur", "sharp")
CASES = (
    *(noisy(sigma, clipped=clipped) for sigma in (15, 25, 50) for clipped in (True, False)),
    damaged_by("jpeg(quality=10, subsampling=420)", "CBSD68, JPEG quality 10", "dejpeg-small"),
    damaged_by("noise(sigma=15) | jpeg(quality=60, subsampling=420)", "CBSD68, σ 15, JPEG quality 60", "photo-small"),
    given("sidd", SIDD, "SIDD, photographs", "photo-small"),
    given("sidd", SIDD, "SIDD, photographs, perceptual", "photo-small-perceptual"),
    given("gopro", GOPRO, "GoPro, motion blur", "deblur-small"),
    given("gopro", GOPRO, "GoPro, motion blur, perceptual", "deblur-small-perceptual"),
    reduced("super-resolve-small-x4", "Set14, enlarged 4 times"),
    reduced("super-resolve-small-x4-perceptual", "Set14, enlarged 4 times, perceptual"),
)


def some(folder: Path, most: int) -> list[Path]:
    """Pictures of a folder, spread evenly, at most so many."""
    paths = sorted(folder.iterdir())
    return paths[:: max(1, len(paths) // most)][:most]


def score(case: Case, picture: NDArray[np.generic], clean: Photo, **wishes: float) -> tuple[float, float]:
    """PSNR of what comes back, dB, and the shift that was taken back, in levels."""
    card = catalog.by_name(case.model)
    options = replace(case.options, **wishes)  # type: ignore[arg-type]
    restored, report = restore_picture(open_image(picture), card, cached_engine(card), options)
    return psnr(np.clip(to_unit(restored), 0, 1), clean, data_range=1), report.anchored or 0.0


def row(case: Case, data: Path, most: int) -> str:
    """A line of the table of colours: means over pictures."""
    free, held, shifts = [], [], []
    for picture, clean in case.pairs(data, most):
        free.append(score(case, picture, clean, anchor=False)[0])
        db, shift = score(case, picture, clean)
        held.append(db)
        shifts.append(shift)
    changes = [after - before for before, after in zip(free, held, strict=True)]
    return (
        f"| {case.title} | {statistics.fmean(free):.2f} | {statistics.fmean(changes):+.3f} "
        f"| {min(changes):+.3f} to {max(changes):+.3f} | {statistics.fmean(shifts):.1f} |"
    )


def grain_row(case: Case, data: Path, most: int) -> str:
    """A line of the table of grain."""
    scores: dict[float, list[float]] = {share: [] for share in (0.0, *GRAIN)}
    for picture, clean in case.pairs(data, most):
        for share, found in scores.items():
            found.append(score(case, picture, clean, keep_grain=share)[0])
    return f"| {case.title} | " + " | ".join(f"{statistics.fmean(found):.2f}" for found in scores.values()) + " |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of sets")
    parser.add_argument("--pictures", type=int, default=17, help="of each set, at most")
    chosen = parser.parse_args()
    print("| damage | free, dB | held | least to most | largest shift |\n| --- | ---: | ---: | ---: | ---: |")
    for case in CASES:
        print(row(case, chosen.data, chosen.pictures), flush=True)
    print("\n| damage | none | 0.25 | 0.5 | 1 |\n| --- | ---: | ---: | ---: | ---: |")
    for case in (CASES[0], CASES[2], CASES[4], CASES[6], CASES[8]):
        print(grain_row(case, chosen.data, chosen.pictures), flush=True)


if __name__ == "__main__":
    main()
