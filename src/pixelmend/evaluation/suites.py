"""What a task is measured on: the published sets and damage of each, and the same for anyone's own pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelmend.data.benchmarks import Benchmark, find_benchmark
from pixelmend.errors import DataError, UnknownNameError, UsageError
from pixelmend.evaluation.cases import AsGiven, Case, Chain, JpegQuality, MaskFile, Noise, Smaller, scale_of
from pixelmend.evaluation.own_pictures import find_own
from pixelmend.evaluation.problem import to_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pixelmend.evaluation.problem import Task

LEVELS: dict[Task, tuple[float, ...]] = {
    "denoise": (15, 25, 50),
    "super-resolve": (2, 3, 4),
    "dejpeg": (10, 20, 30, 40),
    "inpaint": (0.5, 0.8),
}
"""Strengths that tables have, by task: sigma (0–255), scale, quality, share of pixels that are missing."""

_NOISE = tuple(Noise(sigma, blind) for blind in (False, True) for sigma in LEVELS["denoise"])


def _missing(share: float) -> Chain:
    if not 0 < share < 1:
        raise UsageError(f"the share is {share:g}: give shares of missing pixels above 0 and below 1")
    return Chain("inpaint", f"{share * 100:g}% of the pixels missing", f"missing_pixels(share={share:g})")


_MISSING = tuple(_missing(share) for share in LEVELS["inpaint"])
_STROKES = (Chain("inpaint", "thin strokes", "mask-thin"), Chain("inpaint", "thick strokes", "mask-thick"))
_SMALLER = tuple(Smaller(scale) for scale in (2, 3, 4))
_JPEG_GRAY = tuple(JpegQuality(quality, gray=True) for quality in (10, 20, 30, 40))
_JPEG = tuple(JpegQuality(quality) for quality in (10, 20, 30, 40))


@dataclass(frozen=True)
class Trial:
    """One set under one case.

    Attributes:
        benchmark: The set.
        case: The damage.
        faults: Pictures of the set that cannot be measured, and why, by name.
    """

    benchmark: Benchmark
    case: Case
    faults: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Suite:
    """Published sets with the cases that they are measured under, and the methods that are measured unless told.

    Attributes:
        parts: Names of sets, each with its cases; a set that is not there is left out, and told.
        methods: Keys of ``METHODS``.
    """

    parts: tuple[tuple[str, tuple[Case, ...]], ...]
    methods: tuple[str, ...] = ("pixelmend", "degraded")


SUITES: dict[str, Suite] = {
    "denoise": Suite(tuple((name, _NOISE) for name in ("cbsd68", "kodak24", "mcmaster", "bsd68", "set12"))),
    "super-resolve": Suite(tuple((name, _SMALLER) for name in ("set5", "set14", "div2k")), ("pixelmend", "bicubic")),
    "deblur": Suite((("gopro", (AsGiven("deblur"),)), ("reds", (AsGiven("deblur"),)))),
    "dejpeg": Suite((("classic5", _JPEG_GRAY), ("live1", (*_JPEG_GRAY, *_JPEG)))),
    "inpaint": Suite((("kodak24", (*_MISSING, *_STROKES)), ("cbsd68", (*_MISSING, *_STROKES)))),
    "real-noise": Suite((("polyu", (AsGiven("photo", "real noise"),)), ("sidd", (AsGiven("photo", "real noise"),)))),
    "deconvolve": Suite((("levin09", (AsGiven("deconvolve", "camera shake, kernel known"),)),)),
    "microscopy": Suite((("fmdd", (AsGiven("photo", "one raw shot"),)),)),
}
"""By name. Masks of RePaint are added to inpainting where they are there."""
STANDARD = "standard"
"""The name of all suites together."""
_MASKS = ("thin", "thick")


@dataclass(frozen=True)
class Found:
    """What of a suite can be measured.

    Attributes:
        trials: Sets under cases.
        failed: Sets that are there and cannot be used, and why.
    """

    trials: tuple[Trial, ...]
    failed: dict[str, str]


def published_trials(
    name: str, root: Path, datasets: Sequence[str], levels: Sequence[float], tell: Callable[[str], None]
) -> Found:
    """The sets of a suite that lie in a folder, each with its cases.

    Args:
        name: A key of ``SUITES``, or ``STANDARD``.
        root: The folder that holds one folder for each set.
        datasets: The only sets that are wanted, all if empty; one that is named and not there is an error.
        levels: Strengths in place of the suite's, as in ``LEVELS``; the suite's if empty.
        tell: Told of sets that are not there.

    Raises:
        UnknownNameError: No such suite, or no such set in it.
        UsageError: Levels for a suite that has none.
        DataError: A named set is missing, or none is there.
    """
    if name != STANDARD and name not in SUITES:
        raise UnknownNameError("suite", name, (*SUITES, STANDARD))
    parts = [part for key, suite in SUITES.items() if name in (key, STANDARD) for part in suite.parts]
    known = {dataset for dataset, _ in parts}
    if unknown := [each for each in datasets if each not in known]:
        raise UnknownNameError(f"set of the suite {name}", unknown[0], known)
    there: list[Trial] = []
    absent = []
    failed: dict[str, str] = {}
    for dataset, cases in (part for part in parts if not datasets or part[0] in datasets):
        try:
            benchmark = find_benchmark(root, dataset)
        except DataError as error:
            if datasets:
                raise
            if "holds no folder" in str(error):
                absent.append(dataset)
            else:
                failed[dataset] = str(error)
        else:
            chosen = _at_levels(cases, levels, name) if levels else cases
            there += [Trial(benchmark, case) for case in (*chosen, *_published_masks(root, cases, levels))]
    if absent:
        tell(f"not in {root}, so left out: {', '.join(dict.fromkeys(absent))}")
    if not there:
        nothing = f"{root} holds no set of {name}: wanted folders such as {', '.join(sorted(known))}"
        raise DataError(next(iter(failed.values()), nothing))
    return Found(tuple(there), failed)


def own_trials(folder: Path, task: str, levels: Sequence[float], chain: str, tell: Callable[[str], None]) -> Found:
    """Anyone's own pictures: pairs as they are, or clean ones that are damaged as the task has it.

    Args:
        folder: Pictures, or pairs in folders beside each other such as ``clean`` and ``noisy``.
        task: A name of ``TASKS``.
        levels: Strengths, as in ``LEVELS``; those if empty.
        chain: Damage in words, in place of the task's own; "" for that.
        tell: Told what was found.

    Raises:
        UnknownNameError: No such task.
        DataError: The folder is missing or holds nothing that can be measured.
        UsageError: The task needs pairs or damage in words, or has no levels.
    """
    wanted = to_task(task)
    if wanted == "deconvolve":
        raise UsageError("deconvolve needs pictures with their kernels: measure it with --suite deconvolve")
    if wanted == "super-resolve" and chain:
        raise UsageError(
            "super-resolve has pictures made smaller by MATLAB's bicubic: leave --damage out, see --levels"
        )
    own = find_own(folder, pairs=not chain and not levels)
    count = len(own.benchmark.items)
    tell(f"{folder}: {count} {'pairs, measured as they are' if own.paired else 'pictures, damaged here'}")
    cases: tuple[Case, ...]
    if own.paired:
        scale = scale_of(own.benchmark) if wanted == "super-resolve" else 1
        cases = (AsGiven(wanted, "as given", scale),)
    else:
        cases = (Chain(wanted, chain, chain),) if chain else _usual_cases(wanted, levels)
    return Found(tuple(Trial(own.benchmark, case, own.faults) for case in cases), {})


def _usual_cases(task: Task, levels: Sequence[float]) -> tuple[Case, ...]:
    """What clean pictures are damaged by where only the task is named."""
    if task in LEVELS:
        usual: dict[Task, Callable[[float], Case]] = {
            "denoise": Noise,
            "super-resolve": lambda level: Smaller(_whole(level, "scale")),
            "dejpeg": lambda level: JpegQuality(_whole(level, "quality")),
            "inpaint": _missing,
        }
        return tuple(usual[task](level) for level in levels or LEVELS[task])
    if levels:
        raise UsageError(f"{task} has no levels: name the damage with --damage instead")
    presets: dict[Task, str] = {"deblur": "hand-shake", "photo": "phone-night"}
    if task in presets:
        return (Chain(task, presets[task], presets[task]),)
    raise UsageError(f"{task} has no damage of its own: name it with --damage")


def _whole(level: float, name: str) -> int:
    if level != round(level):
        raise UsageError(f"the {name} is {level:g}: give a whole number")
    return round(level)


def _at_levels(cases: Sequence[Case], levels: Sequence[float], suite: str) -> tuple[Case, ...]:
    tasks = {case.task for case in cases}
    if not tasks <= LEVELS.keys():
        raise UsageError(f"the suite {suite} has no levels: leave --levels out")
    gray = any(isinstance(case, JpegQuality) and case.gray for case in cases)
    made = [case for task in tasks for case in _usual_cases(task, levels)]
    blind = [Noise(case.sigma, blind=True) for case in made if isinstance(case, Noise)]
    grays = [JpegQuality(case.quality, gray=True) for case in made if isinstance(case, JpegQuality)]
    only_gray = gray and not any(isinstance(case, JpegQuality) and not case.gray for case in cases)
    return (*(grays if gray else ()), *(() if only_gray else made), *blind)


def _published_masks(root: Path, cases: Sequence[Case], levels: Sequence[float]) -> tuple[Case, ...]:
    """Inpainting is also measured under published masks, where they are there."""
    if levels or not any(case.task == "inpaint" for case in cases):
        return ()
    try:
        masks = find_benchmark(root, "masks")
    except DataError:
        return ()
    return tuple(MaskFile(kind, masks) for kind in _MASKS)
