"""Where pictures to learn from lie: clean ones, pairs of degraded and clean, and sequences of frames.

A source only lists. What cannot be used is a `Fault`: all of them are collected in one pass, and `settle` decides
whether they end the run or are left out and told.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Ends of the files that are taken for pictures; not all of them can be decoded everywhere (BMP cannot, mostly)."""
NAMED = 5
"""How many faults a message names before it counts the rest."""

Size = tuple[int, int]
"""Height and width, pixels."""


@dataclass(frozen=True)
class Fault:
    """A file that cannot be used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Item:
    """What is drawn as one: a picture, a pair (clean, degraded), or consecutive frames."""

    name: str
    """Path below the source's folder, without its suffix: the same wherever the folder lies."""
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Source:
    """Items of one kind, in a fixed order.

    Attributes:
        kind: What an item is.
        folders: Where they were found.
        items: Sorted by name within each folder.
        faults: What was found there and cannot be an item.
        scale: Size of the clean picture of a pair divided by that of the degraded one.
    """

    kind: Literal["clean", "pairs", "frames"]
    folders: tuple[Path, ...]
    items: tuple[Item, ...]
    faults: tuple[Fault, ...] = ()
    scale: int = 1
    variant: str = ""
    """What else the items depend on, so that two ways of reading the same folders are kept apart."""

    def misfit(self, sizes: Sequence[Size]) -> str | None:
        """Why pictures of these sizes, in the order of an item's paths, do not belong together; None if they do."""
        if self.kind == "clean":
            return None
        (height, width), *others = sizes
        factor = self.scale if self.kind == "pairs" else 1
        for index, (other_height, other_width) in enumerate(others, 1):
            if (other_height * factor, other_width * factor) != (height, width):
                got = f"{height}×{width} and {other_height}×{other_width}"
                if self.kind == "frames":
                    return f"frames 0 and {index} of its sequence are {got}: wanted one size"
                return f"clean and degraded are {got}: wanted {'equal sizes' if factor == 1 else f'{factor} to 1'}"
        return None


def walk(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Every file with one of these suffixes in a folder and those below, sorted; hidden ones are left out.

    Raises:
        DataError: A folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"cannot read the folder {error.filename}: {error.strerror}; make it readable") from error

    found = []
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        # Data often lies behind links, and links may lead in a circle.
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        inside = Path(place)
        found += [
            inside / name
            for name in sorted(files)
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes  # noqa: PTH122 (much faster)
        ]
    return found


def list_pictures(folders: Sequence[Path]) -> list[Path]:
    """Every picture in these folders, sorted by name within each; deeper folders are read too.

    A file in place of a folder stands for itself.

    Raises:
        DataError: A folder is missing or holds no picture.
    """
    found: list[Path] = []
    for folder in folders:
        if folder.is_file():
            found.append(folder)
            continue
        if not folder.is_dir():
            raise DataError(f"no folder {folder}: set data.root to where the pictures are (--set data.root=DIR)")
        pictures = sorted(walk(folder, SUFFIXES))
        if not pictures:
            raise DataError(f"no pictures in {folder}: wanted files that end in {', '.join(sorted(SUFFIXES))}")
        found += pictures
    return found


def find_clean(folders: Sequence[Path]) -> Source:
    """Every picture of these folders, each an item; a file in place of a folder stands for itself.

    Raises:
        DataError: A folder is missing or holds no picture.
    """
    items = [Item(_name(path, folder), (path,)) for folder in folders for path in list_pictures([folder])]
    return Source("clean", tuple(folders), tuple(items))


def find_pairs(folders: Sequence[Path], *, clean: str, degraded: str, scale: int = 1) -> Source:
    """Pairs of pictures of one name in two folders that lie beside each other, anywhere below these folders.

    Both ``SCENE/{blur,sharp}/001.png`` and ``{blur,sharp}/SCENE/001.png`` are found; suffixes may differ.

    Args:
        folders: Where to look.
        clean: Name of the folder that holds clean pictures, such as "sharp"; upper and lower case are alike.
        degraded: Name of the folder beside it, such as "blur".
        scale: Size of a clean picture divided by that of its degraded one.

    Returns:
        Items of two paths, clean then degraded; pictures without a partner are faults.

    Raises:
        DataError: A folder is missing, or holds no two such folders beside each other.
    """
    items: list[Item] = []
    faults: list[Fault] = []
    for folder in folders:
        list_pictures([folder])
        places = [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())]
        both = [(_child(place, clean), _child(place, degraded)) for place in places]
        twins = [(one, other) for one, other in both if one is not None and other is not None]
        if not twins:
            raise DataError(f"no folders {clean} and {degraded} beside each other in {folder}: name the two that are")
        for one, other in twins:
            left, right = (_by_stem(side, faults) for side in (one, other))
            for mine, theirs, partner in ((left, right, degraded), (right, left, clean)):
                faults += [Fault(p, f"has no partner in {partner}") for stem, p in mine.items() if stem not in theirs]
            shared = [stem for stem in left if stem in right]
            items += [Item(_name(left[stem], folder), (left[stem], right[stem])) for stem in shared]
    return Source("pairs", tuple(folders), tuple(items), tuple(faults), scale, f"{clean}/{degraded}")


