"""The run itself: every method on every set under every damage, one picture at a time, resumed where it stopped."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pixelmend.errors import DataError, ModelError, PictureError, UsageError
from pixelmend.evaluation.cases import problem_name
from pixelmend.evaluation.memory import PeakMemory
from pixelmend.evaluation.results import Entry, machine, versions
from pixelmend.evaluation.scores import LEAST_SIDE, restore, score
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pixelmend.data.layouts import Item
    from pixelmend.evaluation.crops import Crops
    from pixelmend.evaluation.method import Method, Setup
    from pixelmend.evaluation.results import Results
    from pixelmend.evaluation.scores import Distance, PictureScore
    from pixelmend.evaluation.suites import Trial

_SAVE_EVERY = 5.0  # seconds; what a killed run loses at most


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        trials: Sets under cases.
        methods: The methods; a trial that a method cannot take is left out for it.
        setup: What the methods were told to run on; recorded beside the seconds.
        seed: Seed of the damage.
        limit: Only the first so many pictures of each set; None for all.
        distances: Learned distances to measure, by name, "lpips" or "dists".
    """

    trials: tuple[Trial, ...]
    methods: tuple[Method, ...]
    setup: Setup
    seed: int = 0
    limit: int | None = None
    distances: Mapping[str, Distance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"the limit is {self.limit}: give a number of pictures, 1 or more")
        if not any(self.pairs()):
            tasks = ", ".join(sorted({trial.case.task for trial in self.trials}))
            names = ", ".join(dict.fromkeys(method.label for method in self.methods)) or "none"
            raise UsageError(f"no method takes any of the sets: the methods are {names}, what is to be done: {tasks}")

    def pairs(self) -> Iterator[tuple[Trial, Method]]:
        """Each trial with each method that can take it."""
        for trial in self.trials:
            for method in self.methods:
                if takes(method, trial):
                    yield trial, method

    def items(self, trial: Trial) -> tuple[Item, ...]:
        """The pictures of a set that are measured."""
        return trial.benchmark.items[: self.limit]

    def idle(self) -> tuple[Method, ...]:
        """Methods that take none of the trials."""
        busy = {id(method) for _, method in self.pairs()}
        return tuple(method for method in self.methods if id(method) not in busy)


def takes(method: Method, trial: Trial) -> bool:
    """Whether a method can do what a trial asks."""
    case = trial.case
    gray = case.color(trial.benchmark) == "gray"
    fits = case.task != "super-resolve" or case.scale in method.scales
    return case.task in method.tasks and ("gray" if gray else "rgb") in method.colors and fits


@dataclass(frozen=True)
class Step:
    """One picture that is done, for whoever shows progress.

    Attributes:
        entry: What it belongs to.
        name: The picture's name.
        reused: Whether its scores come from an earlier run.
        done: Pictures that were measured in this run.
        total: Pictures that this run has to measure.
        seconds_left: How long the rest will take; None until something was measured.
    """

    entry: Entry
    name: str
    reused: bool
    done: int
    total: int
    seconds_left: float | None


def evaluate(
    plan: Plan, results: Results, on_step: Callable[[Step], None] = lambda _: None, crops: Crops | None = None
) -> list[Entry]:
    """Measure what the plan asks for, taking over every score that ``results`` holds already.

    The results are saved every few seconds and at the end, whatever ends the run. A picture that failed in an
    earlier run is tried again.

    Args:
        plan: What is to be measured.
        results: Where scores are kept.
        on_step: Called after each picture.
        crops: Keeps a piece of each restored picture; None for none.

    Returns:
        The plan's entries, holding the plan's pictures only, in the plan's order.

    Raises:
        UnwritableError: The results cannot be saved.
        MissingExtraError: A part of the learn half is not installed.
    """
    done = []
    run = _Run(plan, results, crops)
    results.save()  # an unwritable folder is told now, not after an hour
    try:
        for trial, method in plan.pairs():
            entry = results.entry(empty_entry(plan, trial, method))
            for item in plan.items(trial):
                name = problem_name(trial.case, item)
                reused = run.has(entry, name)
                entry.failed.pop(name, None)
                if not reused:
                    run.measure(entry, trial, method, item)
                on_step(run.step(entry, name, reused=reused))
            entry.failed.update(trial.faults)
            measured = [problem_name(trial.case, item) for item in plan.items(trial)]
            done.append(entry.narrowed([*measured, *dict(trial.faults)]))
    finally:
        results.save()
    return done


