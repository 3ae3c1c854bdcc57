"""The files of the cache: an index in JSON, and shards of raw pixels with a checksum each."""

from __future__ import annotations

import json
import shutil
import time
import zlib
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from pixelmend.errors import UnwritableError
from pixelmend.files import make_folder, replacing, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

INDEX = "index.json"
RESERVE = 256_000_000
"""Bytes that are left free on the disk."""
IN_USE = 86_400
"""Seconds after its last use during which a source's cache is not removed to make room."""

Size = tuple[int, int]
Stamp = tuple[str, int, int]
"""Path, bytes and time of change (ns) of a file: while they stay, so do its pixels."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoredShard(_Strict):
    """One file of pixels."""

    file: str
    pixels: int
    crc32: int


class StoredItem(_Strict):
    """One item: its place in the source, and where its pictures lie, one after the other."""

    position: int
    shard: int
    offset: int
    sizes: tuple[Size, ...]
    stamps: tuple[Stamp, ...]


class Index(_Strict):
    """What a cache folder holds."""

    version: Literal[1] = 1
    content: str
    """Digest of names and stamps of all files of the source, in order."""
    shards: tuple[StoredShard, ...]
    items: tuple[StoredItem, ...]
    faults: tuple[tuple[str, str], ...]
    """Paths of files that cannot be used, and why."""


def read_index(folder: Path, tell: Callable[[str], None]) -> Index | None:
    """The index of a cache folder; None where there is none that can be understood."""
    path = folder / INDEX
    try:
        return Index.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        tell(f"cache: {path} is damaged or of another version: building it anew")
        return None


def write_index(folder: Path, index: Index) -> None:
    """Write the index whole, and remove shards that it does not name.

    Raises:
        UnwritableError: The place cannot be written to.
    """
    write_text(folder / INDEX, json.dumps(index.model_dump(mode="json")))
    named = {shard.file for shard in index.shards}
    for path in folder.glob("*.npy"):
        if path.name not in named:
            path.unlink(missing_ok=True)


def write_shard(folder: Path, name: str, pixels: NDArray[np.uint8]) -> StoredShard:
    """Write (pixels, 3) uint8 whole.

    Raises:
        UnwritableError: The disk is full, or the place cannot be written to.
    """
    make_folder(folder)
    if shutil.disk_usage(folder).free < pixels.nbytes + RESERVE:
        raise UnwritableError(f"cannot write {folder / name}: the disk is full; make space or choose another place")
    with replacing(folder / name) as beside, beside.open("wb") as file:
        np.lib.format.write_array(file, pixels, allow_pickle=False)
    return StoredShard(file=name, pixels=len(pixels), crc32=zlib.crc32(pixels.data))


def read_shard(folder: Path, shard: StoredShard, out: NDArray[np.uint8]) -> str | None:
    """Read into ``out``, (pixels, 3) uint8; nothing else is held in memory meanwhile.

    Returns:
        What is wrong with the file, None where it is what was written.
    """
    try:
        with (folder / shard.file).open("rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                return "is of another format"
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if shape != out.shape or fortran or dtype != np.uint8:
                return "holds something else"
            if file.readinto(out.reshape(-1).data) != out.nbytes or file.read(1):
                return "is cut short or too long"
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"
    return None if zlib.crc32(out.data) == shard.crc32 else "was changed"


def make_room(cache: Path, folder: Path, wanted: int, limit_mb: int, tell: Callable[[str], None]) -> None:
    """Keep all sources together below a limit: those used longest ago go first, none that was used within a day.

    Args:
        cache: The folder that holds one folder for each source.
        folder: The one that is about to be written.
        wanted: Bytes that it will take.
        limit_mb: What all may take.
        tell: Takes one line.

    Raises:
        UnwritableError: It does not fit.
    """
    others = sorted((i for i in cache.glob(f"*/{INDEX}") if i.parent != folder), key=lambda i: i.stat().st_mtime)
    sizes = {index: sum(file.stat().st_size for file in index.parent.iterdir()) for index in others}
    for index in others:
        if wanted + sum(sizes.values()) <= limit_mb * 1e6:
            break
        if index.stat().st_mtime < time.time() - IN_USE:
            shutil.rmtree(index.parent, ignore_errors=True)
            tell(f"cache: removed {index.parent}, {sizes.pop(index) / 1e6:.0f} MB that were not used of late")
    taken = sum(sizes.values())
    if wanted + taken > limit_mb * 1e6:
        raise UnwritableError(
            f"{wanted / 1e6:.0f} MB beside {taken / 1e6:.0f} MB of others is above the cache's limit of {limit_mb} MB:"
            " remove some, or choose another place"
        )


class OldPixels:
    """What an index of before still knows: sizes and pixels of files that have not changed since.

    Args:
        folder: Where its shards are.
        index: The index of before.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder, self.index = folder, index
        self.sizes: dict[Stamp, Size] = {}
        self._places: dict[Stamp, tuple[int, int]] = {}
        self._held: dict[int, np.ndarray | None] = {}
        bad = {path for path, _ in index.faults}
        for item in index.items:
            start = item.offset
            for stamp, size in zip(item.stamps, item.sizes, strict=True):
                if stamp[0] not in bad:
                    self.sizes[stamp] = size
                    self._places[stamp] = (item.shard, start)
                start += size[0] * size[1]

    def picture(self, stamp: Stamp) -> np.ndarray | None:
        """The pixels of a file, (H, W, 3); None where they are not known or their shard is damaged."""
        if stamp not in self._places:
            return None
        shard, start = self._places[stamp]
        height, width = self.sizes[stamp]
        pixels = self._shard(shard)
        return None if pixels is None else pixels[start : start + height * width].reshape(height, width, 3)

    def _shard(self, number: int) -> np.ndarray | None:
        if number not in self._held:
            while len(self._held) > 1:  # neighbours in the old order are neighbours in the new one
                del self._held[next(iter(self._held))]
            stored = self.index.shards[number]
            pixels = np.empty((stored.pixels, 3), np.uint8)
            self._held[number] = pixels if read_shard(self.folder, stored, pixels) is None else None
        return self._held[number]
