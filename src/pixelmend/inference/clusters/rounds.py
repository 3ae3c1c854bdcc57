"""One batch, by one of those who restore: beside each picture the next is fetched, and the one before is stored."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pixelmend.errors import PixelmendError, UnreadableError
from pixelmend.inference.clusters.stores import store_of
from pixelmend.inference.clusters.tally import Outcome, Tally
from pixelmend.inference.folders.leftovers import clear
from pixelmend.inference.folders.manifest import DONE, FAILED, KEPT, Entry, Stamp
from pixelmend.inference.folders.worker import Order, Result
from pixelmend.inference.processes import readable

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pixelmend.inference.clusters.batches import Batch, Errand
    from pixelmend.inference.clusters.restorer import Restorer

TELL_EVERY = 60.0
"""Seconds after which it is told what became of the pictures of a batch that is not through yet."""
_DEATHS = 2
"""How often one who restores may die over a picture that was marked, before the picture is given up."""
_ROOM = 2**28
"""Bytes that stay free where pictures are fetched to."""


@dataclass(frozen=True)
class _Carried:
    """A picture that was restored, and is being stored."""

    errand: Errand
    result: Result
    stored: Future[None] | None


def go_round(restorer: Restorer, batch: Batch, *, wary: bool) -> Outcome:
    """Restore the pictures of a batch, and tell of them in its parts.

    Args:
        restorer: Who does it.
        batch: Which.
        wary: Mark each picture before it is begun, so that one over which all die is known.

    Raises:
        PixelmendError: Nothing can be restored, or nothing be told.
    """
    return _Round(restorer, batch).go(wary=wary)


class _Round:
    """One batch, while it lasts."""

    def __init__(self, restorer: Restorer, batch: Batch) -> None:
        self._restorer, self._batch, self._out = restorer, batch, restorer.setup.out
        self._parts = batch.parts(self._out, restorer.setup.run)
        self._entries, self._number = self._parts.entries()
        self._told, self._last = len(self._entries), time.monotonic()
        self._carried: _Carried | None = None
        self._misuse, self._full = "", False

    def go(self, *, wary: bool) -> Outcome:
        known = {entry.name for entry in self._entries}
        todo = [errand for errand in self._batch.todo if errand.name not in known]
        self._entries += [
            Entry(each.name, str(each.source), KEPT) for each in self._batch.kept if each.name not in known
        ]
        if not self._out.scheme and (self._restorer.restarted or self._restorer.setup.again):
            clear([Path((self._out / each.name).path) for each in todo])
        again = self._all(todo, wary=wary, last=False)
        self._all(again, wary=wary, last=True)
        self._tell()
        tally = Tally.of(self._entries)
        tally.size = sum(each.size for each in (*self._batch.todo, *self._batch.kept))
        return Outcome(tally, misuse=self._misuse, full=self._full)

    def _all(self, errands: list[Errand], *, wary: bool, last: bool) -> list[Errand]:
        """Restore pictures; those whose process died are given back, unless it is their last chance."""
        again: list[Errand] = []
        coming: Future[Path] | None = None
        for number, errand in enumerate(errands):
            if self._stopped():
                break
            coming = coming or self._fetch(errand)
            came, coming = coming, self._fetch(errands[number + 1]) if number + 1 < len(errands) else None
            result = self._one(errand, came, wary=wary)
            self._settle()
            if result.died and not last:
                again.append(errand)
                continue
            self._carry(errand, result)
            if time.monotonic() - self._last > TELL_EVERY:
                self._settle()
                self._tell()
        self._settle()
        if coming is not None:
            coming.cancel()
        return again

    def _stopped(self) -> bool:
        strict = self._restorer.setup.strict and any(entry.state == FAILED for entry in self._entries)
        return self._full or strict

    def _fetch(self, errand: Errand) -> Future[Path]:
        return self._restorer.porters.submit(self._lend, errand)

    def _lend(self, errand: Errand) -> Path:
        """A file of this machine with a picture."""
        spool = self._spooled(errand, "came")
        if errand.source.scheme and errand.size + _ROOM > shutil.disk_usage(spool.parent).free:
            raise UnreadableError(f"{errand.source} is too large to be fetched: it has {errand.size / 1e6:.0f} MB")
        return store_of(errand.source).lend(errand.source, spool)

    def _spooled(self, errand: Errand, what: str) -> Path:
        """Where a picture is while it is here: a name of its own in the batch, with the suffix that formats go by."""
        suffix = PurePosixPath(errand.name if what == "done" else errand.source.name).suffix
        return (
            self._restorer.spool / f"{what}-{hash(errand.name) & 0xFFFFFFFFFFFF:x}{suffix if len(suffix) < 9 else ''}"
        )

    def _one(self, errand: Errand, coming: Future[Path], *, wary: bool) -> Result:
        """Restore one picture; whatever fails is told of this one alone."""
        begin = time.perf_counter()
        try:
            path = coming.result()
        except (PixelmendError, OSError) as error:
            return Result(time.perf_counter() - begin, None, error=readable(str(error)))
        if wary:
            deaths = self._parts.deaths(errand.name)
            if deaths >= _DEATHS:
                return Result(0.0, None, error="all who restored it died over it, and so it was given up")
            self._parts.mark(errand.name, deaths)
        target = store_of(self._out).target(self._out / errand.name, self._spooled(errand, "done"))
        result = self._restorer.hand().restore(Order(path, target, errand.name), lambda _share: None)
        if result.died:
            self._restorer.bury()
        if errand.source.scheme:
            path.unlink(missing_ok=True)
        return replace(result, error=result.error.replace(str(path), str(errand.source)))

    def _carry(self, errand: Errand, result: Result) -> None:
        """Have a result stored; what became of it is written down by `_settle`."""
        stored = None
        if result.after is not None and self._out.scheme:
            place, spool = self._out / errand.name, self._spooled(errand, "done")
            stored = self._restorer.porters.submit(store_of(self._out).keep, spool, place)
        self._carried = _Carried(errand, result, stored)

    def _settle(self) -> None:
        """Wait until the last result is stored, and write down what became of it."""
        if self._carried is None:
            return
        errand, result, stored = self._carried.errand, self._carried.result, self._carried.stored
        self._carried = None
        try:
            if stored is not None:
                stored.result()
                self._spooled(errand, "done").unlink(missing_ok=True)
        except (PixelmendError, OSError) as error:
            result = Result(result.seconds, result.before, error=readable(str(error)))
        before, after = result.before, result.after
        if before is not None and errand.source.scheme:
            before = Stamp(before.size, errand.mtime_ns, before.sha256)
        if after is not None and self._out.scheme:
            after = replace(after, mtime_ns=0)
        state, seconds = FAILED if result.error else DONE, round(result.seconds, 3)
        source = str(errand.source)
        entry = Entry(errand.name, source, state, before, after, seconds, result.error, result.report)
        self._entries.append(entry)
        self._misuse = self._misuse or (result.error if result.misuse else "")
        self._full |= result.full

    def _tell(self) -> None:
        """Write down what became of pictures since the last time."""
        if new := self._entries[self._told :]:
            self._parts.write(self._number, new)
            self._told, self._number = len(self._entries), self._number + 1
        self._last = time.monotonic()
