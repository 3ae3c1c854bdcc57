"""The two pictures of docs/speed.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring.page import shown
from pixelmend.figures import COLORS, new_figure, picture_of
from pixelmend.images import save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.measuring.record import Report, Restored, System

_OURS, _PEER = COLORS[0], "#555555"
_MARKS = {"int8": "*", "float32": "o", "bf16": "D", "": "s"}


def draw_speed(report: Report, path: Path) -> None:
    """PSNR against megapixels a second, ours marked; what has no PSNR is a tick at the lower edge.

    Raises:
        UnwritableError: It cannot be written.
    """
    figure = new_figure(6.4)
    axes = figure.add_subplot()
    _plain(axes, "megapixels a second (more is better)", "PSNR on CBSD68 at σ 25, dB")
    placed = [s for s in shown(report) if s.db is not None]
    for system in placed:
        _point(axes, system)
    axes.margins(0.14, 0.12)
    axes.autoscale_view()
    low = axes.get_ylim()[0]
    for system in (s for s in shown(report) if s.db is None):
        color = _OURS if system.kind == "ours" else _PEER
        axes.plot([system.speed], [low], "|", color=color, markersize=16, clip_on=False)
        axes.annotate(
            f"{system.name}: no PSNR",
            (system.speed, low),
            (3, 10),
            textcoords="offset points",
            fontsize=8,
            rotation=90,
            va="bottom",
            color=color,
        )
    axes.set_ylim(bottom=low)
    for precision, mark in _MARKS.items():
        label = precision or "no network"
        axes.plot([], [], mark, color=_PEER, label=label)
    axes.plot([], [], "o", color=_OURS, label="Pixelmend")
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    save(picture_of(figure), path)


def draw_growth(report: Report, path: Path) -> None:
    """Seconds a megapixel, and memory, against size.

    Raises:
        UnwritableError: It cannot be written.
    """
    figure = new_figure(4.6)
    titles = ("seconds a megapixel", "memory of the process at its peak, MB")
    for number, title in enumerate(titles):
        axes = figure.add_subplot(1, 2, number + 1)
        _plain(axes, "megapixels of the photograph", title)
        for color, network in zip(COLORS, dict.fromkeys(each.network for each in report.growth), strict=False):
            steps = [each for each in report.growth if each.network == network]
            costs = _memory(steps) if number else _time(steps)
            axes.plot([each.megapixels for each in steps], costs, "o-", color=color, label=network)
        axes.set_ylim(bottom=0)
        if report.growth:
            axes.legend(frameon=False)
    save(picture_of(figure), path)


def _time(steps: Sequence[Restored]) -> list[float]:
    return [each.seconds / each.megapixels for each in steps]


def _memory(steps: Sequence[Restored]) -> list[float]:
    return [each.peak_mb for each in steps]


def _plain(axes: Axes, across: str, up: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)


def _point(axes: Axes, system: System) -> None:
    ours = system.kind == "ours"
    color = _OURS if ours else _PEER
    axes.plot([system.speed], [system.db or 0], _MARKS[system.precision], color=color, markersize=9, zorder=3)
    name = system.name if ours else system.network
    axes.annotate(
        name,
        (system.speed, system.db or 0),
        (0, 9),
        textcoords="offset points",
        fontsize=9,
        color=color,
        ha="center",
        fontweight="bold" if system.default else "normal",
    )
