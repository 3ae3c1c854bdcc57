"""Going through a place folder by folder, by the rules of `pixelmend.inference.folders.listing`.

Whoever goes holds the names of one folder at a time (of all of them in Google's stores, see `Store`), and the folders
that are still to be looked into.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pixelmend.errors import UnreadableError
from pixelmend.inference.clusters.stores import Leaf, store_of
from pixelmend.inference.folders.listing import RESTORED, fits, is_picture, spellings
from pixelmend.inference.folders.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelmend.inference.clusters.places import Place
    from pixelmend.inference.clusters.stores import View

RUN = ".pixelmend-run"
"""The folder beside results in which it is told how they were made, and what became of each picture."""


@dataclass(frozen=True)
class Source:
    """A folder of pictures.

    Attributes:
        root: The folder.
        above: Where what is within lies below the results: "", or the folder's own name where there are several.
        wanted: What a pattern asks of places below `root`, part by part; empty for all pictures.
        folders: Those below `root` at which to begin; "" is `root` itself.
        deep: Whether to look into folders below these as well.
    """

    root: Place
    above: str = ""
    wanted: tuple[str, ...] = ()
    folders: tuple[str, ...] = ("",)
    deep: bool = True


@dataclass
class Folder:
    """What was found in one folder.

    Attributes:
        place: Below the root; "" is the root.
        pictures: By name.
        left_out: How many files were passed over, by why.
        unreadable: Why it could not be looked into; "" where it could.
    """

    place: str
    pictures: list[Leaf] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: str = ""


def walk(source: Source) -> Iterator[Folder]:
    """Every folder of a source, each once; a link to a folder that was seen is passed over.

    Args:
        source: Where.

    Yields:
        The folders in which something was found.

    Raises:
        UsageError: The store cannot be reached, or not be read by this user.
    """
    store = store_of(source.root)
    for start in source.folders:
        yield from _Walk(source, store.view(source.root / start)).folders(start)


def shares(source: Source, most: int) -> list[Source]:
    """The same source in parts, so that several can go through it side by side; what lies directly in it is one.

    Args:
        source: All of it.
        most: The number of parts.

    Raises:
        PixelmendError: The store cannot be reached, or not be read by this user.
    """
    store = store_of(source.root)
    if not store.divides:
        return [source]
    names = [leaf.name for leaf in store.entries(source.root) if leaf.is_folder and not leaf.name.startswith(".")]
    parts = [tuple(names[first::most]) for first in range(min(most, len(names)))]
    top = Source(source.root, source.above, source.wanted, deep=False)
    return [top, *(Source(source.root, source.above, source.wanted, part) for part in parts)]


class _Walk:
    """Goes through folders from one downwards."""

    def __init__(self, source: Source, view: View) -> None:
        self._source, self._view = source, view
        self._store = store_of(source.root)
        self._seen: set[object] = set()

    def folders(self, start: str) -> Iterator[Folder]:
        waiting = [(start, False)]
        while waiting:
            place, passed = waiting.pop()
            found = Folder(place)
            try:
                identity = self._store.identity(self._source.root / place)
                leaves = [] if identity in self._seen else self._view.entries(self._source.root / place)
            except UnreadableError as error:
                found.unreadable = str(error)
                yield found
                continue
            self._seen.add(identity)
            passed = passed or (place != "" and any(leaf.name in {MANIFEST, RUN} for leaf in leaves))
            self._sort(found, leaves, passed=passed)
            if self._source.deep:
                within = [leaf.name for leaf in leaves if leaf.is_folder and not leaf.name.startswith(".")]
                waiting += [(f"{place}/{name}" if place else name, passed) for name in reversed(within)]
            if found.pictures or found.left_out:
                yield found

    def _sort(self, found: Folder, leaves: list[Leaf], *, passed: bool) -> None:
        """Tell pictures from all else."""
        names = {leaf.name for leaf in leaves}
        for leaf in leaves:
            if leaf.is_folder or leaf.name in {MANIFEST, RUN}:
                continue
            if why := _why_not(leaf.name, names, passed=passed):
                found.left_out[why] += 1
            elif not self._source.wanted or fits(PurePosixPath(found.place, leaf.name).parts, self._source.wanted):
                found.pictures.append(leaf)
        if self._source.wanted:  # who gives a pattern leaves out the rest himself
            found.left_out.clear()


def _why_not(name: str, names: set[str], *, passed: bool) -> str:
    """Why a file is passed over; "" where it is not."""
    if name.startswith("."):
        return "hidden"
    if not is_picture(name):
        return "of another kind"
    stem = PurePosixPath(name).stem
    before = stem.removesuffix(RESTORED)
    is_result = before != stem and any(before + suffix in names for suffix in spellings())
    return "from earlier runs" if passed or is_result else ""
