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
import torch.nn.functional as F
from torch import nn

from benchmarks.diagnosing.damages import Case, Made
from benchmarks.diagnosing.rows import Row, row_of, rows_of, stacked
from pixelmend.diagnosis.judge import AMOUNTS, MAINS, SIGNS, WEIGHTS
from pixelmend.images import read_rgb8

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHOTOGRAPHS = ("photos_1", "photos_2", "cid22", "clic")
PAIRS, FRAMES = ("gopro_avg", "reds"), "gopro_240fps"
AVERAGED, CROPS = 11, 6
"""Frames that make a blurred one; pieces of each."""
HIDDEN = (96, 48)
HELD_OUT = 8
"""Of the rows, one in so many is not learnt from, to see when to stop."""
EPOCHS, BATCH, RATE, DECAY, DROP, JITTER = 60, 128, 2e-3, 2e-3, 0.2, 0.08


def gather(data: Path, each: int, seed: int, rows_file: Path | None) -> dict[str, NDArray[np.float32]]:
    """All rows of all photographs; those of video frames are cut from real blur."""
    rows: list[Row] = []
    began = time.monotonic()
    files = [file for folder in PHOTOGRAPHS for file in sorted((data / folder).iterdir()) if file.suffix != ".tsv"]
    order = np.random.default_rng(seed).permutation(len(files))
    for number, index in enumerate(order, 1):
        rows += rows_of(files[index], each, seed)
        if number % 50 == 0 or number == len(order):
            print(
                f"{number} of {len(order)} photographs, {len(rows)} rows, {time.monotonic() - began:.0f} s", flush=True
            )
    found = stacked([*rows, *_frames(data, seed)])
    if rows_file is not None:
        np.savez(rows_file, allow_pickle=False, **found)
    return found


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


def learn(rows: dict[str, NDArray[np.float32]], seed: int) -> dict[str, NDArray[np.float16 | np.float32]]:
    """Fit the network; what it is at its best on the rows that were held out is not chosen: the last one is taken."""
    torch.manual_seed(seed)
    held = np.arange(len(rows["main"])) % HELD_OUT == 0
    mean, spread = rows["numbers"].mean(axis=0), rows["numbers"].std(axis=0) + 1e-2
    numbers = torch.from_numpy(np.clip((rows["numbers"] - mean) / spread, -5, 5))
    wanted = {name: torch.from_numpy(rows[name]) for name in ("main", "signs", "amounts")}
    network = _network(numbers.shape[1])
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    learnt = torch.from_numpy(np.flatnonzero(~held))
    steps = EPOCHS * (len(learnt) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        network.train()
        order = learnt[torch.randperm(len(learnt))]
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            shaken = numbers[chosen] + JITTER * torch.randn(len(chosen), numbers.shape[1])
            loss = _loss(network(shaken), {name: values[chosen] for name, values in wanted.items()})
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        if epoch % 10 == 9:
            print(
                f"epoch {epoch + 1}: {_told(network, numbers[held], {n: v[held] for n, v in wanted.items()})}",
                flush=True,
            )
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    found: dict[str, NDArray[np.float16 | np.float32]] = {
        "mean": mean,
        "spread": spread,
        "layers": np.array(len(linear), np.float32),
    }
    for number, layer in enumerate(linear):
        found[f"weight{number}"] = layer.weight.detach().numpy().astype(np.float16)
        found[f"bias{number}"] = layer.bias.detach().numpy()
    return found


def _network(inputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in HIDDEN:
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(DROP)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, len(MAINS) + len(SIGNS) + len(AMOUNTS)))


def _split(outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.split(outputs, [len(MAINS), len(SIGNS), len(AMOUNTS)], dim=1)


def _loss(outputs: torch.Tensor, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    mains, signs, amounts = _split(outputs)
    loss = F.cross_entropy(mains, wanted["main"].long(), label_smoothing=0.01)
    known = ~wanted["signs"].isnan()
    loss = loss + F.binary_cross_entropy_with_logits(signs[known], wanted["signs"][known])
    known = ~wanted["amounts"].isnan()
    still = torch.zeros_like(known)
    still[:, AMOUNTS.index("still")] = True
    loss = loss + 0.3 * F.binary_cross_entropy_with_logits(amounts[known & still], wanted["amounts"][known & still])
    return loss + F.smooth_l1_loss(amounts[known & ~still], wanted["amounts"][known & ~still])


def _told(network: nn.Module, numbers: torch.Tensor, wanted: dict[str, torch.Tensor]) -> str:
    network.eval()
    with torch.no_grad():
        mains, _, amounts = _split(network(numbers))
    right = mains.argmax(dim=1) == wanted["main"]
    each = [f"{name} {right[wanted['main'] == index].float().mean():.2f}" for index, name in enumerate(MAINS)]
    apart = (amounts - wanted["amounts"]).abs().nanmean(dim=0)
    off = [f"{name} ±{value:.2f}" for name, value in zip(AMOUNTS, apart.tolist(), strict=True)]
    return f"right {right.float().mean():.3f} ({', '.join(each)}; {', '.join(off)})"


def main() -> None:
    """Gather, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="where the folders of photographs are")
    parser.add_argument("--rows", type=Path, help="keeps features; where it exists, nothing is gathered")
    parser.add_argument("--each", type=int, default=20, help="rows of each photograph")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.rows is not None and asked.rows.exists():
        with np.load(asked.rows) as stored:
            rows = {name: stored[name] for name in stored.files}
    else:
        rows = gather(asked.data, asked.each, asked.seed, asked.rows)
    np.savez_compressed(asked.out, allow_pickle=False, **learn(rows, asked.seed))
    print(f"wrote {asked.out}, {asked.out.stat().st_size / 1e3:.0f} kB, from {len(rows['main'])} rows")


if __name__ == "__main__":
    main()
