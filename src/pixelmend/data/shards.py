"""Collections larger than memory: some shards are resident at a time, and the next is read in the background.

The shards stand in a circle, in an order drawn once from the seed. In window w (``window`` steps long) the R shards
from place w on are resident; from one window to the next one shard leaves and one comes. So what step k draws from
follows from (seed, k) alone, a run that resumes finds what it would have found, and in as many windows as there are
shards each picture was resident exactly R times.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import numpy as np
import torch

from pixelmend.data.sources import settle
from pixelmend.data.store import Entry, PictureStore, block_detail
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.data.cache import Shards

S = TypeVar("S", bound=PictureStore)
MB = 1e6


@dataclass(frozen=True)
class StreamOptions:
    """How much is in memory, and for how long. All of it decides which batches are made.

    Attributes:
        buffer_mb: What pixels may take on the device; two shards at least. Where all of them fit, nothing is streamed.
        window: Steps until one resident shard gives way to the next.
        seed: Decides the order of the shards.
    """

    buffer_mb: float = 4000
    window: int = 100
    seed: int = 0


@dataclass(frozen=True)
class _Part:
    """One shard: its number in `Shards`, its items that can be used, and how many pixels it has."""

    number: int
    entries: tuple[Entry, ...]
    pixels: int


class StreamedStore(Generic[S]):
    """Gives at each step a store of what is resident then; see this file's head. Close it, or use it in ``with``.

    Memory: the buffer is taken once and written over; while pictures are decoded for want of a cache, those in work
    come on top of it.

    Args:
        kind: Which store to make of resident items.
        shards: All of the collection.
        device: Where the pictures are to live.
        options: Bound and order.
        detail_power: See ``PictureStore``.
        bad: Files whose items are left out.

    Raises:
        UsageError: The buffer holds fewer than two shards.
    """

    def __init__(
        self,
        kind: type[S],
        shards: Shards,
        device: torch.device,
        options: StreamOptions,
        *,
        detail_power: float = 0.0,
        bad: frozenset[Path] = frozenset(),
    ) -> None:
        self.device, self.options = device, options
        self._kind, self._shards, self._power, self._bad = kind, shards, detail_power, bad
        parts = [
            _Part(number, tuple(p.entry for p in part if bad.isdisjoint(p.item.paths)), shards.pixels[number])
            for number, part in enumerate(shards.parts)
        ]
        parts = [part for part in parts if part.entries]
        order = torch.randperm(len(parts), generator=torch.Generator().manual_seed(options.seed))
        self._circle = [parts[k] for k in order.tolist()]
        self._largest = max(part.pixels for part in parts)
        slots = min(int(options.buffer_mb * MB / (3 * self._largest)), len(parts) + 1)
        if slots < 2:
            need = 2 * 3 * self._largest / MB
            raise UsageError(
                f"a buffer of {options.buffer_mb:g} MB: wanted {need:.3g} MB or more, which two shards take"
            )
        self.resident = slots - 1
        """How many shards are drawn from at a time; one more is on its way."""
        self.pixels = torch.empty((slots * self._largest, 3), dtype=torch.uint8, device=device)
        self._slots: list[tuple[int, Future[list[np.ndarray]]] | None] = [None] * slots
        # One thread: what is written into a slot last was asked for last.
        self._reader: ThreadPoolExecutor | None = ThreadPoolExecutor(1, thread_name_prefix="pixelmend-shards")
        self._window = -1
        self._store: S | None = None

    def __len__(self) -> int:
        """How many items there are in all."""
        return sum(len(part.entries) for part in self._circle)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def bytes_held(self) -> int:
        """Bytes of pixels in memory, those on their way included."""
        return self.pixels.nbytes

    def names(self, window: int) -> list[str]:
        """Which items are resident in a window, in the order of their numbers."""
        return [entry.name for part in self._parts(window) for entry in part.entries]

    def at(self, step: int) -> S:
        """What step number ``step`` draws from. Steps may come in any order; consecutive ones wait for nothing.

        The store of another window is written over: use it before the next call.

        Raises:
            DataError: A picture could not be read, here or in the background.
            UsageError: It was closed.
        """
        if self._reader is None:
            raise UsageError("these pictures were closed: open them again")
        window = step // self.options.window
        if window != self._window or self._store is None:
            self._store = None
            self._store = self._enter(window)
            self._window = window
        return self._store

    def close(self) -> None:
        """Wait for the thread and let go of the memory; a second call does nothing."""
        if self._reader is not None:
            self._reader.shutdown(wait=True, cancel_futures=True)
            self._reader, self._store = None, None
            self.pixels = torch.empty((0, 3), dtype=torch.uint8)

    def _parts(self, window: int) -> list[_Part]:
        return [self._circle[place % len(self._circle)] for place in range(window, window + self.resident)]

    def _enter(self, window: int) -> S:
        places = range(window, window + self.resident)
        pending = [self._ask(place) for place in places]
        entries: list[Entry] = []
        details: list[np.ndarray] = []
        for place, part, future in zip(places, self._parts(window), pending, strict=True):
            slot = place % len(self._slots)
            try:
                details += future.result()
            except BaseException:
                self._slots[slot] = None  # so that it is asked for anew
                raise
            start = slot * self._largest
            entries += [Entry(entry.name, entry.sizes, start + entry.offset) for entry in part.entries]
        self._ask(window + self.resident)
        return self._kind.from_packed(self.pixels, entries, details, detail_power=self._power)

    def _ask(self, place: int) -> Future[list[np.ndarray]]:
        """See to it that the shard of this place is in its slot, or on its way there."""
        slot = place % len(self._slots)
        held = self._slots[slot]
        if held is not None and held[0] == place:
            return held[1]
        if self._reader is None:
            raise UsageError("these pictures were closed: open them again")
        future = self._reader.submit(self._load, self._circle[place % len(self._circle)], slot)
        self._slots[slot] = (place, future)
        return future

    def _load(self, part: _Part, slot: int) -> list[np.ndarray]:
        """Read a shard into its slot; gives the detail of each of its items."""
        room = self.pixels[slot * self._largest :][: part.pixels]
        on_host = room.device.type == "cpu"
        out = room.numpy() if on_host else np.empty(room.shape, np.uint8)
        faults = [fault for fault in self._shards.read(part.number, out) if fault.path not in self._bad]
        settle(faults, good=1, skip_bad=False, tell=print)
        if not on_host:
            room.copy_(torch.from_numpy(out))
        return [block_detail(entry.views(out)[self._kind.leading(entry)]) for entry in part.entries]
