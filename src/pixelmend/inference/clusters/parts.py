"""What is told beside the results: how they were made, and what became of each picture.

There is no file that several write to. Who restores a batch tells of it in files of its own, JSON lines, as
`pixelmend.inference.folders.manifest` has them, in a folder of the same name as the one in which the results lie:
OUT/.pixelmend-run/parts/FOLDER/RUN-NUMBER-PART.jsonl. So a machine that dies takes along nothing but what it had in
hand, and who goes on with a folder needs nothing but what lies in its own folder of parts.
"""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pixelmend.errors import UsageError
from pixelmend.inference.clusters.stores import store_of
from pixelmend.inference.clusters.walk import RUN
from pixelmend.inference.folders.manifest import entry_of, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pixelmend.inference.clusters.places import Place
    from pixelmend.inference.folders.manifest import Entry

_HEADER = "run.json"
_FORM = 1
_READERS = 16
"""Parts that are read at the same time: each takes a request, which is mostly waiting."""


@dataclass(frozen=True)
class Header:
    """How the results of a place are made.

    Attributes:
        settings: See `Settings.told`.
        engine: The engine's key in the table of engines.
        runs: See `Ready`.
        ids: Of the runs that made results in this way, the present one last.
    """

    settings: dict[str, Any]
    engine: str = ""
    runs: dict[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def next(self) -> Header:
        """The header of one more run, whose id sorts behind those before it."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        return replace(self, ids=(*self.ids, f"{stamp}x{secrets.token_hex(4)}"))


def read_header(out: Place) -> Header | None:
    """How what lies in a place was made; None where nothing tells.

    Raises:
        UsageError: Another version of pixelmend made it.
        PixelmendError: It cannot be read.
    """
    data = store_of(out).read(out / RUN / _HEADER)
    told = None if data is None else parsed(data)
    if told is None:
        return None
    if told.get("pixelmend") != _FORM:
        raise UsageError(f"{out} is of another version of pixelmend: choose another place with -o")
    return Header(told["settings"], told["engine"], told["runs"], tuple(told["ids"]))


def write_header(out: Place, header: Header) -> None:
    """Tell how results are made.

    Raises:
        PixelmendError: It cannot be stored.
    """
    told = {"pixelmend": _FORM, **vars(header)}
    store_of(out).write(out / RUN / _HEADER, json.dumps(told, indent=2).encode("ascii") + b"\n")


@dataclass(frozen=True)
class Parts:
    """The parts of one batch.

    Attributes:
        out: Where results go.
        folder: The batch's, below it.
        name: What its parts' names begin with.
    """

    out: Place
    folder: str
    name: str

    def entries(self) -> tuple[list[Entry], int]:
        """What is told of the batch so far, and in how many parts.

        Raises:
            PixelmendError: They cannot be read.
        """
        found: list[Entry] = []
        number = 0
        while (data := store_of(self.out).read(self._place(number))) is not None:
            found += _lines(data)
            number += 1
        return found, number

    def write(self, number: int, entries: Sequence[Entry]) -> None:
        """Store one more part.

        Raises:
            PixelmendError: It cannot be stored.
        """
        store_of(self.out).write(self._place(number), b"".join(_line(each) for each in entries))

    def deaths(self, name: str) -> int:
        """How often a picture was begun where who restored it may die over it.

        Raises:
            PixelmendError: It cannot be told.
        """
        count = 0
        while store_of(self.out).look(self._mark(name, count)) is not None:
            count += 1
        return count

    def mark(self, name: str, count: int) -> None:
        """Say that a picture is begun once more.

        Raises:
            PixelmendError: It cannot be stored.
        """
        store_of(self.out).write(self._mark(name, count), b"")

    def _place(self, number: int) -> Place:
        return folder_of(self.out, self.folder) / f"{self.name}-{number}.jsonl"

    def _mark(self, name: str, count: int) -> Place:
        return self.out / RUN / "begun" / self.name.partition("-")[0] / name / str(count)


def folder_of(out: Place, folder: str) -> Place:
    """Where parts of a folder of results lie."""
    return out / RUN / "parts" / folder


def read_parts(out: Place, folder: str, ids: Sequence[str]) -> dict[str, Entry]:
    """What some runs tell of the pictures of one folder, by the names of their results; the last one counts.

    Raises:
        PixelmendError: It cannot be read.
    """
    store, place = store_of(out), folder_of(out, folder)
    order = {each: number for number, each in enumerate(ids)}
    names = [leaf.name for leaf in store.entries(place) if leaf.name.partition("-")[0] in order]
    names.sort(key=lambda name: (order[name.partition("-")[0]], name))
    with ThreadPoolExecutor(_READERS) as readers:
        found = readers.map(lambda name: store.read(place / name), names)
        return {entry.name: entry for data in found if data is not None for entry in _lines(data)}


def all_entries(out: Place, ids: Sequence[str]) -> Iterator[tuple[Entry, str]]:
    """The last entry of every picture, with the run that told of it; folder by folder.

    Raises:
        PixelmendError: They cannot be read.
    """
    store, root = store_of(out), out / RUN / "parts"
    view = store.view(root)
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        leaves = view.entries(root / folder)
        waiting += [f"{folder}/{leaf.name}" if folder else leaf.name for leaf in reversed(leaves) if leaf.is_folder]
        if all(leaf.is_folder for leaf in leaves):
            continue
        of: dict[str, tuple[Entry, str]] = {}
        for run in ids:
            of.update({name: (entry, run) for name, entry in read_parts(out, folder, [run]).items()})
        yield from (of[name] for name in sorted(of))


def _line(entry: Entry) -> bytes:
    return json.dumps(entry.told()).encode("ascii") + b"\n"


def _lines(data: bytes) -> Iterator[Entry]:
    for line in data.splitlines():
        told = parsed(line)
        if told is not None and (entry := entry_of(told)) is not None:
            yield entry
