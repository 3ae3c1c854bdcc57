"""Rows to learn diagnosis from: clean photographs, cropped and damaged, as features with what is to be told of them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosing.damages import Made, extent_of, make, value
from pixelmend.diagnosis import estimate_sigma
from pixelmend.diagnosis.features import LEAST_SIDE, features
from pixelmend.diagnosis.jpeg import find_traces
from pixelmend.diagnosis.judge import AMOUNTS, MAINS, SIGNS
from pixelmend.diagnosis.sampling import take_sample
from pixelmend.images import ArrayPicture, read_float

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.diagnosing.damages import Case

WEAK = 3.0
"""Noise that changes a picture by less (0–255 scale) is neither learnt as noise nor as none."""
SHOWN = 75
"""JPEG of this quality or less is learnt as something to mend."""


@dataclass(frozen=True, eq=False)
class Row:
    """One damaged picture.

    Attributes:
        numbers: What `features` tells.
        main: Place in ``MAINS``.
        signs: 1, 0 or NaN (not known) for each of ``SIGNS``.
        amounts: Of ``AMOUNTS``, NaN where there is none.
    """

    numbers: NDArray[np.float32]
    main: int
    signs: tuple[float, ...]
    amounts: tuple[float, ...]


def describe_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """All features of a picture (H, W, C)."""
    picture = ArrayPicture(pixels, None, pixels)
    sample = take_sample(picture)
    return features(sample, find_traces(sample), estimate_sigma(picture))


def rows_of(path: Path, cases: Sequence[Case], count: int, seed: int) -> list[Row]:
    """So many rows of one photograph, damage drawn from cases: a function of the photograph's name and the seed."""
    clean = read_float(path, color="rgb")
    digest = hashlib.sha256(f"{seed}/{path.parent.name}/{path.stem}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    shares = np.array([case.share for case in cases])
    found = []
    for number in range(count):
        case = cases[rng.choice(len(cases), p=shares / shares.sum())]
        crop = _crop(clean, rng, whole=case.name.startswith("found"))
        made = make(crop, case, f"{path.stem}/{number}", seed)
        row = row_of(case, made)
        if row is not None:
            found.append(row)
    return found


def _crop(clean: NDArray[np.float32], rng: np.random.Generator, *, whole: bool) -> NDArray[np.float32]:
    """A piece of random size and place, sometimes grey, sometimes turned."""
    height, width = (length if whole else int(min(length, rng.integers(160, 640))) for length in clean.shape[:2])
    top, left = rng.integers(clean.shape[0] - height + 1), rng.integers(clean.shape[1] - width + 1)
    piece = clean[top : top + height, left : left + width]
    if rng.random() < 0.06:
        piece = np.repeat(piece @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    if rng.random() < 0.5:
        piece = piece.transpose(1, 0, 2)
    if rng.random() < 0.2:  # as phones and people do
        piece = _sharpened(piece, rng.uniform(0.3, 1.2))
    return np.ascontiguousarray(piece[:, :: -1 if rng.random() < 0.5 else 1])


def _sharpened(picture: NDArray[np.float32], amount: float) -> NDArray[np.float32]:
    """With so much of what a 3×3 binomial filter takes away added once more."""
    smooth: NDArray[np.floating] = picture
    for axis in (0, 1):
        before, after = np.roll(smooth, 1, axis), np.roll(smooth, -1, axis)
        smooth = (before + 2 * smooth + after) / 4
    sharp: NDArray[np.float32] = np.clip(picture + amount * (picture - smooth), 0, 1).astype(np.float32)
    return sharp


def row_of(case: Case, made: Made) -> Row | None:
    """Features and what is to be told; None where the damage was too weak to ask for it, or the result too small."""
    main = _main(case, made)
    if main is None or min(made.pixels.shape[:2]) < LEAST_SIDE:
        return None
    noisy = main in {"noise", "camera"}
    signs = dict.fromkeys(SIGNS, 0.0)
    signs |= {"noise": float(noisy), **({main: 1.0} if main in SIGNS else {})}
    if main == "mixed" or case.name == "night":
        signs |= {sign: math.nan for sign in SIGNS if sign != "dark"}
    if main == "dark" and case.name.startswith("dark"):
        signs |= {"noise": float(made.apart >= WEAK), "grain": math.nan}
    if noisy:
        signs["grain"] = float(case.name.startswith("grain"))
    quality = value(made.plan, "jpeg", "quality")
    if noisy and quality <= SHOWN:
        signs["jpeg"] = math.nan
    extent = extent_of(made.plan) if main == "blur" else math.nan
    factor = max((value([step], "fit", "scale") for step in made.plan if step.kind == "fit"), default=math.nan)
    amounts = {
        "extent": math.log(max(extent, 1.0)) if not math.isnan(extent) else math.nan,
        "factor": math.log2(factor) if main == "enlarged" else math.nan,
        "sigma": math.log(max(made.apart, 0.5)) if noisy and case.name != "night" else math.nan,
        "still": float(case.name.startswith(("defocus", "soft"))) if main == "blur" else math.nan,
    }
    return Row(
        describe_pixels(made.pixels), MAINS.index(main),
        tuple(signs[sign] for sign in SIGNS), tuple(amounts[each] for each in AMOUNTS),
    )  # fmt: skip


def _main(case: Case, made: Made) -> str | None:
    """What should be named; None where the damage drawn is too weak to be named or left unnamed."""
    if case.main in {"noise", "camera"} and made.apart < WEAK:
        return None
    stops = value(made.plan, "low_light", "stops")
    if case.name == "night" and not value(made.plan, "low_light", "brighten"):
        return "dark" if stops < -2.2 else None
    return case.main


def stacked(rows: Sequence[Row]) -> dict[str, NDArray[np.float32]]:
    """Rows as arrays, one line each."""
    return {
        "numbers": np.stack([row.numbers for row in rows]),
        "main": np.array([row.main for row in rows], np.float32),
        "signs": np.array([row.signs for row in rows], np.float32),
        "amounts": np.array([row.amounts for row in rows], np.float32),
    }
