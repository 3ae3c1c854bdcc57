"""Makes the pictures of docs/guides: pieces of examples/, as they came above, restored below.

Run from the checkout: python docs/make_guides.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import pixelmend
from pixelmend.images import open_image, read_rgb8, save

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PICTURES = ROOT / "docs" / "images"
SIDE = 300
GAP = 8

# The picture, what is done to it, and (top, left) of the piece that is shown.
SHOWN: dict[str, tuple[tuple[str, dict[str, Any], tuple[int, int]], ...]] = {
    "guide_photographs.jpg": (
        ("harbour_shaken.jpg", {"task": "deblur"}, (120, 120)),
        ("houses_blocky.jpg", {"task": "dejpeg"}, (160, 100)),
        ("barn_evening.jpg", {"task": "photo"}, (60, 60)),
    ),
    "guide_prints.jpg": (
        ("portrait_scratched.jpg", {"task": "inpaint", "mask": EXAMPLES / "portrait_mask.png"}, (100, 100)),
    ),
}


def piece(pixels: NDArray[np.uint8], place: tuple[int, int]) -> NDArray[np.uint8]:
    """A square of a picture."""
    top, left = place
    return pixels[top : top + SIDE, left : left + SIDE]


def pair(name: str, options: dict[str, Any], place: tuple[int, int], *, below: bool) -> NDArray[np.uint8]:
    """A piece before and after, below or beside each other."""
    before = read_rgb8(EXAMPLES / name)
    whole = open_image(pixelmend.restore(before, **options))
    after = whole.region(0, 0, whole.height, whole.width)
    white = np.full((GAP, SIDE, 3) if below else (SIDE, GAP, 3), 255, np.uint8)
    return np.concatenate([piece(before, place), white, piece(after, place)], axis=0 if below else 1)


def sheet(name: str) -> NDArray[np.uint8]:
    """One of the pictures."""
    shown = SHOWN[name]
    parts = [pair(*each, below=len(shown) > 1) for each in shown]
    white = np.full((parts[0].shape[0], GAP, 3), 255, np.uint8)
    joined = [each for part in parts for each in (white, part)][1:]
    return np.concatenate(joined, axis=1)


if __name__ == "__main__":
    for each in SHOWN:
        save(sheet(each), PICTURES / each)
