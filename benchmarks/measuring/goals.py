"""What must be reached, each beside what was measured: met, missed, or not measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.record import Report, System, the_default, the_system
from benchmarks.measuring.rounds import ratio, slope

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE = 1.0
"""Megapixels from which on the start of a process is little beside the work."""
FLAT = 1.5
"""Times the memory for 1 megapixel that any larger picture may take."""
PHOTOGRAPH_SECONDS = {"small": 12.0, "nano": 4.0}


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
    """

    what: str
    value: float | None
    bound: float
    unit: str = ""
    at_least: bool = False
    note: str = ""

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
    small, nano = the_default(report, "small"), the_default(report, "nano")
    dncnn, restormer = the_system(report, "DnCNN"), the_system(report, "Restormer")
    worse = ""
    if small and dncnn and dncnn.db is not None and (small.db is None or small.db < dncnn.db):
        reached = "PSNR not measured" if small.db is None else f"{small.db:.2f} dB"
        worse = f"{reached}, DnCNN {dncnn.db:.2f} dB"
    used = 100 * statistics.median(shares) if small and (shares := share(report, small)) else None
    return [
        Goal("small over DnCNN, at its PSNR or better", _times(small, dncnn), 15, "×", True, worse),
        Goal("small over Restormer", _times(small, restormer), 150, "×", True),
        Goal("nano over DnCNN", _times(nano, dncnn), 60, "×", True),
        Goal("share of the matrix rate, small", used, 40, "%", True),
    ]


def _compression(report: Report, rows: Sequence[dict[str, Any]]) -> list[Goal]:
    quantised, floating = (the_system(report, "small", "ONNX Runtime", each) for each in ("int8", "float32"))
    saved = [100 * (1 - s.bytes / (4 * s.parameters)) for s in report.shipped if s.precision == "int8"]
    lost = [row["float_db"] - row["db"] for row in rows if row["step"] == "int8"]
    both = [row for row in rows if row["step"] == "pruned int8"]
    parameters = {s.name: s.parameters for s in report.shipped}
    left = [100 * (1 - row["bytes"] / (4 * parameters[row["name"]])) for row in both if row["name"] in parameters]
    return [
        Goal("int8 over float32, ONNX Runtime, small", _times(quantised, floating), 2, "×", True),
        Goal("int8 smaller than float32, the least of all files", min(saved, default=None), 70, "%", True),
        Goal("lost by int8, the most of all tasks", max(lost, default=None), 0.10, "dB"),
        Goal("pruned and int8 smaller than float32", min(left, default=None), 85, "%", True),
        Goal("lost by both", max((row["float_db"] - row["db"] for row in both), default=None), 0.20, "dB"),
    ]


def _photographs(report: Report) -> list[Goal]:
    found = []
    for network, seconds in PHOTOGRAPH_SECONDS.items():
        large = (each for each in report.photographs if each.network == network and each.megapixels > 11.5)
        one = next(large, None)  # a trial restores smaller ones
        found.append(Goal(f"12 megapixels, {network}", None if one is None else one.seconds, seconds, "s"))
        found.append(Goal(f"memory for 12 megapixels, {network}", None if one is None else one.peak_mb, 700, "MB"))
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