def find_frames(folders: Sequence[Path], *, frames: int, piece: int = 32) -> Source:
    """Sequences of consecutively numbered pictures: equal names up to the number at their end.

    A gap in the numbers ends a sequence. Long sequences are cut into pieces, so that an item stays small: frames on two
    sides of a cut are never drawn together.

    Args:
        folders: Where to look; pictures of one sequence lie in one folder.
        frames: How many frames will be drawn at most; shorter sequences are faults.
        piece: Frames in a piece at least, not fewer than ``frames``.

    Raises:
        DataError: A folder is missing or holds no picture.
    """
    items: list[Item] = []
    faults: list[Fault] = []
    for folder in folders:
        series: dict[tuple[Path, str], dict[int, Path]] = defaultdict(dict)
        for path in list_pictures([folder]):
            match = re.fullmatch(r"(.*?)(\d+)", path.stem)
            if match is None:
                faults.append(Fault(path, "has no frame number at the end of its name"))
                continue
            numbered = series[path.parent, match[1]]
            if int(match[2]) in numbered:
                faults.append(Fault(path, f"has the same number as {numbered[int(match[2])].name}"))
            numbered.setdefault(int(match[2]), path)
        for numbered in series.values():
            for run in _runs(numbered):
                if len(run) < frames:
                    faults += [Fault(p, f"is one of {len(run)} consecutive frames: wanted {frames}") for p in run]
                else:
                    items += [Item(_name(part[0], folder), part) for part in _pieces(run, max(piece, frames))]
    return Source("frames", tuple(folders), tuple(items), tuple(faults), variant=f"{frames}/{piece}")


def settle(faults: Sequence[Fault], *, good: int, skip_bad: bool, tell: Callable[[str], None]) -> None:
    """End the run because of these faults, or go on without and say so.

    Args:
        faults: May be none.
        good: How many items can be used.
        skip_bad: Go on without.
        tell: Takes one line.

    Raises:
        DataError: There are faults and ``skip_bad`` is not set, or nothing is left.
    """
    if faults:
        first = sorted(faults, key=lambda fault: fault.path)[:NAMED]
        named = "; ".join(f"{fault.path}: {fault.reason}" for fault in first)
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        what = f"{len(faults)} {'pictures' if len(faults) > 1 else 'picture'}"
        if not skip_bad:
            raise DataError(f"cannot use {what} ({named}{more}): repair or remove, or go on without (--skip-bad)")
        tell(f"skipped {what}: {named}{more}")
    if not good:
        raise DataError("nothing is left to learn from: name other folders (data.train)")


def _name(path: Path, folder: Path) -> str:
    return path.with_suffix("").as_posix() if path == folder else path.relative_to(folder).with_suffix("").as_posix()


def _child(place: Path, name: str) -> Path | None:
    """The folder of this name in ``place``, whatever its case."""
    if (place / name).is_dir():
        return place / name
    return next((p for p in sorted(place.iterdir()) if p.is_dir() and p.name.lower() == name.lower()), None)


def _by_stem(folder: Path, faults: list[Fault]) -> dict[str, Path]:
    """Pictures by their path below ``folder`` without suffix; one that comes twice is a fault."""
    found: dict[str, Path] = {}
    for path in sorted(walk(folder, SUFFIXES)):
        stem = _name(path, folder)
        if stem in found:
            faults.append(Fault(path, f"has the same name as {found[stem].name}"))
        found.setdefault(stem, path)
    return found


def _runs(numbered: dict[int, Path]) -> Iterable[tuple[Path, ...]]:
    """Consecutive numbers together."""
    ordered = sorted(numbered.items())
    for _, run in itertools.groupby(enumerate(ordered), key=lambda pair: pair[1][0] - pair[0]):
        yield tuple(path for _, (_, path) in run)


def _pieces(run: tuple[Path, ...], piece: int) -> list[tuple[Path, ...]]:
    """Cut into parts of almost equal length, each of ``piece`` frames or more."""
    parts = max(1, len(run) // piece)
    edges = [len(run) * k // parts for k in range(parts + 1)]
    return [run[start:end] for start, end in itertools.pairwise(edges)]
