"""A page of side-by-side crops: the same piece of each picture from every method, worst cases first.

The piece is the one where the clean picture has most detail and the damage took most away; it does not depend on any
method, so that methods measured in different runs show the same one.
"""

from __future__ import annotations

import hashlib
import html
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import DataError
from pixelmend.files import make_folder, write_text
from pixelmend.images import from_unit, save
from pixelmend.pages import CELL, cells, figure, frame, window_sums

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pixelmend.evaluation.problem import Pixels, Problem
    from pixelmend.evaluation.results import Entry

SIDE = 160
"""Height and width of a crop, pixels."""


class Crops:
    """Pieces of restored pictures, in a folder; WebP files.

    Args:
        folder: Where they are kept; made when the first one is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, entry: Entry, clean: Pixels, problem: Problem, restored: Pixels) -> None:
        """Store the piece of a restored picture, and those of the clean and the damaged one if they are not there.

        Raises:
            UnwritableError: The disk is full, or the folder cannot be written to.
        """
        place = self._place(entry, problem.name)
        make_folder(place)
        degraded = _enlarged(problem.degraded, problem.scale)
        top, left = piece(clean, degraded)
        pieces = {"clean": clean, "degraded": degraded, _owner(entry): restored}
        for name, pixels in pieces.items():
            target = place / f"{name}.webp"
            if name in ("clean", "degraded") and target.is_file():
                continue
            crop = np.clip(pixels[top : top + SIDE, left : left + SIDE], 0, 1).astype(np.float32)
            planes = crop if crop.ndim == 3 else crop[..., np.newaxis]
            save(from_unit(np.ascontiguousarray(planes), np.dtype(np.uint8)), target)

    def page(self, entries: Sequence[Entry], path: Path, *, most: int = 6, first: str = "") -> None:
        """Write an HTML page of the pictures of each set that came out worst.

        Worst is where the first method is ahead of the best other one by least, or, where there is no other, where its
        PSNR is lowest.

        Args:
            entries: From ``evaluate``; the first of each set and case is of the method that is judged.
            path: The page; pictures are linked relative to it, so the folder of crops must lie beside or below it.
            most: Pictures of each set and case.
            first: Label of the method that is judged, where another may come before it; "" for the first entry.

        Raises:
            DataError: The crops do not lie below the folder of the page.
            UnwritableError: It cannot be written.
        """
        if not self.folder.resolve().is_relative_to(path.parent.resolve()):
            raise DataError(f"{self.folder} does not lie beside {path}: keep crops below the page's folder")
        groups: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
        for entry in entries:
            groups[entry.title, entry.task, entry.case].append(entry)
        for group in groups.values():
            group.sort(key=lambda entry: entry.label != first)
        sections = [self._section(key, group, path, most) for key, group in groups.items()]
        body = f"<h1>{_TITLE}</h1>\n<p>{_WORDS}</p>\n{''.join(sections)}"
        write_text(path, frame(_TITLE, body, style=_STYLE))

    def _section(self, key: tuple[str, str, str], entries: list[Entry], path: Path, most: int) -> str:
        title, task, case = (html.escape(part) for part in key)
        rows = [self._row(entries, name, path) for name in worst_first(entries)[:most]]
        return f"<h2>{title}, {task}, {case}</h2>\n{''.join(rows)}\n"

    def _row(self, entries: list[Entry], name: str, path: Path) -> str:
        place = self._place(entries[0], name)
        figures = [_figure(place / f"{kind}.webp", path, kind) for kind in ("clean", "degraded")]
        for entry in entries:
            if name in entry.pictures:
                score = entry.pictures[name]
                words = f"{entry.label}\n{score.psnr:.2f} dB"
                words += "" if score.lpips is None else f", LPIPS {score.lpips:.3f}"
                figures.append(_figure(place / f"{_owner(entry)}.webp", path, words))
        return f"<h3>{html.escape(name)}</h3>\n<div>{''.join(figures)}</div>\n"

    def _place(self, entry: Entry, name: str) -> Path:
        """Pictures of one set, case and name share a folder; names may hold anything, so they are hashed."""
        protocol = entry.protocol
        made = (protocol.damage, protocol.dataset_checksum, str(protocol.seed))
        return self.folder / _digest(entry.dataset, entry.task, entry.case, *made, name)

    def has(self, entry: Entry, name: str) -> bool:
        """Whether the piece of a picture is there."""
        return (self._place(entry, name) / f"{_owner(entry)}.webp").is_file()


def worst_first(entries: Sequence[Entry]) -> list[str]:
    """Names of the pictures that the first entry has, in the order of ``Crops.page``."""
    first, *others = entries

    def lead(name: str) -> float:
        against = [other.pictures[name].psnr for other in others if name in other.pictures]
        return first.pictures[name].psnr - max(against, default=0.0)

    return sorted(first.pictures, key=lambda name: (lead(name), name))


def piece(clean: Pixels, degraded: Pixels) -> tuple[int, int]:
    """Top and left of the piece of a picture where most is to be restored; both pictures are of one size."""
    gray = [pixels if pixels.ndim == 2 else pixels.mean(axis=2) for pixels in (clean, degraded)]
    detail = np.zeros_like(gray[0])
    detail[:-1] += np.abs(np.diff(gray[0], axis=0))
    detail[:, :-1] += np.abs(np.diff(gray[0], axis=1))
    size = (clean.shape[0], clean.shape[1])
    sums = [window_sums(cells(values), SIDE, size) for values in (detail, np.abs(gray[1] - gray[0]))]
    found = sums[0] * sums[1]
    top, left = np.unravel_index(int(found.argmax()), found.shape)
    return int(top) * CELL, int(left) * CELL


def _enlarged(pixels: Pixels, scale: int) -> Pixels:
    """Each pixel as a square, so that the reader sees what there was."""
    return pixels if scale == 1 else pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def _figure(file: Path, page: Path, words: str) -> str:
    return figure(file.resolve().relative_to(page.parent.resolve()).as_posix(), words)


def _owner(entry: Entry) -> str:
    return _digest(entry.method, entry.weights)


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


_TITLE = "Restored pictures side by side"
_WORDS = (
    "The piece of each picture where most was to be restored, twice as large; for each set those pictures first on "
    "which the first method is ahead of the best other one by least."
)
_STYLE = """
div { display: flex; flex-wrap: wrap; gap: .75rem; }
figure { width: 20rem; }
img { width: 100%; image-rendering: pixelated; }
figcaption { min-height: 2.6em; }
"""