class _Run:
    """What one run keeps in mind: what is left, how long it takes, when the results were saved."""

    def __init__(self, plan: Plan, results: Results, crops: Crops | None) -> None:
        self.plan, self.results, self.crops = plan, results, crops
        self.memory = PeakMemory(plan.setup.device)
        self.left: dict[str, int] = {}
        self.owner: dict[str, str] = {}
        for trial, method in plan.pairs():
            entry = empty_entry(plan, trial, method)
            stored = results.entries.get(entry.key, entry)
            names = [problem_name(trial.case, item) for item in plan.items(trial)]
            self.left[entry.key] = sum(not self.has(stored, name) for name in names)
            self.owner[entry.key] = f"{method.label} {trial.case.task}"
        self.total, self.measured = sum(self.left.values()), 0
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.saved = time.monotonic()

    def has(self, entry: Entry, name: str) -> bool:
        """Whether a picture has every score that is wanted."""
        known = entry.pictures.get(name)
        if known is None or (self.crops is not None and not self.crops.has(entry, name)):
            return False
        small = known.side is not None and known.side < LEAST_SIDE
        return small or all(getattr(known, wanted) is not None for wanted in self.plan.distances)

    def measure(self, entry: Entry, trial: Trial, method: Method, item: Item) -> None:
        """Score one picture, or note why it has no score."""
        name = problem_name(trial.case, item)
        start = time.monotonic()
        try:
            clean, problem = trial.case.make(trial.benchmark, item, self.plan.seed)
            restored, cost = restore(method, problem, self.memory)
            found = score(restored, clean, entry.protocol, self.plan.distances, cost)
        except (PictureError, ModelError, DataError) as error:
            entry.pictures.pop(name, None)
            entry.failed[name] = str(error)
        else:
            if self.crops is not None:
                self.crops.keep(entry, clean, problem, restored)
            entry.pictures[name] = _with_distances_of(entry.pictures.get(name), found)
        self.left[entry.key] -= 1
        self.measured += 1
        now = time.monotonic()
        self.seconds[entry.key].append(now - start)
        if now - self.saved > _SAVE_EVERY:
            self.results.save()
            self.saved = now

    def step(self, entry: Entry, name: str, *, reused: bool) -> Step:
        """How far the run is."""
        return Step(entry, name, reused, self.measured, self.total, self._seconds_left())

    def _seconds_left(self) -> float | None:
        """By what each method took on this trial so far, else on trials of its task, else what all took."""
        every = [one for taken in self.seconds.values() for one in taken]
        if not every:
            return None if self.total else 0.0
        by_owner: dict[str, list[float]] = defaultdict(list)
        for key, taken in self.seconds.items():
            by_owner[self.owner[key]] += taken
        total = 0.0
        for key, count in self.left.items():
            if count:
                known = self.seconds.get(key) or by_owner.get(self.owner[key]) or every
                total += count * sum(known) / len(known)
        return total


def _with_distances_of(before: PictureScore | None, now: PictureScore) -> PictureScore:
    """A new score with the learned distances that only an earlier run measured."""
    if before is None:
        return now
    lpips = before.lpips if now.lpips is None else now.lpips
    return replace(now, lpips=lpips, dists=before.dists if now.dists is None else now.dists)


def empty_entry(plan: Plan, trial: Trial, method: Method) -> Entry:
    """What will hold the scores of a method on a trial."""
    benchmark, case = trial.benchmark, trial.case
    protocol = Protocol(
        color=case.color(benchmark),
        dataset_checksum=benchmark.checksum,
        damage=case.damage,
        told=case.told,
        crop_border=case.crop_border,
        seed=plan.seed,
    )
    return Entry(
        method=method.name,
        label=method.label,
        note=method.note,
        parameters=method.parameters,
        weights=method.weights,
        dataset=benchmark.name,
        title=benchmark.title,
        task=case.task,
        case=case.label,
        protocol=protocol,
        threads=plan.setup.threads,
        device=plan.setup.device,
        machine=machine(),
        versions=versions(),
        expected=case.expected(benchmark),
    )
