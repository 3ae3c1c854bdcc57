"""The run itself: every method on every set at every noise level, one picture at a time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError, ModelError, PictureError, UsageError
from pixelmend.evaluation.results import Entry, PictureScore
from pixelmend.metrics import Protocol, psnr, ssim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixelmend.data.benchmarks import Benchmark
    from pixelmend.evaluation.methods import Method, Setup
    from pixelmend.evaluation.results import Results


@dataclass(frozen=True)
class Suite:
    """What a task is measured on unless told otherwise: sets, noise levels (0–255 scale), methods."""

    datasets: tuple[str, ...]
    sigmas: tuple[float, ...]
    methods: tuple[str, ...]


SUITES = {"denoise": Suite(("cbsd68", "kodak24", "bsd68"), (15.0, 25.0, 50.0), ("pixelmend", "noisy"))}

_SAVE_EVERY = 5.0  # seconds; what a killed run loses at most


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        benchmarks: The sets.
        methods: The methods; a set that a method cannot take is left out for it.
        sigmas: Noise levels on the 0–255 scale, above 0.
        seed: Seed of the noise.
        setup: What the methods were told to run on; recorded beside the seconds.
        limit: Only the first so many pictures of each set; None for all.
    """

    benchmarks: tuple[Benchmark, ...]
    methods: tuple[Method, ...]
    sigmas: tuple[float, ...]
    seed: int
    setup: Setup
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        for sigma in self.sigmas:
            if not 0 < sigma <= 255:
                raise UsageError(f"sigma is {sigma:g}: give noise levels above 0 and up to 255")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"the limit is {self.limit}: give a number of pictures, 1 or more")
        if not any(self.pairs()):
            raise UsageError(
                "no method takes any of the data sets: gray weights take gray sets, RGB weights colour sets"
            )

    def pairs(self) -> Iterator[tuple[Benchmark, Method]]:
        """Each set with each method that can take it."""
        for benchmark in self.benchmarks:
            for method in self.methods:
                if benchmark.color in method.colors:
                    yield benchmark, method

    def pictures(self, benchmark: Benchmark) -> tuple[Path, ...]:
        """The pictures of a set that are measured."""
        return benchmark.paths[: self.limit]


@dataclass(frozen=True)
class Step:
    """One picture that is done, for whoever shows progress.

    Attributes:
        entry: What it belongs to.
        name: The picture's name.
        reused: Whether its scores come from an earlier run.
    """

    entry: Entry
    name: str
    reused: bool


def count_missing(plan: Plan, results: Results) -> int:
    """How many pictures have yet to be measured, counting each method and noise level."""
    missing = 0
    for benchmark, method in plan.pairs():
        names = {path.stem for path in plan.pictures(benchmark)}
        for sigma in plan.sigmas:
            stored = results.entries.get(_empty_entry(plan, benchmark, method, sigma).key)
            missing += len(names - stored.pictures.keys()) if stored else len(names)
    return missing


def evaluate(plan: Plan, results: Results, on_step: Callable[[Step], None]) -> list[Entry]:
    """Measure what the plan asks for, taking over every score that ``results`` holds already.

    The results are saved every few seconds and at the end, whatever ends the run. A picture that failed in an
    earlier run is tried again.

    Args:
        plan: What is to be measured.
        results: Where scores are kept.
        on_step: Called after each picture.

    Returns:
        The plan's entries, holding the plan's pictures only, in the plan's order.

    Raises:
        UnwritableError: The results cannot be saved.
        MissingExtraError: A part of the learn half is not installed.
    """
    done = []
    saver = _Saver(results)
    results.save()  # an unwritable folder is told now, not after an hour
    try:
        for benchmark, method in plan.pairs():
            for sigma in plan.sigmas:
                entry = results.entry(_empty_entry(plan, benchmark, method, sigma))
                for path in plan.pictures(benchmark):
                    reused = path.stem in entry.pictures
                    if not reused:
                        _measure(entry, benchmark, method, path)
                        saver.maybe()
                    on_step(Step(entry, path.stem, reused))
                done.append(_narrowed(entry, {path.stem for path in plan.pictures(benchmark)}))
    finally:
        results.save()
    return done


class _Saver:
    """Saves now and then: a file for each picture would cost more than small pictures do."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._last = time.monotonic()

    def maybe(self) -> None:
        if time.monotonic() - self._last > _SAVE_EVERY:
            self._results.save()
            self._last = time.monotonic()


def _empty_entry(plan: Plan, benchmark: Benchmark, method: Method, sigma: float) -> Entry:
    return Entry(
        method=method.name,
        label=method.label,
        parameters=method.parameters,
        weights=method.weights,
        dataset=benchmark.name,
        title=benchmark.title,
        sigma=float(sigma),
        protocol=Protocol(color=benchmark.color, dataset_checksum=benchmark.checksum, seed=plan.seed),
        threads=plan.setup.threads,
        device=plan.setup.device,
        expected=benchmark.expected,
    )


def _measure(entry: Entry, benchmark: Benchmark, method: Method, path: Path) -> None:
    """Score one picture, or note why it has no score."""
    entry.failed.pop(path.stem, None)
    try:
        entry.pictures[path.stem] = _score(entry, benchmark, method, path)
    except (PictureError, ModelError, DataError) as error:
        entry.failed[path.stem] = str(error)


def _score(entry: Entry, benchmark: Benchmark, method: Method, path: Path) -> PictureScore:
    protocol = entry.protocol
    clean = benchmark.load(path)
    degraded = clean + gaussian_noise_for(path.name, clean.shape, entry.sigma, protocol.seed)
    start = time.perf_counter()
    restored = method.restore(degraded, entry.sigma)
    seconds = time.perf_counter() - start
    scored = protocol.as_scored(restored)
    decibels = psnr(
        scored,
        clean,
        data_range=protocol.data_range,
        crop_border=protocol.crop_border,
        color=protocol.color,
    )
    if math.isinf(decibels):
        raise DataError(f"{path.name} was restored to the very pixels of the clean picture: its PSNR is infinite")
    similarity = ssim(
        scored,
        clean,
        data_range=protocol.data_range,
        crop_border=protocol.crop_border,
        color=protocol.color,
    )
    return PictureScore(decibels, similarity, seconds)


def _narrowed(entry: Entry, names: set[str]) -> Entry:
    """The same entry with the named pictures only: an earlier run may have measured more."""
    fields = {**vars(entry)}
    fields["pictures"] = {n: score for n, score in sorted(entry.pictures.items()) if n in names}
    fields["failed"] = {n: error for n, error in sorted(entry.failed.items()) if n in names}
    return Entry(**fields)
