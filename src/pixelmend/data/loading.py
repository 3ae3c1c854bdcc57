"""From a source to a store: faults settled, pixels read through the cache, in memory or streamed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from pixelmend.data.cache import CacheOptions, Shards, prepare
from pixelmend.data.frames import FrameStore
from pixelmend.data.pairs import PairStore
from pixelmend.data.shards import MB, StreamedStore, StreamOptions
from pixelmend.data.sources import Fault, settle
from pixelmend.data.store import BLOCK, Entry, PictureStore, Store, block_detail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.data.cache import Placed
    from pixelmend.data.sources import Source

S = TypeVar("S", bound=PictureStore)


@dataclass(frozen=True)
class LoadOptions:
    """What is wanted of a store.

    Attributes:
        smallest: Height and width that a (clean) picture must have to give a crop, pixels.
        detail_power: See ``PictureStore``.
        skip_bad: Leave out what cannot be used and tell so, instead of ending.
        cache: Where decoded pictures are kept.
        stream: How much may be in memory; None for all.
    """

    smallest: int
    detail_power: float = 0.0
    skip_bad: bool = False
    cache: CacheOptions = field(default_factory=CacheOptions)
    stream: StreamOptions | None = None


def load_pictures(
    source: Source, device: torch.device, options: LoadOptions, *, tell: Callable[[str], None]
) -> Store[PictureStore]:
    """A store of clean pictures, see `find_clean`.

    Args:
        source: Where they are.
        device: Where they are to live.
        options: What is wanted.
        tell: Takes one line: what was skipped, what the cache did.

    Raises:
        DataError: Files that cannot be used (all of them are counted, the first five named), or nothing is left.
        UsageError: The buffer holds fewer than two shards.
    """
    return _load(PictureStore, source, device, options, tell)


def load_pairs(
    source: Source, device: torch.device, options: LoadOptions, *, tell: Callable[[str], None]
) -> Store[PairStore]:
    """A store of degraded and clean pictures, see `find_pairs`; otherwise as `load_pictures`."""
    return _load(PairStore, source, device, options, tell)


def load_frames(
    source: Source, device: torch.device, options: LoadOptions, *, tell: Callable[[str], None]
) -> Store[FrameStore]:
    """A store of sequences, see `find_frames`; otherwise as `load_pictures`."""
    return _load(FrameStore, source, device, options, tell)


def _load(
    kind: type[S], source: Source, device: torch.device, options: LoadOptions, tell: Callable[[str], None]
) -> S | StreamedStore[S]:
    shards = prepare(source, options.cache, tell=tell)
    faults = [*shards.faults, *_too_small(shards, options.smallest)]
    total = 3 * sum(shards.pixels)
    streamed = options.stream is not None and total > options.stream.buffer_mb * MB
    packed = None
    if not streamed:
        packed = np.empty((total // 3, 3), np.uint8)
        faults += _read_all(shards, packed)
    elif not shards.checked:
        # Without a cache nothing was decoded yet: one pass finds every picture that cannot be.
        room = np.empty((max(shards.pixels), 3), np.uint8)
        faults += [fault for number in range(len(shards.parts)) for fault in shards.read(number, room)]
    bad = frozenset(fault.path for fault in faults)
    good = sum(bad.isdisjoint(placed.item.paths) for part in shards.parts for placed in part)
    settle(faults, good=good, skip_bad=options.skip_bad, tell=tell)
    if packed is not None:
        return _in_memory(kind, _usable(shards, bad), packed, device, options.detail_power)
    assert options.stream is not None  # noqa: S101 (for the type checker: it is streamed)
    return StreamedStore(kind, shards, device, options.stream, detail_power=options.detail_power, bad=bad)


def _read_all(shards: Shards, packed: np.ndarray) -> list[Fault]:
    """Read each shard behind the one before."""
    starts = np.cumsum([0, *shards.pixels])
    return [fault for number, start in enumerate(starts[:-1]) for fault in shards.read(number, packed[start:])]


def _usable(shards: Shards, bad: frozenset[Path]) -> list[Entry]:
    """Items without fault in the order of the source; offsets count from the first shard."""
    found: list[tuple[Placed, int]] = []
    start = 0
    for part, pixels in zip(shards.parts, shards.pixels, strict=True):
        found += [(placed, start) for placed in part if bad.isdisjoint(placed.item.paths)]
        start += pixels
    found.sort(key=lambda pair: pair[0].position)
    return [Entry(p.entry.name, p.entry.sizes, begin + p.entry.offset) for p, begin in found]


def _in_memory(kind: type[S], entries: list[Entry], packed: np.ndarray, device: torch.device, detail_power: float) -> S:
    with ThreadPoolExecutor() as pool:
        details = list(pool.map(lambda e: block_detail(e.views(packed)[kind.leading(e)]), entries))
    return kind.from_packed(torch.from_numpy(packed).to(device), entries, details, detail_power=detail_power)


def _too_small(shards: Shards, smallest: int) -> list[Fault]:
    wanted = max(smallest, BLOCK)
    return [
        Fault(p.item.paths[0], f"is {p.entry.sizes[0][1]}×{p.entry.sizes[0][0]}, training crops {wanted}×{wanted}")
        for part in shards.parts
        for p in part
        if min(p.entry.sizes[0]) < wanted
    ]
