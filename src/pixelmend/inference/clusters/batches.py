"""What is given to those who restore: a few pictures of one folder at a time.

The pictures of a folder are divided in the same way whatever is done already, so that a list that has to be made anew,
because the machine that made it was lost, gives the same batches under the same numbers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pixelmend.errors import PixelmendError, UnreadableError, UsageError
from pixelmend.images import decode
from pixelmend.inference.clusters.parts import Parts, read_parts
from pixelmend.inference.clusters.stores import store_of
from pixelmend.inference.clusters.tally import Trouble
from pixelmend.inference.clusters.walk import Folder, Source, walk
from pixelmend.inference.folders.manifest import DONE, KEPT
from pixelmend.inference.folders.targets import name_results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelmend.images import Picture
    from pixelmend.inference.clusters.places import Place
    from pixelmend.inference.clusters.stores import Leaf
    from pixelmend.inference.folders.manifest import Entry

MOST_PICTURES = 64
"""In one batch."""
MOST_BYTES = 48 * 2**20
"""Of the files of a batch, if it is more than one picture: what a machine that dies had in hand is done again."""
_SHARES = 4
"""Batches that a folder gives to each of those who restore, where it has few pictures: so that all end together."""


@dataclass(frozen=True)
class Errand:
    """A picture to restore.

    Attributes:
        source: The file.
        name: Of the result, below the place for results; parts joined by "/".
        size: Of the file, bytes.
        mtime_ns: When it was changed, nanoseconds.
    """

    source: Place
    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Batch:
    """Pictures of one folder, and what is told of this folder with them.

    Attributes:
        folder: Of the results, below the place for results.
        number: Of the batch within the folder.
        todo: To be restored.
        kept: Whose results are there, and are left alone.
        earlier: How many were done by earlier runs.
        left_out: How many files of the folder were passed over, by why.
        unreadable: Why the folder could not be looked into; "" where it could.
        trouble: Why the run cannot go on; None where it can.
    """

    folder: str
    number: int = 0
    todo: tuple[Errand, ...] = ()
    kept: tuple[Errand, ...] = ()
    earlier: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: str = ""
    trouble: Trouble | None = None

    def parts(self, out: Place, run: str) -> Parts:
        """What is told of it."""
        return Parts(out, self.folder, f"{run}-{self.number:06}")


@dataclass(frozen=True)
class Share:
    """What one of those who list goes through.

    Attributes:
        source: The folders.
        files: Single files that were named, with the names of their results; instead of `source`.
        out: Where results go.
        form: The format of all results; None decides for each.
        ids: Of the runs whose results count, the present one last, which is not looked at.
        existing: As in `Way`.
        restorers: About how many restore.
    """

    source: Source | None
    files: tuple[tuple[Place, str], ...]
    out: Place
    form: str | None
    ids: tuple[str, ...]
    existing: str
    restorers: int

    def batches(self) -> Iterator[Batch]:
        """All that is to be done; the last one tells of trouble where there is any."""
        try:
            if self.source is None:
                yield from self._divided("", self._named(), {})
                return
            for folder in walk(self.source):
                yield from self._of(self.source, folder)
        except PixelmendError as error:
            yield Batch("", trouble=Trouble.of(error))

    def _named(self) -> list[Errand]:
        found = []
        for place, name in self.files:
            leaf = store_of(place).look(place)
            found.append(Errand(place, name, leaf.size if leaf else 0, leaf.mtime_ns if leaf else 0))
        return found

    def _of(self, source: Source, folder: Folder) -> Iterator[Batch]:
        place = "/".join(part for part in (source.above, folder.place) if part)
        if not folder.pictures:
            yield Batch(place, left_out=dict(folder.left_out), unreadable=folder.unreadable)
            return
        within = source.root / folder.place
        names = _names(within, folder.pictures, self.form)
        errands = [
            Errand(within / leaf.name, f"{place}/{name}" if place else name, leaf.size, leaf.mtime_ns)
            for leaf, name in zip(folder.pictures, names, strict=True)
        ]
        yield from self._divided(place, errands, dict(folder.left_out))

    def _divided(self, folder: str, errands: list[Errand], left_out: dict[str, int]) -> Iterator[Batch]:
        """The batches of a folder; what was passed over is told with the first."""
        known, there = self._known(folder)
        most = max(1, min(MOST_PICTURES, -(-len(errands) // (_SHARES * self.restorers))))
        for number, few in enumerate(_few(errands, most)):
            todo, kept, earlier = [], [], 0
            for errand in few:
                size = there.get(PurePosixPath(errand.name).name)
                if _stands(errand, known.get(errand.name), size):
                    earlier += 1
                elif self.existing == "skip" and size is not None:
                    kept.append(errand)
                else:
                    todo.append(errand)
            yield Batch(folder, number, tuple(todo), tuple(kept), earlier, {} if number else left_out)

    def _known(self, folder: str) -> tuple[dict[str, Entry], dict[str, int]]:
        """What earlier runs tell of the results of a folder, and the sizes of those that are there."""
        if self.existing == "refuse":
            return {}, {}
        store, place = store_of(self.out), self.out / folder
        there = {leaf.name: leaf.size for leaf in store.entries(place) if not leaf.is_folder}
        return read_parts(self.out, folder, self.ids[:-1]), there


def _stands(errand: Errand, entry: Entry | None, size: int | None) -> bool:
    """Whether a picture is as it was when it was restored, and its result as it was written."""
    if entry is None or size is None:
        return False
    if entry.state == KEPT:
        return True
    if entry.state != DONE or entry.before is None or entry.after is None:
        return False
    before = (entry.before.size, entry.before.mtime_ns)
    return before == (errand.size, errand.mtime_ns) and entry.after.size == size


def _few(errands: list[Errand], most: int) -> Iterator[list[Errand]]:
    """So many at a time, fewer where they are large."""
    few: list[Errand] = []
    size = 0
    for errand in errands:
        if few and (len(few) == most or size + errand.size > MOST_BYTES):
            yield few
            few, size = [], 0
        few.append(errand)
        size += errand.size
    if few:
        yield few


def _names(folder: Place, pictures: list[Leaf], form: str | None) -> list[str]:
    """What the results of the pictures of one folder are called, no two alike."""

    def look(number: int) -> Picture:
        place = folder / pictures[number].name
        data = store_of(folder).read(place)
        if data is None:
            raise UnreadableError(f"{place} is not there any more")
        return decode(data)

    names = [place.name for place in name_results([PurePosixPath(each.name) for each in pictures], form, look)]
    of: dict[str, list[str]] = defaultdict(list)
    for leaf, name in zip(pictures, names, strict=True):
        of[name].append(leaf.name)
    if twice := next((both for both in of.values() if len(both) > 1), None):
        raise UsageError(
            f"{folder / twice[0]} and {folder / twice[1]} would both become one result: restore them into two places"
        )
    return names
