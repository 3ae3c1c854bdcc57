"""Decoded pictures kept on disk, so that decoding is paid once.

A source becomes shards: raw pixels, (pixels, 3) uint8 in .npy files, and one index. Which item lies in which shard
follows from the source alone (names and sizes), never from what was cached before. A shard is named by what it was made
of and checked when it is read: what is missing, cut short or foreign is decoded again, and said. Everything is written
whole under its final name, so processes that start together do the work twice and disturb nothing.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.data.cachefiles import (
    INDEX,
    Index,
    OldPixels,
    StoredItem,
    StoredShard,
    make_room,
    read_index,
    read_shard,
    write_index,
    write_shard,
)
from pixelmend.data.sources import Fault
from pixelmend.data.store import Entry
from pixelmend.errors import PixelmendError, UnwritableError
from pixelmend.images import decode, read_rgb8

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelmend.data.cachefiles import Stamp
    from pixelmend.data.sources import Item, Size, Source

    Tell = Callable[[str], None]


@dataclass(frozen=True)
class CacheOptions:
    """How decoded pictures are kept.

    Attributes:
        folder: Where, one folder below it for each source; None decodes at each start.
        limit_mb: What all sources together may take there; those used longest ago make room.
        shard_mb: About how large one file is. Part of what a streamed batch depends on.
    """

    folder: Path | None = None
    limit_mb: int = 50_000
    shard_mb: float = 64


def default_cache() -> Path:
    """Where decoded pictures are kept when nothing is said: below XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixelmend" / "data"


@dataclass(frozen=True)
class Placed:
    """An item and where it lies in its shard."""

    position: int
    """Its number in the source."""
    item: Item
    stamps: tuple[Stamp, ...]
    entry: Entry


class Shards:
    """The pictures of a source in parts that are read one at a time. Made by `prepare`.

    Attributes:
        parts: What lies in each shard.
        pixels: How many pixels each shard has.
        faults: What cannot be used, as far as it is known.
        checked: Whether each picture was decoded once, so that no more faults are to come.
    """

    def __init__(self, parts: list[list[Placed]], faults: Sequence[Fault], tell: Tell) -> None:
        self.parts = parts
        self.pixels = [sum(placed.entry.area for placed in part) for part in parts]
        self.faults = list(faults)
        self.checked = False
        self._tell = tell
        self._folder: Path | None = None
        self._files: list[StoredShard] = []

    def read(self, number: int, out: np.ndarray) -> list[Fault]:
        """Fill ``out``, (pixels, 3) uint8 with room for all of a shard, from the cache or by decoding.

        Returns:
            What could not be decoded; its pixels are zero.
        """
        out = out[: self.pixels[number]]
        if self._folder is None:
            return self._decode(number, out, None)
        wrong = read_shard(self._folder, self._files[number], out)
        if wrong is None:
            return []
        file, count = self._files[number].file, len(self.parts[number])
        self._tell(f"cache: {self._folder / file} {wrong}: decoding its {count} pictures again")
        known = {fault.path for fault in self.faults}
        faults = [fault for fault in self._decode(number, out, None) if fault.path not in known]
        try:
            if not faults:
                self._files[number] = write_shard(self._folder, file, out)
        except UnwritableError as error:
            self._tell(f"cache: {error}")
        return faults

    def trust(self, folder: Path, files: Sequence[StoredShard]) -> None:
        """Read from these files from now on."""
        self._folder, self._files, self.checked = folder, list(files), True

    def keep(self, folder: Path, old: OldPixels | None) -> tuple[list[StoredShard], list[Fault]]:
        """Write each shard that the folder lacks; what an older cache knows is not decoded again.

        Raises:
            UnwritableError: The disk is full, or the place cannot be written to.
        """
        buffer = np.empty((max(self.pixels, default=0), 3), np.uint8)
        known = {} if old is None else {shard.file: shard for shard in old.index.shards}
        before = {} if old is None else dict(old.index.faults)
        found: list[Fault] = []
        files: list[StoredShard] = []
        for number, part in enumerate(self.parts):
            name = f"{digest(*(f'{p.stamps} {p.entry}' for p in part))[:24]}.npy"
            if name in known and (folder / name).exists():
                paths = [path for placed in part for path in placed.item.paths if str(path) in before]
                found += [Fault(path, before[str(path)]) for path in paths]
                files.append(known[name])
                continue
            out = buffer[: self.pixels[number]]
            found += self._decode(number, out, old)
            files.append(write_shard(folder, name, out))
        return files, found

    def _decode(self, number: int, out: np.ndarray, old: OldPixels | None) -> list[Fault]:
        known = {} if old is None else {s: old.picture(s) for p in self.parts[number] for s in p.stamps}

        def fill(placed: Placed) -> list[Fault]:
            faults = []
            views = placed.entry.views(out)
            for path, stamp, view in zip(placed.item.paths, placed.stamps, views, strict=True):
                reason = _fill(path, view, known.get(stamp))
                faults += [Fault(path, reason)] if reason else []
            return faults

        with ThreadPoolExecutor() as pool:
            return [fault for faults in pool.map(fill, self.parts[number]) for fault in faults]


