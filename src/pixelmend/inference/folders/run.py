"""Restoring a folder: the processes are given their pictures, and what becomes of each is written down and told."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pixelmend.errors import PixelmendError, UnwritableError, UsageError
from pixelmend.files import make_folder
from pixelmend.inference.folders.crew import Crew, Hand
from pixelmend.inference.folders.crops import KEY, crops_folder, crops_of
from pixelmend.inference.folders.leftovers import clear, clear_folder
from pixelmend.inference.folders.manifest import DONE, FAILED, Entry, Manifest
from pixelmend.inference.folders.plan import USUAL, as_stored, find_todo
from pixelmend.inference.folders.share import how_many
from pixelmend.inference.folders.summary import State, Summary
from pixelmend.inference.folders.worker import Begin, Order, Ready, Result
from pixelmend.inference.hardware import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pixelmend.inference.folders.plan import Plan, Todo, Way
    from pixelmend.inference.settings import Settings


def run_folder(
    plan: Plan, settings: Settings, way: Way = USUAL, tell: Callable[[State], None] = lambda _state: None
) -> Summary:
    """Restore all pictures of a plan; those that fail are told of in the end.

    Pictures are restored in processes of their own, each piece of them in one thread, so that results are the same
    bytes however many processes there are. Ctrl-C ends it; what is done stays done.

    Args:
        plan: What.
        settings: How.
        way: In what way.
        tell: Told how far it is, in this thread.

    Raises:
        UsageError: What was asked for cannot be done, whatever the pictures; results are there already, or were made
            in another way; or another run writes into the folder.
        UnwritableError: The folder for results cannot be made or written into.
        ModelError: The model is broken.
    """
    is_new = not plan.out.exists()
    make_folder(plan.out)
    try:
        with Manifest(plan.out) as manifest:
            run = _Run(plan, settings, way, manifest)
            run.go(tell)
            return run.summary()
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # something is in it
                plan.out.rmdir()


class _Run:
    """One run, while it lasts."""

    def __init__(self, plan: Plan, settings: Settings, way: Way, manifest: Manifest) -> None:
        self._plan, self._settings, self._way, self._manifest = plan, settings, way, manifest
        self._told = as_stored(settings.told())
        self._todo: Todo = find_todo(plan, manifest, way, self._told)
        self._entries = {entry.name: entry for entry in (*self._todo.earlier, *self._todo.kept)}
        self._ready: Ready | None = None
        self._jobs, self._seconds = 0, 0.0
        self._stopped, self._interrupted = "", False

    def go(self, tell: Callable[[State], None]) -> None:
        """Restore what is to be restored."""
        self._clear()
        orders = [Order(job.source, job.target, job.name) for job in self._todo.jobs]
        crops = self._lacking_crops()
        if not orders and not crops:
            return
        self._progress = Progress(orders, tell)
        try:
            self._restore(orders, crops)
        except KeyboardInterrupt:
            self._interrupted = True
        except UnwritableError as error:  # the manifest: nothing can be written down any more
            self._stopped = str(error)
        finally:
            self._clear()
        self._seconds = self._progress.seconds

    def summary(self) -> Summary:
        """What it came to."""
        names = [job.name for job in self._plan.jobs]
        return Summary(
            out=self._plan.out,
            entries=tuple(self._entries[name] for name in names if name in self._entries),
            earlier=frozenset(entry.name for entry in self._todo.earlier if entry.state == DONE),
            waiting=sum(name not in self._entries for name in names),
            seconds=self._seconds,
            jobs=self._jobs,
            settings=self._told,
            runs={} if self._ready is None else self._ready.runs,
            left_out=self._plan.left_out,
            unreadable=self._plan.unreadable,
            stopped=self._stopped,
            interrupted=self._interrupted,
        )

    def _lacking_crops(self) -> list[Order]:
        """Pictures that are done, and of which the page has no crops."""
        if (page := self._way.page) is None:
            return []
        targets = {job.name: job for job in self._plan.jobs}
        lacking = [each for each in self._todo.earlier if each.state == DONE and not crops_of(each.report, page)[0]]
        return [Order(targets[each.name].source, targets[each.name].target, each.name, done=True) for each in lacking]

    def _clear(self) -> None:
        """Delete what was half written; nobody else writes here, since the manifest is locked."""
        clear([job.target for job in self._plan.jobs])
        if self._way.page is not None:
            clear_folder(crops_folder(self._way.page))

    def _restore(self, orders: list[Order], crops: list[Order]) -> None:
        """Let processes do it all; who died over a picture gets another chance at the end, when it has all memory."""
        size = how_many(self._way.jobs, len(orders) + len(crops))
        begin = self._first_order(size, len(orders))
        keep = (self._manifest.fileno(),)
        hand = Hand(begin, keep)
        if hand.ready.runs["device"] != "cpu" and self._way.jobs is None:
            size = 1  # one chip, whose memory they would share
        wish = replace(begin.settings.wish, engine=hand.ready.engine)
        begin = replace(begin, settings=replace(begin.settings, wish=wish))
        with Crew(begin, hand, keep, strict=self._way.on_error == "stop") as crew:
            self._begin(hand.ready)
            self._jobs = size
            self._progress.begin()
            again = self._work(crew, [*orders, *crops], size)
            if again and not self._stopped:
                self._work(crew, again, 1, last=True)

    def _first_order(self, size: int, pictures: int) -> Begin:
        wish = replace(self._settings.wish, lanes=max(1, cores() // size))
        if self._manifest.header is not None and not self._todo.fresh:
            wish = replace(wish, engine=self._manifest.header["engine"])
        return Begin(replace(self._settings, wish=wish), max(1.0, pictures / size), self._way.page)

    def _begin(self, ready: Ready) -> None:
        """Write down how pictures are restored, or see that it is as it was."""
        self._ready = ready
        header = self._manifest.header
        if header is None or self._todo.fresh:
            self._manifest.begin({"settings": self._told, "engine": ready.engine, "runs": ready.runs})
        elif header["runs"] != ready.runs:
            was, now = (", ".join(runs.values()) for runs in (header["runs"], ready.runs))
            raise UsageError(
                f"{self._plan.out} was begun with {was}; here {now} would run, with other results: go on where it was "
                "begun, or choose another folder with -o"
            )
        for entry in self._todo.kept:
            self._manifest.add(entry)

    def _work(self, crew: Crew, orders: Sequence[Order], size: int, *, last: bool = False) -> list[Order]:
        """Have orders carried out; those whose process died are given back, unless this is their last chance."""
        again: list[Order] = []
        for order, event in crew.work(orders, size):
            if isinstance(event, float):
                self._progress.step(order, event)
            elif isinstance(event, PixelmendError):  # no process can be had
                if last:
                    raise event
                again.append(order)
            elif event.died and not last:
                again.append(order)
            elif order.done:
                self._add_crops(order, event)
            else:
                self._settle(order, event)
                if self._stopped:
                    crew.finish()
        return again

    def _add_crops(self, order: Order, result: Result) -> None:
        if KEY in result.report:
            entry = self._entries[order.name]
            self._note(replace(entry, report={**entry.report, **result.report}))

    def _settle(self, order: Order, result: Result) -> None:
        """Write down what became of a picture, and decide whether to go on."""
        done = not result.error
        if result.misuse and not any(entry.state == DONE for entry in self._entries.values()):
            raise UsageError(result.error)  # it would be the same with every picture
        entry = Entry(
            order.name, os.fspath(order.source), DONE if done else FAILED,
            result.before, result.after, round(result.seconds, 3), result.error, result.report,
        )  # fmt: skip
        self._note(entry)
        self._progress.finish(entry)
        if result.full:
            self._stopped = "there is no room left on the disk: make some"
        elif not done and self._way.on_error == "stop":
            self._stopped = "at the first picture that failed"

    def _note(self, entry: Entry) -> None:
        self._manifest.add(entry)
        self._entries[entry.name] = entry


class Progress:
    """How far a run is, by the sizes of the files that it reads.

    Args:
        orders: What is to be done.
        tell: Who is told.
    """

    def __init__(self, orders: Sequence[Order], tell: Callable[[State], None]) -> None:
        self._sizes = {order.name: _size(order.source) for order in orders}
        self._all, self._total = sum(self._sizes.values()), len(orders)
        self._tell = tell
        self._parts: dict[str, float] = {}
        self._done, self._finished, self._failed = 0.0, 0, 0
        self._start: float | None = None

    @property
    def seconds(self) -> float:
        """Since the beginning; 0 before."""
        return 0.0 if self._start is None else time.perf_counter() - self._start

    def begin(self) -> None:
        """The clock starts: what came before is no measure of what will come."""
        self._start = time.perf_counter()
        self._say("")

    def step(self, order: Order, share: float) -> None:
        """A picture is so far, 0 to 1."""
        self._parts[order.name] = share * self._sizes.get(order.name, 0)
        self._say(order.name)

    def finish(self, entry: Entry) -> None:
        """A picture is done, or failed."""
        self._parts.pop(entry.name, None)
        self._done += self._sizes[entry.name]
        self._finished += 1
        self._failed += entry.state == FAILED
        self._say(entry.name, entry)

    def _say(self, name: str, latest: Entry | None = None) -> None:
        share = min(1.0, (self._done + sum(self._parts.values())) / self._all) if self._all else 1.0
        left = self.seconds * (1 - share) / share if share > 0 else None
        self._tell(State(self._finished, self._total, self._failed, share, left, name, latest))


def _size(path: Path) -> int:
    try:
        return max(1, path.stat().st_size)
    except OSError:
        return 1
