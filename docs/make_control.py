"""Makes docs/images/control.jpg: how much is restored, how much grain stays, and a region, on crops of the examples.

Run from the checkout: python docs/make_control.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images import decode, save
from pixelmend.inference import Options, cached_engine, find_weights, restore_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "control.jpg"
HEIGHT, WIDTH, GAP = 200, 240, 6
ROWS: tuple[tuple[str, str, tuple[int, int], tuple[dict[str, Any], ...]], ...] = (
    ("lighthouse_noisy.png", "denoise", (40, 130), tuple({"strength": share} for share in (0, 0.4, 0.7, 1))),
    (
        "lighthouse_noisy.png",
        "denoise",
        (290, 150),
        ({"strength": 0}, *({"keep_grain": share} for share in (0, 0.25, 0.5))),
    ),
    (
        "parrots_very_noisy.png",
        "denoise",
        (60, 110),
        ({"strength": 0}, {"region": (180, 110, 120, 120)}, {"keep_grain": 0.3}, {}),
    ),
)
"""Picture, task, upper left corner of the crop, and what is wished in each column."""


def crop(name: str, task: str, corner: tuple[int, int], wishes: dict[str, Any]) -> NDArray[np.uint8]:
    """A crop of an example, restored as wished."""
    weights = find_weights(task)
    pixels, _ = restore_picture(
        decode(ROOT / "examples" / name), weights.card, cached_engine(weights.card), Options(**wishes)
    )
    top, left = corner
    return np.asarray(pixels[top : top + HEIGHT, left : left + WIDTH])


def main() -> None:
    """Put all crops on white and store the picture."""
    columns = max(len(wishes) for *_, wishes in ROWS)
    size = (len(ROWS) * (HEIGHT + GAP) - GAP, columns * (WIDTH + GAP) - GAP, 3)
    sheet = np.full(size, 255, np.uint8)
    for row, (name, task, corner, columns_wishes) in enumerate(ROWS):
        for column, wishes in enumerate(columns_wishes):
            top, left = row * (HEIGHT + GAP), column * (WIDTH + GAP)
            sheet[top : top + HEIGHT, left : left + WIDTH] = crop(name, task, corner, wishes)
    save(sheet, PICTURE, quality=70)


if __name__ == "__main__":
    main()
