"""What a folder of pictures holds, and what is wrong with it, before hours of training are spent on it.

Every file is decoded once, whole, in threads (libvips lets go of Python's lock); of each only some hundred bytes of
facts stay in memory, so that folders of 100,000 pictures can be checked.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.data.benchmarks import Benchmark
from pixelmend.data.findings import Finding, Report, findings
from pixelmend.data.fingerprints import Fingerprint, find_points, luma_of, whole_hashes
from pixelmend.data.layouts import Item, recognise
from pixelmend.data.published import LAYOUTS
from pixelmend.errors import PictureError, UnreadableError, UsageError
from pixelmend.images import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pixelmend.data.layouts import Found
    from pixelmend.data.overlap import Library, Match

__all__ = ["Facts", "Finding", "Report", "check_folder", "examine"]

STRIP_PIXELS = 4_000_000
"""Pixels decoded at a time."""
LUMA_PIXELS = 16_000_000
"""Fingerprints are taken from a reduction of at most so many pixels."""
QUERY_POINTS = 400
BUNCH = 512
"""Pictures handed to the threads at a time."""


@dataclass(frozen=True, eq=False)
class Facts:
    """What is kept of one file.

    Attributes:
        path: The file.
        fault: Why it cannot be read; None where it can, and all that follows is set.
        width: Pixels.
        height: Pixels.
        channels: 1 or 3.
        depth: "uint8", "uint16" or "float32".
        format: "png", "jpeg", ...
        digest: Of size, type and every pixel.
        turned: (8, 32) uint8, the whole hashes of its eight symmetries, packed; None where they were not asked for or
            the picture is too plain.
        matches: Pictures of the library that it shows.
    """

    path: Path
    fault: str | None = None
    width: int = 0
    height: int = 0
    channels: int = 0
    depth: str = ""
    format: str = ""
    digest: bytes = b""
    turned: NDArray[np.uint8] | None = None
    matches: tuple[Match, ...] = ()


def examine(path: Path, library: Library | None) -> Facts:
    """Decode one file whole, strip by strip.

    Args:
        path: A picture, or one of Levin's MATLAB files.
        library: What to compare it with; None takes no fingerprint at all.
    """
    try:
        if path.suffix.lower() == ".mat":
            return _examine_mat(path)
        picture = decode(path)
        digest = hashlib.blake2b(f"{picture.height} {picture.width} {picture.channels}".encode(), digest_size=16)
        strips = []
        shrink = int(np.ceil(np.sqrt(max(1.0, picture.height * picture.width / LUMA_PIXELS))))
        for pixels in _strips(picture, shrink):
            digest.update(pixels.tobytes())
            if library is not None:
                strips.append(_shrunk(luma_of(pixels), shrink))
    except (PictureError, UsageError) as error:
        return Facts(path, fault=_fault(path, error))
    turned, matches = _compare(np.concatenate(strips), library) if library is not None else (None, ())
    return Facts(
        path, None, picture.width, picture.height, picture.channels, picture.dtype.name, picture.format,
        digest.digest(), turned, matches,
    )  # fmt: skip


def _strips(picture: Any, multiple: int) -> Iterator[NDArray[Any]]:
    """The picture from top to bottom, in pieces of whole rows."""
    rows = max(1, STRIP_PIXELS // picture.width // multiple) * multiple
    for top in range(0, picture.height, rows):
        yield picture.region(top, 0, min(rows, picture.height - top), picture.width)


def _shrunk(luma: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    if by == 1:
        return luma
    height, width = (side // by for side in luma.shape)
    blocks = luma[: height * by, : width * by].reshape(height, by, width, by)
    mean: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return mean


def _compare(luma: NDArray[np.float32], library: Library) -> tuple[NDArray[np.uint8] | None, tuple[Match, ...]]:
    whole = whole_hashes(luma)
    points = find_points(luma, QUERY_POINTS if len(library) else 0)
    matches = tuple(library.find(Fingerprint(whole, points)))
    return None if whole is None else np.packbits(whole, axis=1), matches


def _examine_mat(path: Path) -> Facts:
    clean = Benchmark("levin09", "Levin09", "gray", 4, (path,), "").load(path)
    digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    return Facts(path, None, clean.shape[1], clean.shape[0], 1, "float32", "mat", digest)


def _fault(path: Path, error: Exception) -> str:
    """Why a file cannot be read, without its own name."""
    if isinstance(error, UnreadableError) and path.suffix.lower() == ".bmp" and _starts_with(path, b"BM"):
        return "BMP cannot be read here: convert it to PNG, which keeps every pixel"
    return str(error).removeprefix(f"cannot read {path}: ")


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False


def check_folder(
    folder: Path,
    *,
    library: Library | None = None,
    patch: int = 128,
    threads: int = 2,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Decode every picture of a folder, and say what it is and what is wrong with it.

    Args:
        folder: Any folder; those below are read too.
        library: Benchmarks that training pictures must not show; None leaves out that search and that for pictures
            that look alike.
        patch: Side of a training crop, pixels; smaller pictures are named.
        threads: Pictures that are decoded at the same time.
        tell: Called after each picture with how many are done, and how many there are.

    Raises:
        DataError: It is no folder, or holds no picture.
    """
    found = recognise(folder)
    paths = _paths(found)
    # Masks and kernels are no photographs: what they share with one means nothing.
    compared = set() if found.name == "masks" else {item.clean for item in found.items}
    facts: dict[Path, Facts] = {}

    def one(path: Path) -> Facts:
        return examine(path, library if path in compared else None)

    with ThreadPoolExecutor(threads) as pool:
        for each in _in_bunches(pool, one, paths):
            facts[each.path] = each
            tell(len(facts), len(paths))
    return _report(found, facts, patch)


def _paths(found: Found) -> list[Path]:
    of_items = (path for item in found.items for path in _files(item))
    return sorted({*of_items, *found.partnerless, *found.extra})


def _files(item: Item) -> tuple[Path, ...]:
    return tuple(path for path in (item.clean, item.degraded, item.kernel) if path is not None)


def _in_bunches(pool: ThreadPoolExecutor, work: Callable[[Path], Facts], paths: Iterable[Path]) -> Iterator[Facts]:
    """As ``pool.map``, but with few pictures waiting, so that an interruption ends soon."""
    waiting = iter(paths)
    while bunch := list(islice(waiting, BUNCH)):
        yield from pool.map(work, bunch)


def _report(found: Found, facts: dict[Path, Facts], patch: int) -> Report:
    good = [each for each in facts.values() if each.fault is None]
    kernels = {item.kernel for item in found.items}
    pictures = [each for each in good if each.path not in kernels or each.format == "mat"]
    sizes = sorted((each.width * each.height, each.width, each.height) for each in pictures)
    depths = {"uint8": "8 bits", "uint16": "16 bits", "float32": "float"}
    problems, notes = findings(found, facts, patch)
    return Report(
        found=found,
        files=len(facts),
        own_set=found.name if found.name in LAYOUTS else None,
        sizes=tuple((width, height) for _, width, height in sizes),
        megapixels=sum(area for area, _, _ in sizes) / 1e6,
        formats=dict(Counter(each.format for each in good).most_common()),
        depths=dict(Counter(depths[each.depth] for each in good).most_common()),
        colors=dict(Counter("colour" if each.channels == 3 else "grey" for each in good).most_common()),
        problems=problems,
        notes=notes,
    )
