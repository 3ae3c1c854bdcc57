"""Makes the examples of the web page, pieces of examples/, and the pictures of it for the documents, from the running page.

Run from the checkout: python docs/make_service.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pixelmend.images import decode, save

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "src" / "pixelmend" / "service" / "page"

# The piece that the page has, where it comes from, (top, left, side), and the quality of a JPEG.
PIECES: tuple[tuple[str, str, tuple[int, int, int], int | None], ...] = (
    ("noisy.png", "lighthouse_noisy.png", (120, 130, 220), None),
    ("shaken.jpg", "harbour_shaken.jpg", (90, 60, 400), 90),
    ("scratched.jpg", "portrait_scratched.jpg", (40, 100, 400), 90),
    ("scratched_mask.png", "portrait_mask.png", (40, 100, 400), None),
    ("small.jpg", "boats_small.png", (0, 0, 250), 95),
)


def make_examples() -> None:
    """The small pictures that people try first; together they weigh less than 300 KB."""
    for name, source, (top, left, side), quality in PIECES:
        piece = decode(EXAMPLES / source).region(top, left, side, side)
        save(piece, PAGE / "examples" / name, quality=quality)
    shutil.copy(EXAMPLES / "houses_blocky.jpg", PAGE / "examples" / "blocky.jpg")


if __name__ == "__main__":
    make_examples()
