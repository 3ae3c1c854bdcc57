"""Teaches diagnosis what damage looks like: writes src/pixelmend/diagnosis/judge.npz.

    python -m benchmarks.learn_diagnosis --data DIR [--rows FILE]

DIR holds folders of clean photographs (``photos_1``, ``photos_2``, ``cid22``, ``clic``), and, where they are, frames of
video: pairs (``gopro_avg``, ``reds``: ``blur`` and ``sharp``) and single ones in order (``gopro_240fps``). Features are
kept in FILE, so that learning again takes a minute. What it makes is a function of the pictures and the seed, but for
the last bits of sums.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.diagnosing.damages import LEARNT, STORED, Case, Made
from benchmarks.diagnosing.rows import Row, row_of, rows_of, stacked
from benchmarks.diagnosing.trees import grow, told, write
from pixelmend.diagnosis.judge import TREES
from pixelmend.images import read_rgb8

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHOTOGRAPHS = ("photos_1", "photos_2", "cid22", "clic")
PAIRS, FRAMES = ("gopro_avg", "reds"), "gopro_240fps"
AVERAGED, CROPS = 11, 6
"""Frames that make a blurred one; pieces of each."""
STORED_SHARE, STORED_WEIGHT = 1.0, 1.0
"""Share of the photographs that are also learnt from as JPEG; how much each such row counts."""
HELD_OUT = 0.15
"""Share of the rows, and so of the photographs, that trees are first tried on."""


def gather(data: Path, photographs: int, each: tuple[int, int], seed: int) -> dict[str, NDArray[np.float32]]:
    """All rows of all photographs; those of video frames are cut from real blur."""
    rows: list[Row] = []
    weights: list[float] = []
    began = time.monotonic()
    files = [file for folder in PHOTOGRAPHS for file in sorted((data / folder).iterdir()) if file.suffix != ".tsv"]
    order = np.random.default_rng(seed).permutation(len(files))[:photographs]
    few = order[: int(STORED_SHARE * len(order))]
    for cases, some, count, drawn in ((LEARNT, order, each[0], seed), (STORED, few, each[1], seed + 1)):
        for number, index in enumerate(some, 1):
            rows += rows_of(files[index], cases, count, drawn)
            if number % 50 == 0 or number == len(some):
                done = f"{number} of {len(some)} photographs"
                print(f"{done}, {len(rows)} rows, {time.monotonic() - began:.0f} s", flush=True)
        weights += [STORED_WEIGHT if cases is STORED else 1.0] * (len(rows) - len(weights))
    rows += _frames(data, seed)
    weights += [1.0] * (len(rows) - len(weights))
    return {**stacked(rows), "weight": np.array(weights, np.float32)}


def _frames(data: Path, seed: int) -> list[Row]:
    """Crops of real frames: sharp ones, and ones that motion blurred."""
    rng = np.random.default_rng(seed)
    rows = []
    for folder in PAIRS:
        for kind, main in (("blur", "blur"), ("sharp", "clean")):
            place = data / folder / kind
            for file in sorted(place.iterdir()) if place.is_dir() else []:
                rows += _crops(read_rgb8(file), main, rng)
    frames = sorted((data / FRAMES).iterdir()) if (data / FRAMES).is_dir() else []
    for first in range(0, len(frames) - AVERAGED, 2 * AVERAGED):
        few = [read_rgb8(frame) for frame in frames[first : first + AVERAGED]]
        light = np.mean([(frame / 255.0) ** 2.2 for frame in few], axis=0)
        rows += _crops(few[0], "clean", rng)
        rows += _crops(np.rint(255 * light ** (1 / 2.2)).astype(np.uint8), "blur", rng)
    return rows


def _crops(pixels: NDArray[np.uint8], main: str, rng: np.random.Generator) -> list[Row]:
    rows = []
    for _ in range(CROPS):
        height, width = (int(rng.integers(256, length)) for length in pixels.shape[:2])
        top, left = rng.integers(pixels.shape[0] - height), rng.integers(pixels.shape[1] - width)
        crop = np.ascontiguousarray(pixels[top : top + height, left : left + width])
        row = row_of(Case("frame", main, ""), Made(crop, (), 0.0))
        rows += [row] if row is not None else []
    return rows


def main() -> None:
    """Gather, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="where the folders of photographs are")
    parser.add_argument("--rows", type=Path, help="keeps features; where it exists, nothing is gathered")
    parser.add_argument("--photographs", type=int, default=1000, help="at most so many of them, drawn by the seed")
    parser.add_argument("--each", type=int, default=20, help="rows of each photograph")
    parser.add_argument("--stored", type=int, default=6, help="further rows of each, stored as JPEG")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=TREES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.rows is not None and asked.rows.exists():
        with np.load(asked.rows) as stored:
            rows = {name: stored[name] for name in stored.files}
    else:
        rows = gather(asked.data, asked.photographs, (asked.each, asked.stored), asked.seed)
        if asked.rows is not None:
            np.savez(asked.rows, allow_pickle=False, **rows)
    held = int(HELD_OUT * len(rows["main"]))
    first = grow({name: values[held:] for name, values in rows.items()}, asked.seed)
    print(f"of photographs not learnt from: {told(first, {name: values[:held] for name, values in rows.items()})}")
    write(grow(rows, asked.seed), asked.out)
    print(f"wrote {asked.out}, {asked.out.stat().st_size / 1e3:.0f} kB, from {len(rows['main'])} rows")


if __name__ == "__main__":
    main()
