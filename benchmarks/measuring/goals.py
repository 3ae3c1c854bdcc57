"""What must be reached, each beside what was measured: met, missed, or not measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.ours import AS_INSTALLED
from benchmarks.measuring.record import Report, System, the_chosen, the_default, the_system
from benchmarks.measuring.rounds import ratio, slope

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE = 1.0
"""Megapixels from which on the start of a process is little beside the work."""
FLAT = 1.5
"""Times the memory for 1 megapixel that any larger picture may take."""
PHOTOGRAPH_SECONDS = {"small": 12.0, "nano": 4.0}
AS_IT_IS, EVERY = "as installed", "with every engine"
WAYS = {AS_IT_IS: the_default, EVERY: the_chosen}
"""Which form of a network of ours is judged."""


@dataclass(frozen=True)
class Goal:
    """One bound and what was measured; ``bound`` is a ceiling, or a floor where ``at_least``.

    Attributes:
        what: In words.
        value: Measured; None where it was not.
        bound: In ``unit``.
        unit: "" for a bare number.
        at_least: Whether more is better.
        note: What more must hold, and does not.
        beside: What else belongs to the value, in words.
    """

    what: str
    value: float | None
    bound: float
    unit: str = ""
    at_least: bool = False
    note: str = ""
    beside: str = ""

    @property
    def state(self) -> str:
        """Met, missed, or not measured."""
        if self.value is None:
            return "not measured"
        good = self.value >= self.bound if self.at_least else self.value <= self.bound
        return "met" if good and not self.note else "missed"

    def __str__(self) -> str:
        """A row of a Markdown table."""
        unit = "" if not self.unit else f" {self.unit}"
        measured = "–" if self.value is None else f"{self.value:.3g}{unit}"
        measured += f" ({self.beside})" if self.beside else ""
        state = self.state if self.state != "missed" else "**missed**"
        note = f" ({self.note})" if self.note else ""
        return f"| {self.what} | {measured} | {'≥' if self.at_least else '≤'} {self.bound:g}{unit} | {state}{note} |"


HEAD = "| must be reached | measured | bound | |\n| --- | ---: | ---: | --- |"


def goals(report: Report, compression: Sequence[dict[str, Any]]) -> tuple[Goal, ...]:
    """Every bound.

    Args:
        report: What was measured.
        compression: Rows of docs/results/compression.json.
    """
    return (*_speed(report), *_compression(report, compression), *_photographs(report), *_growth(report))


def share(report: Report, system: System) -> list[float] | None:
    """Share of the matrix rate at its precision that a system reaches, round by round; None where not known."""
    limits = report.rates.get(system.precision)
    if limits is None or system.macs_per_pixel is None:
        return None
    work = 2e6 * system.macs_per_pixel
    return [work * speed / limit for speed, limit in zip(system.speeds, limits, strict=True)]


def _speed(report: Report) -> list[Goal]:
    found = []
    for where, form in WAYS.items():
        small, nano = form(report, "small"), form(report, "nano")
        worse = _worse(small, the_system(report, "DnCNN"))
        found += [
            _over(report, f"small over DnCNN, at its PSNR or better, {where}", small, "DnCNN", 15, worse),
            _over(report, f"small over Restormer, {where}", small, "Restormer", 150),
            _over(report, f"nano over DnCNN, {where}", nano, "DnCNN", 60),
        ]
    default = the_default(report, "small")
    used = 100 * statistics.median(shares) if default and (shares := share(report, default)) else None
    return [*found, Goal("share of the matrix rate, small", used, 40, "%", True)]


def _over(report: Report, what: str, ours: System | None, network: str, bound: float, note: str = "") -> Goal:
    """Speed over that of a network as PyTorch usually lays it out, which is judged; and over its faster layout."""
    usual, faster = the_system(report, network, layout="contiguous"), the_system(report, network)
    other = _times(ours, faster)
    beside = "" if other is None else f"{other:.3g} × over its faster layout"
    return Goal(what, _times(ours, usual), bound, "×", True, note, beside)


def _worse(ours: System | None, theirs: System | None) -> str:
    """In words, if a network of ours reaches less PSNR than another; "" if not, or where that is not known of it."""
    if ours is None or theirs is None or theirs.db is None or (ours.db is not None and ours.db >= theirs.db):
        return ""
    reached = "PSNR not measured" if ours.db is None else f"{ours.db:.2f} dB"
    return f"{reached}, {theirs.network} {theirs.db:.2f} dB"


def _compression(report: Report, rows: Sequence[dict[str, Any]]) -> list[Goal]:
    quantised, floating = (the_system(report, "small", "ONNX Runtime", each) for each in ("int8", "float32"))
    saved = [100 * (1 - s.bytes / (4 * s.parameters)) for s in report.shipped if s.precision == "int8"]
    whole = [row for row in rows if row["step"] == "int8"]
    both = [row for row in rows if row["step"] == "pruned int8"]
    parameters = {s.name: s.parameters for s in report.shipped}
    left = [100 * (1 - row["bytes"] / (4 * parameters[row["name"]])) for row in both if row["name"] in parameters]
    lacking = missing_tasks(report, rows) if whole else ()
    without = f"no int8 for {', '.join(lacking)}" if lacking else ""
    return [
        Goal("int8 over float32, ONNX Runtime, small", _times(quantised, floating), 2, "×", True),
        Goal("int8 smaller than float32, the least of all files", min(saved, default=None), 70, "%", True),
        Goal("lost by int8, the most of all tasks", _lost(whole), 0.10, "dB", note=without, beside=_refused(whole)),
        Goal("pruned and int8 smaller than float32", min(left, default=None), 85, "%", True),
        Goal("lost by both", _lost(both), 0.20, "dB", beside=_refused(both)),
    ]


def missing_tasks(report: Report, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Tasks of which no weights were measured that ship in int8, sorted."""
    measured = {row["name"] for row in rows if row["step"] == "int8" and row.get("shipped", True)}
    done = {each.task for each in report.shipped if each.name in measured}
    return tuple(sorted({each.task for each in report.shipped} - done))


