"""``pixelmend doctor``: what this machine has to restore pictures with, what is chosen, and what would be faster."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pixelmend.catalog import Card
    from pixelmend.inference.engines.table import Kind
    from pixelmend.inference.engines.timings import Timing
    from pixelmend.inference.hardware import Machine, Places

SIZES = (0.25, 1.0, 4.0, 12.0, 24.0, 100.0)
"""Sizes of pictures that the choice is told for, megapixels."""


@dataclass(frozen=True)
class Found:
    """One engine, as it is found.

    Attributes:
        name: What a user calls it.
        title: What people call it.
        version: "" where it is not installed.
        devices: That it can use, the preferred first.
        fault: Why it cannot be used; "" where it can.
        install: The command that brings it; "" where it is there.
    """

    name: str
    title: str
    version: str = ""
    devices: tuple[str, ...] = ()
    fault: str = ""
    install: str = ""


@dataclass(frozen=True)
class Findings:
    """All that is told.

    Attributes:
        python: Its version.
        pixelmend: Its version.
        machine: Processor, memory, GPU.
        engines: Every engine that there is, also those not installed.
        model: The weights that engines were measured with.
        timings: Of the engines that are installed.
        chosen: In words.
        advice: What would be better, one sentence each.
    """

    python: str
    pixelmend: str
    machine: Machine
    engines: tuple[Found, ...]
    model: str
    timings: tuple[Timing, ...]
    chosen: str
    advice: tuple[str, ...]


def doctor(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again, whatever is known.")] = False,
    report: Annotated[
        Path | None, typer.Option("--json", help="Also write a report here; - prints it.", show_default=False)
    ] = None,
) -> None:
    """Say what is there to restore pictures with, what is chosen, and what would be faster."""
    from pixelmend import catalog
    from pixelmend.cli.reports import STANDARD, check_report, write_report

    if report is not None:
        check_report(report)
    found = examine(catalog.find("denoise"), fresh=fresh)
    if report != STANDARD:
        typer.echo("\n".join(told(found)))
    if report is not None:
        write_report(report, asdict(found))


def examine(
    card: Card, *, kinds: Sequence[Kind] | None = None, places: Places | None = None, fresh: bool = False
) -> Findings:
    """Look at the machine and at every engine, and measure those that are installed.

    Args:
        card: The model to measure with.
        kinds: Engines to look for; None takes all that there are.
        places: Where to look for hardware; None looks at this machine.
        fresh: Measure again, whatever is known.
    """
    from pixelmend import __version__
    from pixelmend.inference.engines import USUAL
    from pixelmend.inference.engines.table import KINDS
    from pixelmend.inference.engines.timings import measure, timings
    from pixelmend.inference.hardware import look

    kinds = tuple(KINDS.values()) if kinds is None else tuple(kinds)
    there = [kind for kind in kinds if kind.is_installed()]
    # before anything else loads an engine, since starting it is measured too
    speeds = timings(card, there, USUAL, fresh=fresh) if len(there) > 1 else (measure(card, there[0], USUAL),)
    machine = look(places)
    engines = tuple(_engine(kind) for kind in kinds)
    return Findings(
        platform.python_version(), __version__, machine, engines, card.name, speeds, _chosen(card, kinds, speeds),
        tuple(_advice(machine, engines, speeds)),
    )  # fmt: skip


def _engine(kind: Kind) -> Found:
    from pixelmend.errors import UsageError

    if not kind.is_installed():
        return Found(kind.name, kind.title, install=f"pip install 'pixelmend[{kind.extra}]'")
    try:
        devices = kind.load().devices()
    except UsageError as error:
        return Found(kind.name, kind.title, kind.version(), fault=str(error))
    return Found(kind.name, kind.title, kind.version(), devices)


def _chosen(card: Card, kinds: Sequence[Kind], speeds: Sequence[Timing]) -> str:
    """Which engine runs the model, by the size of the picture where that matters."""
    from pixelmend.inference.engines.base import USUAL, VARIABLE
    from pixelmend.inference.engines.choice import clips, fastest
    from pixelmend.inference.engines.table import find_kind

    clipping = {kind.name for kind in kinds if kind.is_installed() and clips(kind, card)}
    speeds = [each for each in speeds if each.engine not in clipping]
    titles = {kind.name: kind.title for kind in kinds}
    if (named := USUAL.named_engine) != "auto":
        return f"{find_kind(named).title}, because {VARIABLE} names it"
    best = [fastest(tuple(speeds), size) for size in SIZES]
    names = [titles[each.engine] for each in best if each is not None]
    if not names:
        return f"none: no engine can run {card.name}"
    if len(speeds) == 1:
        why = "others would clip sums of 8-bit numbers on this processor" if clipping else ""
        return f"{names[0]}: {why or 'it is the only one that is installed'}"
    if len(set(names)) == 1:
        return f"{names[0]}: it is done first with pictures of any size"
    first = names.index(names[-1])
    small = ", then ".join(dict.fromkeys(names[:first]))
    return (
        f"{names[-1]} for pictures of {SIZES[first]:g} megapixel{'s' if SIZES[first] > 1 else ''} or more, "
        f"{small} for smaller ones: "
        "each is done first, the time to start it included"
    )


def _advice(machine: Machine, engines: Sequence[Found], speeds: Sequence[Timing]) -> Iterator[str]:
    """What would be better, where that is known."""
    from pixelmend.inference.engines.choice import GPU_ADVICE

    if machine.gpu and not _on_gpu(engines, speeds):
        yield GPU_ADVICE[machine.gpu]
    missing = {each.name: each.install for each in engines if each.install}
    if "openvino" in missing and "bf16" in (machine.features or ()):
        yield (
            "this processor computes in bf16, which OpenVINO uses and ONNX Runtime does not: "
            f"{missing['openvino']}, and pixelmend doctor measures what that is worth here"
        )


def _on_gpu(engines: Sequence[Found], speeds: Sequence[Timing]) -> list[str]:
    """The engines that ran on more than the processor; to offer a chip is not yet to start on it."""
    able = {each.engine for each in speeds if each.device not in {"", "cpu"}}
    return [each.title for each in engines if each.name in able]


def told(found: Findings) -> list[str]:
    """The findings as lines, each with a word in front that says what it is about."""
    machine = found.machine
    lines = [
        ("Python", f"{found.python}, pixelmend {found.pixelmend}, on {machine.system}"),
        ("processor", f"{machine.cpu}, {machine.cores} core{'s' if machine.cores > 1 else ''}{_features(machine)}"),
        ("memory", "unknown" if machine.memory_bytes is None else f"{machine.memory_bytes / 1e9:.1f} GB"),
        ("GPU", _gpu(found)),
        *(("engine", _engine_line(each)) for each in found.engines),
        *(("speed", _speed(found, each)) for each in found.timings),
        ("chosen", found.chosen),
        *(("advice", each) for each in found.advice),
    ]
    return [f"{word:<10}{text}" for word, text in lines]


def _features(machine: Machine) -> str:
    from pixelmend.inference.hardware import FEATURES

    if machine.features is None:
        return " (what it computes fast is not known on this system)"
    without = [name for name in FEATURES if name not in machine.features]
    words = [f"with {', '.join(machine.features)}"] * bool(machine.features)
    words += [f"without {', '.join(without)}"] * bool(without)
    return "; " + "; ".join(words)


def _gpu(found: Findings) -> str:
    if not found.machine.gpu:
        return "none seen"
    able = _on_gpu(found.engines, found.timings)
    return f"{found.machine.gpu}, {'which ' + ' and '.join(able) + ' can use' if able else 'NOT USED'}"


def _engine_line(engine: Found) -> str:
    if engine.install:
        return f"{engine.title} is not installed: {engine.install}"
    return f"{engine.title} {engine.version}: {engine.fault or ', '.join(engine.devices)}"


def _speed(found: Findings, timing: Timing) -> str:
    title = next(each.title for each in found.engines if each.name == timing.engine)
    if timing.fault:
        return f"{title} cannot run {found.model}: {timing.fault}"
    return (
        f"{title} runs {found.model} at {timing.megapixels_per_second:.2f} megapixels a second "
        f"({timing.device}, {timing.precision}), and starts in {timing.start_seconds:.1f} s"
    )