def prepare(source: Source, options: CacheOptions, *, tell: Tell) -> Shards:
    """Divide a source into shards, and see to it that they lie decoded in the cache.

    Args:
        source: What is to be read.
        options: Where the cache is. Where it cannot be written, that is told and pictures are decoded when needed.
        tell: Takes one line.

    Returns:
        The shards, with the faults of source and files: no fault ends it, none is left out.
    """
    stamps = {path: _stamp(path) for item in source.items for path in item.paths}
    if options.folder is None:
        return _survey(source, options, stamps, None, tell)
    content = digest(*(f"{item.name} {[stamps[path] for path in item.paths]}" for item in source.items))
    key = [source.kind, str(source.scale), source.variant, str(options.shard_mb)]
    folder = options.folder / digest(*key, *(str(folder.resolve()) for folder in source.folders))[:24]
    index = read_index(folder, tell)
    if index is not None and index.content == content:
        return _from_index(source, folder, index, tell)
    old = None if index is None else OldPixels(folder, index)
    shards = _survey(source, options, stamps, old, tell)
    try:
        make_room(options.folder, folder, 3 * sum(shards.pixels), options.limit_mb, tell)
        files, found = shards.keep(folder, old)
        shards.faults += found
        # Faults of the source are found anew at each start; those of files are remembered.
        faults = [(str(fault.path), fault.reason) for fault in shards.faults[len(source.faults) :]]
        write_index(folder, Index(content=content, shards=tuple(files), items=_items(shards), faults=tuple(faults)))
        shards.trust(folder, files)
    except (UnwritableError, OSError) as error:
        tell(f"no cache in {folder} ({error}): pictures are decoded at each start")
    return shards


def digest(*parts: str) -> str:
    """SHA-256 of some texts, in hexadecimal."""
    together = hashlib.sha256()
    for part in parts:
        together.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return together.hexdigest()


def _items(shards: Shards) -> tuple[StoredItem, ...]:
    return tuple(
        StoredItem(position=p.position, shard=number, offset=p.entry.offset, sizes=p.entry.sizes, stamps=p.stamps)
        for number, part in enumerate(shards.parts)
        for p in part
    )


def _from_index(source: Source, folder: Path, index: Index, tell: Tell) -> Shards:
    parts: list[list[Placed]] = [[] for _ in index.shards]
    for stored in index.items:
        item = source.items[stored.position]
        entry = Entry(item.name, stored.sizes, stored.offset)
        parts[stored.shard].append(Placed(stored.position, item, stored.stamps, entry))
    shards = Shards(parts, [*source.faults, *(Fault(Path(path), why) for path, why in index.faults)], tell)
    shards.trust(folder, index.shards)
    (folder / INDEX).touch()  # what was used last is removed last
    return shards


def _survey(
    source: Source, options: CacheOptions, stamps: dict[Path, Stamp], old: OldPixels | None, tell: Tell
) -> Shards:
    """Read the size of each picture, and divide those that fit together into shards of about equal size."""
    known = {} if old is None else old.sizes
    with ThreadPoolExecutor() as pool:
        sizes = dict(zip(stamps, pool.map(lambda p: known.get(stamps[p]) or _size(p), stamps), strict=True))
    faults = list(source.faults)
    usable: list[tuple[int, tuple[Size, ...]]] = []
    for position, item in enumerate(source.items):
        each = [sizes[path] for path in item.paths]
        unread = [size for size in each if isinstance(size, Fault)]
        fits = tuple(size for size in each if not isinstance(size, Fault))
        misfit = None if unread else source.misfit(fits)
        if unread or misfit:
            faults += unread or [Fault(item.paths[0], str(misfit))]
        else:
            usable.append((position, fits))
    # Neighbours in a folder are alike: a fixed shuffle makes each shard a sample of the whole.
    usable.sort(key=lambda entry: (digest(source.items[entry[0]].name), entry[0]))
    total = sum(height * width for _, fits in usable for height, width in fits)
    parts: list[list[Placed]] = [[] for _ in range(max(1, round(3 * total / (options.shard_mb * 1e6))))]
    before, filled = 0, [0] * len(parts)
    for position, fits in usable:
        item = source.items[position]
        # By its middle, so that shards differ by less than one item.
        shard = int((before + sum(h * w for h, w in fits) / 2) * len(parts) / total)
        entry = Entry(item.name, fits, filled[shard])
        parts[shard].append(Placed(position, item, tuple(stamps[p] for p in item.paths), entry))
        before, filled[shard] = before + entry.area, filled[shard] + entry.area
    return Shards([part for part in parts if part], faults, tell)


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return str(path), -1, -1  # reading it will say what is wrong
    return str(path), status.st_size, status.st_mtime_ns


def _size(path: Path) -> Size | Fault:
    """Height and width, from the head of the file alone."""
    try:
        picture = decode(path)
    except PixelmendError as error:
        return Fault(path, _reason(path, error))
    return picture.height, picture.width


def _fill(path: Path, view: np.ndarray, known: np.ndarray | None) -> str | None:
    """Decode into a view; the reason where that fails."""
    try:
        pixels = read_rgb8(path) if known is None else known
    except PixelmendError as error:
        view[...] = 0
        return _reason(path, error)
    if pixels.shape != view.shape:
        view[...] = 0
        return f"was {view.shape[0]}×{view.shape[1]} and is now {pixels.shape[0]}×{pixels.shape[1]}: start again"
    view[...] = pixels
    return None


def _reason(path: Path, error: PixelmendError) -> str:
    return str(error).removeprefix(f"cannot read {path}: ")
