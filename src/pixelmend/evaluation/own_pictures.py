"""Anyone's own pictures as a set to measure on: pairs in folders beside each other, or clean pictures.

Published sets are recognised by their names; here nothing but the names of folders counts, every file is either
measured or named, and none stops the others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pixelmend.data.benchmarks import Benchmark, checksum_of
from pixelmend.data.layouts import CLEAN_FOLDERS, DEGRADED_FOLDERS, Item, plain
from pixelmend.data.sources import list_pictures
from pixelmend.errors import DataError, PixelmendError
from pixelmend.images import decode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class OwnPictures:
    """What a folder holds.

    Attributes:
        benchmark: The pictures or pairs, as a set.
        paired: Whether they are pairs.
        faults: Files that cannot be measured, and why, by name.
    """

    benchmark: Benchmark
    paired: bool
    faults: tuple[tuple[str, str], ...]


def find_own(folder: Path, *, pairs: bool) -> OwnPictures:
    """Look at a folder and all below it.

    Args:
        folder: Where pictures are.
        pairs: Take pairs as they are where there are any; else only their clean halves are taken, to be damaged.

    Raises:
        DataError: The folder is missing or holds no picture, or has folders for both halves and no pair.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give a folder of pictures, or of pairs such as clean/ and noisy/")
    paths = list_pictures([folder])
    halves = {path: _half(path, folder) for path in paths}
    if {role for role, _ in halves.values()} >= {"clean", "degraded"}:
        items, faults = _pair_up(halves, folder)
        if not items:
            examples = [next(p for p in paths if halves[p][0] == role) for role in ("clean", "degraded")]
            names = " and ".join(_name(path, folder) for path in examples)
            raise DataError(f"{folder} holds no pair: wanted files of one name in both folders, got {names}")
        if pairs:
            return OwnPictures(_benchmark(folder, items, len(faults)), True, faults)
        paths = [item.clean for item in items if item.clean is not None]
    return OwnPictures(_benchmark(folder, _items(paths, folder), 0), False, ())


def _benchmark(folder: Path, items: Sequence[Item], more: int) -> Benchmark:
    clean = tuple(item.clean for item in items if item.clean is not None)
    degraded = (item.degraded for item in items if item.degraded is not None)
    color: Literal["rgb", "gray"] = "gray" if all(_is_gray(path) for path in clean) else "rgb"
    checksum = checksum_of(dict.fromkeys((*clean, *degraded)), color)
    name = folder.resolve().name
    return Benchmark(name, name, color, len(items) + more, clean, checksum, tuple(items))


def _items(paths: Sequence[Path], folder: Path) -> list[Item]:
    """Each picture under a name of its own: with its suffix where two differ in nothing else."""
    stems = Counter(_name(path, folder) for path in paths)
    return [Item(stem if stems[stem := _name(p, folder)] == 1 else f"{stem}{p.suffix}", "", p) for p in paths]


def _pair_up(halves: dict[Path, tuple[str, str]], folder: Path) -> tuple[list[Item], tuple[tuple[str, str], ...]]:
    """Pairs of one name, and why the rest is none."""
    taken: dict[tuple[str, str], Path] = {}
    faults = []
    for path, half in halves.items():
        shown = path.relative_to(folder).as_posix()
        if not half[0]:
            faults.append((shown, "it lies in no folder of clean or damaged pictures: move it into one of them"))
        elif half in taken:
            faults.append((shown, f"it has the name of {taken[half].name}: keep one copy of each picture"))
        else:
            taken[half] = path
    items = []
    for (role, name), path in taken.items():
        partner = taken.get(("clean" if role == "degraded" else "degraded", name))
        if partner is None:
            shown = path.relative_to(folder).as_posix()
            faults.append((shown, "it has no partner: wanted a clean and a damaged picture of one name"))
        elif role == "clean":
            items.append(Item(name, "", path, partner))
    return items, tuple(faults)


def _half(path: Path, folder: Path) -> tuple[str, str]:
    """Which half of a pair a picture is, "" for none, and the pair's name: its path without the telling folder."""
    parts = list(path.relative_to(folder).with_suffix("").parts)
    for place in range(len(parts) - 2, -1, -1):
        for role, names in (("clean", CLEAN_FOLDERS), ("degraded", DEGRADED_FOLDERS)):
            if plain(parts[place]) in names:
                return role, "/".join(parts[:place] + parts[place + 1 :])
    return "", "/".join(parts)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _is_gray(path: Path) -> bool:
    """Whether a picture has one channel; one that cannot be read is told of when it is measured."""
    try:
        return decode(path).channels == 1
    except PixelmendError:
        return True