def _lost(rows: Sequence[dict[str, Any]]) -> float | None:
    """The most that weights which ship lost, dB."""
    return max((row["float_db"] - row["db"] for row in rows if row.get("shipped", True)), default=None)


def _refused(rows: Sequence[dict[str, Any]]) -> str:
    """Which weights lose too much to ship so, and how much; "" where there are none."""
    lost = [f"{row['name']} {row['float_db'] - row['db']:.3f}" for row in rows if not row.get("shipped", True)]
    return f"refused, not counted: {', '.join(lost)} dB" if lost else ""


def _photographs(report: Report) -> list[Goal]:
    found = []
    for wish, where in ((AS_INSTALLED, AS_IT_IS), ("auto", EVERY)):
        for network, seconds in PHOTOGRAPH_SECONDS.items():
            same = [p for p in report.photographs if (p.network, p.wish) == (network, wish)]
            one = next((p for p in same if p.megapixels > 11.5), None)  # a trial restores smaller ones
            ran = "" if one is None else f"{one.engine} {one.precision}"
            time, memory = (None, None) if one is None else (one.seconds, one.peak_mb)
            found.append(Goal(f"12 megapixels, {network}, {where}", time, seconds, "s", beside=ran))
            found.append(Goal(f"memory for 12 megapixels, {network}, {where}", memory, 700, "MB"))
    return found


def _growth(report: Report) -> list[Goal]:
    found = []
    for network in PHOTOGRAPH_SECONDS:
        large = [each for each in report.growth if each.network == network and each.megapixels > 0.95 * LARGE]
        power = memory = None
        if len(large) > 1:
            power = slope([each.megapixels for each in large], [each.seconds for each in large])
            memory = max(each.peak_mb for each in large) / large[0].peak_mb
        reached = f"to {large[-1].megapixels:.0f} megapixels, {network}" if large else network
        found.append(Goal(f"power by which time grows, {reached}", power, 1.05))
        found.append(Goal(f"memory over that for 1 megapixel, {reached}", memory, FLAT, "×"))
    return found


def _times(over: System | None, under: System | None) -> float | None:
    """How many times the one's speed is the other's."""
    return None if over is None or under is None else ratio(over.speeds, under.speeds).median
