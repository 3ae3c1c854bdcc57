"""Who restores: one on each core or chip of a cluster, given batch after batch.

The pictures themselves are restored in a process of its own (`pixelmend.inference.folders.worker`), so that a picture
over which a process dies is known by its name, and costs no other one.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pixelmend.errors import ModelError, PixelmendError
from pixelmend.inference.clusters.rounds import go_round
from pixelmend.inference.clusters.tally import Outcome, Tally, Trouble
from pixelmend.inference.folders.crew import Hand
from pixelmend.inference.folders.worker import Begin, Ready

if TYPE_CHECKING:
    from typing import Self

    from pixelmend.inference.clusters.batches import Batch
    from pixelmend.inference.clusters.luggage import Luggage
    from pixelmend.inference.clusters.places import Place

_MUCH = 1000.0
"""Megapixels that one process is taken to restore, which an engine is chosen for."""
_WARY = 8
"""Batches after a death of which every picture is marked: more than Ray gives to one at a time."""
_SPOOL = "pixelmend-spool-"


@dataclass(frozen=True)
class Setup:
    """What each of those who restore is told.

    Attributes:
        luggage: How pictures are restored.
        out: Where results go.
        run: The id of the run.
        runs: What must run the networks, see `Ready`; empty where nobody said so yet.
        again: Whether results of earlier runs may be there.
        strict: Begin nothing more in a batch after a picture that failed.
    """

    luggage: Luggage
    out: Place
    run: str = ""
    runs: dict[str, str] = field(default_factory=dict)
    again: bool = False
    strict: bool = False


class Restorer:
    """One of those who restore; use it as a context, or let the process end.

    Args:
        setup: What it is told.
        restarted: Whether it takes the place of one that died.

    Attributes:
        setup: The same.
        spool: A folder of its own, for pictures that come and go.
        porters: Who fetch and store while a picture is restored.
        restarted: The same.
    """

    def __init__(self, setup: Setup, *, restarted: bool = False) -> None:
        sweep()
        self.setup, self.restarted = setup, restarted
        self.spool = Path(tempfile.mkdtemp(prefix=f"{_SPOOL}{os.getpid()}-"))
        self.porters = ThreadPoolExecutor(2)
        self._wary = _WARY if restarted else 0
        self._hand: Hand | None = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its process, and leave nothing behind."""
        self.bury()
        self.porters.shutdown()
        shutil.rmtree(self.spool, ignore_errors=True)

    def hand(self) -> Hand:
        """The process that restores; a new one where there is none.

        Raises:
            PixelmendError: There can be none, or it would give other results than were begun with.
        """
        if self._hand is None:
            files = self.spool / "luggage"
            files.mkdir(exist_ok=True)
            settings = self.setup.luggage.unpack(files)
            self._hand = Hand(Begin(replace(settings, wish=replace(settings.wish, lanes=1)), _MUCH, None))
        if self.setup.runs not in ({}, self._hand.ready.runs):
            was, now = (", ".join(runs.values()) for runs in (self.setup.runs, self._hand.ready.runs))
            raise ModelError(
                f"{platform.node()} would run {now}, and the run was begun with {was}, with other results: install "
                "the same on all machines, or give --device cpu"
            )
        return self._hand

    def bury(self) -> None:
        """End the process that restores."""
        if self._hand is not None:
            self._hand.stop(now=True)
            self._hand = None

    def restore(self, batch: Batch) -> Outcome:
        """Restore a batch; what is told of it already, since it was begun before, is not done again."""
        found = Tally(earlier=batch.earlier, unreadable=(batch.unreadable,) * bool(batch.unreadable))
        found.left_out.update(batch.left_out)
        if batch.trouble is not None or not (batch.todo or batch.kept):
            return Outcome(found, batch.trouble)
        try:
            outcome = go_round(self, batch, wary=self._wary > 0)
        except PixelmendError as error:
            return Outcome(found, Trouble.of(error))
        self._wary = max(0, self._wary - 1)
        outcome.tally.add(found)
        return outcome


def try_out(setup: Setup) -> Ready | Trouble:
    """What would run the networks on this machine, or why nothing would."""
    with Restorer(setup) as restorer:
        try:
            return restorer.hand().ready
        except PixelmendError as error:
            return Trouble.of(error)


def sweep() -> None:
    """Delete what those who were killed on this machine left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SPOOL}*"):
        pid = folder.name.removeprefix(_SPOOL).partition("-")[0]
        with suppress(OSError, ValueError):
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
