"""Restoring what lies in places, on many machines: what is decided before, and what is told of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.clusters.batches import Share
from pixelmend.inference.clusters.connection import Cluster, connected, size_of
from pixelmend.inference.clusters.luggage import pack
from pixelmend.inference.clusters.parts import Header, write_header
from pixelmend.inference.clusters.plan import next_header
from pixelmend.inference.clusters.restorer import Setup, sweep, try_out
from pixelmend.inference.clusters.summary import Summary
from pixelmend.inference.clusters.tally import Trouble
from pixelmend.inference.clusters.walk import shares
from pixelmend.inference.folders.plan import USUAL, as_stored
from pixelmend.inference.folders.summary import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.inference.clusters.on_ray import Crowd
    from pixelmend.inference.clusters.plan import Plan
    from pixelmend.inference.clusters.tally import Outcome
    from pixelmend.inference.folders.plan import Way
    from pixelmend.inference.settings import Settings

_LISTS = 16
"""How many list at the same time on a cluster; each holds the names of one folder."""


def run_places(
    plan: Plan, settings: Settings, way: Way = USUAL, tell: Callable[[State], None] = lambda _state: None
) -> Summary:
    """Restore all pictures of a plan, on the cluster that RAY_ADDRESS names or on this machine.

    Each is restored in one thread of a process of its own, so that results are the same bytes wherever that is. Ctrl-C
    ends it; what is done stays done.

    Args:
        plan: What.
        settings: How.
        way: In what way; it has no page.
        tell: Told how far it is, in this thread.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: What was asked for cannot be done, whatever the pictures; results are there already, or were made
            in another way; or a store or the cluster cannot be reached.
        ModelError: The model is broken, or Ray fails.
        PixelmendError: The place for results cannot be written to.
    """
    header = next_header(plan, as_stored(settings.told()), way.existing)
    with connected(way.jobs) as cluster:
        try:
            return _Run(plan, settings, way, header).go(cluster, tell)
        finally:
            if cluster.is_local:
                sweep()


class _Run:
    """One run, while it lasts."""

    def __init__(self, plan: Plan, settings: Settings, way: Way, header: Header) -> None:
        self._plan, self._way = plan, way
        self._summary = Summary(plan.out, header)
        again = len(header.ids) > 1 or way.existing != "refuse"
        self._setup = Setup(pack(settings), plan.out, header.ids[-1], {}, again, way.on_error == "stop")

    def go(self, cluster: Cluster, tell: Callable[[State], None]) -> Summary:
        """Restore what is to be restored."""
        from pixelmend.inference.clusters.on_ray import outcomes

        summary = self._summary
        try:
            crowd = self._crowd(cluster)
            write_header(self._plan.out, summary.header)
            summary.restorers = crowd.at_first
            begin = time.perf_counter()
            tell(State(0, 0, 0, 0.0, None))
            for outcome, (pictures, size, is_all) in outcomes(self._shares(crowd), self._setup, crowd):
                summary.found, summary.seconds = pictures, time.perf_counter() - begin
                if self._settle(outcome):
                    break
                tell(self._state(size, is_all=is_all))
        except KeyboardInterrupt:
            summary.interrupted = True
        return summary

    def _crowd(self, cluster: Cluster) -> Crowd:
        """Who restores; and what runs there, which has to be the same for all."""
        from pixelmend.inference.clusters.on_ray import Crowd, try_out_there

        header, luggage = self._summary.header, self._setup.luggage
        wish = luggage.settings.wish
        if header.engine:
            wish = replace(wish, engine=header.engine)
        on_chips = cluster.gpus > 0 and wish.device != "cpu"
        self._setup = replace(self._setup, luggage=replace(luggage, settings=replace(luggage.settings, wish=wish)))
        if cluster.is_local:
            ready = try_out(self._setup)
        else:
            ready = try_out_there(self._setup, Crowd(1, 1, 1, gpus=int(on_chips)))
        if isinstance(ready, Trouble):
            raise _error(ready)
        if header.runs not in ({}, ready.runs):
            was, now = (", ".join(runs.values()) for runs in (header.runs, ready.runs))
            raise UsageError(
                f"{self._plan.out} was begun with {was}; here {now} would run, with other results: go on where it was "
                "begun, or choose another place with -o"
            )
        on_chips = on_chips and ready.runs["device"] != "cpu"
        wish = replace(wish, engine=ready.engine, device=wish.device if on_chips else ready.runs["device"])
        settings = replace(luggage.settings, wish=wish)
        self._setup = replace(self._setup, luggage=replace(luggage, settings=settings), runs=ready.runs)
        self._summary.header = replace(header, engine=ready.engine, runs=ready.runs)
        at_first, most = size_of(cluster, self._way.jobs, on_chips=on_chips)
        return Crowd(at_first, most, 1 if cluster.is_local else _LISTS, int(on_chips))

    def _shares(self, crowd: Crowd) -> list[Share]:
        """What is to be listed, by so many tasks that each has a few."""
        header, form = self._summary.header, self._setup.luggage.settings.format
        parts = [part for source in self._plan.sources for part in shares(source, 4 * crowd.lists)]
        of = [(part, ()) for part in parts] + ([(None, self._plan.files)] if self._plan.files else [])
        return [
            Share(source, files, self._plan.out, form, header.ids, self._way.existing, crowd.at_first)
            for source, files in of
        ]

    def _settle(self, outcome: Outcome) -> bool:
        """Count what became of a batch; whether to stop."""
        summary = self._summary
        summary.tally.add(outcome.tally)
        if outcome.trouble is not None:
            if not summary.tally.done:
                raise _error(outcome.trouble)
            summary.stopped = outcome.trouble.error
        elif outcome.misuse and not (summary.tally.done + summary.tally.earlier):
            raise UsageError(outcome.misuse)  # it would be the same with every picture
        elif outcome.full:
            summary.stopped = "there is no room left for results: make some"
        elif outcome.tally.failed and self._way.on_error == "stop":
            summary.stopped = "at the first picture that failed"
        return bool(summary.stopped)

    def _state(self, size: int, *, is_all: bool) -> State:
        """How far it is, of what is known so far."""
        tally, seconds = self._summary.tally, self._summary.seconds
        share = min(1.0, tally.size / size) if size else 1.0
        left = seconds * (1 - share) / share if is_all and share else None
        return State(tally.finished, self._summary.found, tally.failed, share, left)


def _error(trouble: Trouble) -> UsageError | ModelError:
    return (UsageError if trouble.exit_code == 2 else ModelError)(trouble.error)
