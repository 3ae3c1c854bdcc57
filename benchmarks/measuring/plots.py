"""The two pictures of docs/speed.md."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.measuring.page import shown
from pixelmend.figures import COLORS, new_figure, picture_of
from pixelmend.images import save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from benchmarks.measuring.record import Report, Restored, System

_ENGINES = {"ONNX Runtime": COLORS[0], "OpenVINO": COLORS[1], "PyTorch": COLORS[2]}
"""Colours of ours."""
_PEER = "#555555"
_MARKS = {"int8": "*", "float32": "o", "bfloat16": "D", "": "s"}
_APART = 0.055
"""Powers of ten of speed between names that stand upright side by side."""
_SIZES = {"*": 15, "o": 9, "D": 8, "s": 9}


def draw_speed(report: Report, path: Path) -> None:
    """PSNR against megapixels a second, ours in colour; what has no PSNR is a tick at the lower edge.

    Raises:
        UnwritableError: It cannot be written.
    """
    figure = new_figure(6.4)
    axes = figure.add_subplot()
    _plain(axes, "megapixels a second (more is better)", "PSNR on CBSD68 at σ 25, dB")
    systems = shown(report)
    for system in (s for s in systems if s.db is not None):
        _point(axes, system)
    for network in dict.fromkeys(s.network for s in systems if s.db is not None):
        _name(axes, [s for s in systems if s.network == network and s.db is not None])
    axes.margins(0.14, 0.14)
    axes.autoscale_view()
    low = axes.get_ylim()[0]
    free = -math.inf
    for system in sorted((s for s in systems if s.db is None), key=lambda each: each.speed):
        free = max(math.log10(system.speed), free + _APART)
        _tick(axes, system, low, 10**free)
    axes.set_ylim(bottom=low)
    _legend(axes, systems)
    save(picture_of(figure), path)


def draw_growth(report: Report, path: Path) -> None:
    """Seconds a megapixel, and memory, against size; of at least one photograph.

    Raises:
        UnwritableError: It cannot be written.
    """
    figure = new_figure(4.6)
    for number, title in enumerate(("seconds a megapixel", "memory of the process at its peak, MB")):
        axes = figure.add_subplot(1, 2, number + 1)
        _plain(axes, "megapixels of the photograph", title)
        for color, network in zip(COLORS, dict.fromkeys(each.network for each in report.growth), strict=False):
            steps = [each for each in report.growth if each.network == network]
            costs = _memory(steps) if number else _time(steps)
            axes.plot([each.megapixels for each in steps], costs, "o-", color=color, label=network)
        if number:
            axes.set_ylim(bottom=0)
        else:
            axes.set_yscale("log")
            _plain_numbers(axes.yaxis)
        axes.legend(frameon=False)
    save(picture_of(figure), path)


def _time(steps: Sequence[Restored]) -> list[float]:
    return [each.seconds / each.megapixels for each in steps]


def _memory(steps: Sequence[Restored]) -> list[float]:
    return [each.peak_mb for each in steps]


def _plain(axes: Axes, across: str, up: str) -> None:
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)


def _plain_numbers(axis: Axis) -> None:
    """Numbers in place of powers of ten along a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _color(system: System) -> str:
    return _ENGINES[system.engine] if system.kind == "ours" else _PEER


def _point(axes: Axes, system: System) -> None:
    mark = _MARKS[system.precision]
    ring = {"markeredgecolor": "black", "markeredgewidth": 1.6} if system.default else {}
    axes.plot([system.speed], [system.db or 0], mark, color=_color(system), markersize=_SIZES[mark], zorder=3, **ring)  # type: ignore[arg-type]


def _name(axes: Axes, forms: Sequence[System]) -> None:
    """The name of a network: of ours beside the fastest of its forms, where there is room; of others above."""
    ours = forms[0].kind == "ours"
    fastest = max(forms, key=lambda s: s.speed)
    axes.annotate(
        f"Pixelmend {fastest.network}" if ours else fastest.network,
        (fastest.speed, fastest.db or 0),
        (12, 0) if ours else (0, 11),
        textcoords="offset points",
        fontsize=10 if ours else 9,
        color="black" if ours else _PEER,
        ha="left" if ours else "center",
        va="center",
        fontweight="bold" if ours else "normal",
    )


def _tick(axes: Axes, system: System, low: float, place: float) -> None:
    """A tick at a system's speed, and its name at a speed nearby that no other name stands at."""
    color = _color(system)
    axes.plot([system.speed], [low], "|", color=color, markersize=16, clip_on=False)
    axes.annotate(
        f"{system.network} (no PSNR)",
        (place, low),
        (0, 12),
        textcoords="offset points",
        fontsize=8,
        rotation=90,
        va="bottom",
        ha="center",
        color=color,
    )


def _legend(axes: Axes, systems: Sequence[System]) -> None:
    """Colours are engines, marks are precisions, of those that there are."""
    for engine, color in _ENGINES.items():
        if any(s.kind == "ours" and s.engine == engine for s in systems):
            axes.plot([], [], "o", color=color, label=f"Pixelmend, {engine}")
    axes.plot([], [], "o", color=_PEER, label="others")
    for precision, mark in _MARKS.items():
        if any(s.precision == precision for s in systems):
            axes.plot([], [], mark, color="white", markeredgecolor=_PEER, label=precision or "no network")
    axes.plot([], [], "o", color="white", markeredgecolor="black", markeredgewidth=1.6, label="as installed")
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
