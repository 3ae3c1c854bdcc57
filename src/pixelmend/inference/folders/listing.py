"""Which pictures a user means: files, folders with all that lies in them, and patterns, always in the same order.

What is left out is counted, so that nobody wonders where a picture went.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pixelmend.errors import UsageError
from pixelmend.inference.folders.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".gif", ".bmp",
     ".ppm", ".pgm", ".pnm", ".pfm")
)  # fmt: skip
"""Files in a folder that are taken for pictures, in capitals as well; a file that is named is taken whatever it is."""
RESTORED = "_restored"
"""How the name of a result ends that lies beside its picture."""
MAGIC = frozenset("*?[")
"""What makes a pattern of a path."""


@dataclass(frozen=True)
class Found:
    """One picture.

    Attributes:
        source: The file.
        place: Where it lies below the folder that was named, so that results can lie alike.
    """

    source: Path
    place: PurePath


@dataclass(frozen=True)
class Listing:
    """What was found.

    Attributes:
        pictures: In order: sources as they were named, folders by the names within.
        left_out: How many were passed over, by why: "hidden", "of another kind", "from earlier runs".
        unreadable: Folders that could not be looked into, and why.
    """

    pictures: tuple[Found, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


def find_pictures(sources: Sequence[str | Path], out: Path | None = None) -> Listing:
    """List the pictures that sources mean.

    Hidden files, results of earlier runs and the folder for the results are passed over in folders; a link to a folder
    is followed unless that folder was seen. Of one folder, what is within lies directly below `out`; of several
    sources, each folder lies there under its own name.

    Args:
        sources: Files, folders, or patterns such as ``photos/**/*.jpg``, in which ``*`` and ``?`` stay within a name
            and ``**`` means any folders.
        out: Where results go; None where none are made.

    Raises:
        UsageError: A source that does not exist, a pattern that fits nothing, or no picture in all of them.
    """
    walk = _Walk(out)
    found: list[Found] = []
    for source in sources:
        found += walk.source(source, several=len(sources) > 1)
    once: dict[str, Found] = {}
    for each in found:
        once.setdefault(os.path.abspath(each.source), each)  # noqa: PTH100  (links stay what they are)
    unique = tuple(once.values())
    listing = Listing(unique, {why: n for why, n in sorted(walk.left_out.items()) if n}, tuple(walk.unreadable))
    if not unique and not walk.unreadable:
        raise UsageError(f"no picture in {', '.join(map(str, sources))}{told(listing)}: give pictures or their folder")
    return listing


def told(listing: Listing) -> str:
    """What was left out, in brackets: " (left out: 3 hidden, 12 of another kind)"; "" where nothing was."""
    counts = ", ".join(f"{count} {why}" for why, count in listing.left_out.items())
    return f" (left out: {counts})" if counts else ""


class _Walk:
    """Goes through folders, each once."""

    def __init__(self, out: Path | None) -> None:
        self._out = None if out is None else out.resolve()
        self.left_out: Counter[str] = Counter()
        self.unreadable: list[str] = []

    def source(self, source: str | Path, *, several: bool) -> list[Found]:
        """What one source means; names that exist are taken before patterns."""
        path = Path(source)
        if os.path.lexists(path) and not path.is_dir():
            return [Found(path, PurePath(path.name))]
        if path.is_dir():
            above = PurePath(path.resolve().name) if several else PurePath()
            return [Found(path / place, above / place) for place in self._files(path)]
        if MAGIC.isdisjoint(str(source)):
            raise UsageError(f"no such file or folder: {source}: give pictures, folders or a pattern ('photos/*.jpg')")
        return self._matching(path)

    def _matching(self, pattern: Path) -> list[Found]:
        fixed = next(index for index, part in enumerate(pattern.parts) if not MAGIC.isdisjoint(part))
        base, wanted = Path(*pattern.parts[:fixed]), pattern.parts[fixed:]
        if not base.is_dir():
            raise UsageError(f"there is no folder {base}, in which {pattern} is looked for: check its spelling")
        counted = Counter(self.left_out)
        found = [Found(base / place, place) for place in self._files(base) if fits(place.parts, wanted)]
        self.left_out = counted  # who gives a pattern leaves out the rest himself
        if not found:
            raise UsageError(f"no picture fits {pattern}: '*' stays within a folder, '**' goes through all below it")
        return found

    def _files(self, root: Path) -> Iterator[PurePath]:
        """Pictures below a folder, sorted; real folders come before links to them, so that they keep their names."""
        seen: set[tuple[int, int]] = set()
        found: list[PurePath] = []
        waiting: list[PurePath] = [PurePath()]
        links: list[PurePath] = []
        while waiting or links:
            place = waiting.pop() if waiting else links.pop(0)
            if not self._is_new(root / place, seen, is_root=place == PurePath()):
                continue
            for entry in self._entries(root / place):
                if entry.name.startswith("."):
                    self.left_out["hidden"] += entry.name != MANIFEST
                elif entry.is_dir():
                    (links if entry.is_symlink() else waiting).append(place / entry.name)
                elif self._is_wanted(entry):
                    found.append(place / entry.name)
        yield from sorted(found, key=lambda each: [os.fsencode(part) for part in each.parts])

    def _is_new(self, folder: Path, seen: set[tuple[int, int]], *, is_root: bool) -> bool:
        """Whether a folder is to be looked into: not twice, nor where results lie."""
        try:
            stat = folder.stat()
            has_manifest = (folder / MANIFEST).exists()
        except OSError as error:
            self.unreadable.append(f"cannot look into {folder}: {error.strerror}")
            return False
        if (stat.st_dev, stat.st_ino) in seen:
            return False
        seen.add((stat.st_dev, stat.st_ino))
        if not is_root and (has_manifest or folder.resolve() == self._out):
            self.left_out["from earlier runs"] += sum(
                is_picture(name) for _, _, names in os.walk(folder) for name in names
            )
            return False
        return True

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            self.unreadable.append(f"cannot look into {folder}: {error.strerror}")
            return []

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        if not is_picture(entry.name):
            self.left_out["of another kind"] += 1
            return False
        path = Path(entry.path)
        before = path.stem.removesuffix(RESTORED)
        if before != path.stem and any(path.with_name(before + suffix).exists() for suffix in spellings()):
            self.left_out["from earlier runs"] += 1
            return False
        return True


def is_picture(name: str) -> bool:
    """Whether a file in a folder is taken for a picture, by its name."""
    return not name.startswith(".") and PurePath(name).suffix.lower() in SUFFIXES


@lru_cache(maxsize=1)
def spellings() -> tuple[str, ...]:
    """Every suffix of `SUFFIXES`, small and in capitals."""
    return tuple(spelt for suffix in sorted(SUFFIXES) for spelt in (suffix, suffix.upper()))


def fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a place fits a pattern, or lies in a folder that does."""
    if not wanted:
        return True
    if wanted[0] == "**":
        return any(fits(parts[skip:], wanted[1:]) for skip in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and fits(parts[1:], wanted[1:])
