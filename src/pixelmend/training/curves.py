"""Pictures of how a run went: losses, rate and validation scores over the megapixels that it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.figures import COLORS, new_figure, picture_of
from pixelmend.images import save
from pixelmend.training.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Row = Mapping[str, float]

ROW_HEIGHT = 3.4
"""Of one row of panels, in inches."""
SMOOTH_FROM = 60
"""So many rows are drawn faintly, with their running mean on top; fewer as they are."""


@dataclass(frozen=True)
class Scale:
    """How a score is shown: name in the files, title, unit ("1" for none), which is best: "highest" or "lowest"."""

    column: str
    title: str
    unit: str
    best: str


SCORES = (
    Scale("psnr", "validation PSNR", "dB, higher is better", best="highest"),
    Scale("ssim", "validation SSIM", "1, higher is better", best="highest"),
    Scale("lpips", "validation LPIPS", "1, lower is better", best="lowest"),
)


@dataclass(frozen=True)
class Curve:
    """A line to draw: ``x`` and ``y`` of one length, NaN where there is nothing to draw."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: What is drawn.
        unit: Of the values, as the axis says it.
        curves: The lines; none leaves the panel with the words "no values yet".
        log: Whether values are on a logarithmic axis; all must be positive.
        smooth: Whether many rows get a running mean.
        best: What to mark on each line: "highest", "lowest" or nothing.
    """

    title: str
    unit: str
    curves: tuple[Curve, ...]
    log: bool = False
    smooth: bool = False
    best: str = ""


def plot_curves(runs: Mapping[str, Path], path: Path) -> None:
    """Draw the validation scores of several runs over each other.

    Args:
        runs: What to call each run, and its folder.
        path: The picture to write; the format follows the suffix, as in ``pixelmend.images.save``.

    Raises:
        UsageError: No runs, or a suffix of no picture.
        DataError: A folder holds no ``validation.csv``, or one that is broken.
        UnwritableError: The picture cannot be written.
    """
    if not runs:
        raise UsageError("got no runs to draw: give a name and a folder for each")
    rows = {label: read_rows(folder / "validation.csv") for label, folder in runs.items()}
    panels = []
    for score in SCORES:
        found = [_curve(each, score.column, label) for label, each in rows.items()]
        curves = tuple(curve for curve in found if curve is not None)
        if curves or score.column == "psnr":
            panels.append(Panel(score.title, score.unit, curves, best=score.best))
    save(picture_of(draw(panels, "")), path)


def run_panels(train: Sequence[Row], validation: Sequence[Row]) -> list[Panel]:
    """What there is to draw of one run: losses, rate and PSNR always, the rest where there are values.

    Args:
        train: Rows of ``train.csv``.
        validation: Rows of ``validation.csv``.
    """
    names = [name for name in _names(train) if name == "loss" or name.endswith("_loss")]
    losses = [curve for name in names if (curve := _curve(train, name, _loss_label(name))) is not None]
    signed = tuple(curve for curve in losses if np.nanmin(curve.y) <= 0)
    positive = tuple(curve for curve in losses if np.nanmin(curve.y) > 0)
    panels = []
    if positive or not signed:
        panels.append(Panel("training loss", "loss, log scale", positive, log=True, smooth=True))
    if signed:
        which = f": {signed[0].label}" if len(signed) == 1 else "es of either sign"
        panels.append(Panel(f"training loss{which}", "loss", signed, smooth=True))
    rate = _curve(train, "rate_factor", "rate")
    panels.append(Panel("learning rate", "share of its peak", () if rate is None else (rate,)))
    for score in SCORES:
        mean = _curve(validation, score.column, "mean")
        if mean is not None or score.column == "psnr":
            panels.append(Panel(score.title, score.unit, () if mean is None else (mean,), best=score.best))
        parts = [name for name in _names(validation) if name.startswith(f"{score.column}_")]
        curves = [_curve(validation, name, _part_label(name, score.column)) for name in parts]
        if found := tuple(curve for curve in curves if curve is not None):
            panels.append(Panel(f"{score.title}, each kind", score.unit, found))
    return panels


def draw(panels: Sequence[Panel], title: str) -> Figure:
    """Lay panels out in two columns, 1200 pixels wide."""
    columns = min(2, len(panels))
    count = -(-len(panels) // columns)
    figure = new_figure(ROW_HEIGHT * count + 0.3, title)
    seen = max((np.nanmax(curve.x) for panel in panels for curve in panel.curves), default=0.0)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(count, columns, number + 1)
        _fill(axes, panel)
        if panel.curves:
            axes.set_xlim(0, 1.04 * float(seen) or 1.0)
    return figure


def _fill(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, fontsize=12, loc="left")
    axes.set_xlabel("megapixels of training crops seen")
    axes.set_ylabel(panel.unit.removeprefix("1, "))
    axes.spines[["top", "right"]].set_visible(False)
    if not panel.curves:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no values yet", ha="center", va="center", color="#777777", transform=axes.transAxes)
        return
    if panel.log:
        axes.set_yscale("log")
    for number, curve in enumerate(panel.curves):
        _draw_curve(axes, curve, COLORS[number % len(COLORS)], panel)
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.8)
    axes.grid(visible=True, which="minor", color="#eeeeee", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.margins(y=0.12)
    if len(panel.curves) > 1:
        # Beside the title where the names are short: inside, it would hide some of the lines.
        room = sum(len(curve.label) + 4 for curve in panel.curves) + len(panel.title) < 75
        if room:
            axes.legend(
                fontsize=9, frameon=False, ncols=len(panel.curves), loc="lower right", bbox_to_anchor=(1.0, 0.98)
            )
        else:
            axes.legend(fontsize=9, framealpha=0.85, edgecolor="none")


def _draw_curve(axes: Axes, curve: Curve, color: str, panel: Panel) -> None:
    many = panel.smooth and np.isfinite(curve.y).sum() >= SMOOTH_FROM
    marker = "o" if len(curve.y) <= 40 and not panel.smooth else None
    label = curve.label
    if many:
        axes.plot(curve.x, curve.y, color=color, linewidth=0.8, alpha=0.3)
        axes.plot(curve.x, running_mean(curve.y, len(curve.y) // 30), color=color, linewidth=1.8, label=label)
    else:
        # A lone point has no line to be seen by.
        lone = "o" if np.isfinite(curve.y).sum() < 3 else marker
        axes.plot(curve.x, curve.y, color=color, linewidth=1.5, marker=lone, markersize=3.5, label=label)
    if panel.best:
        at = int((np.nanargmax if panel.best == "highest" else np.nanargmin)(curve.y))
        x, y = float(curve.x[at]), float(curve.y[at])
        axes.plot([x], [y], color=color, marker="o", markersize=8, markerfacecolor="none", markeredgewidth=1.5)
        offset = 9 if panel.best == "highest" else -9
        axes.annotate(
            f"{y:.4f}" if panel.unit.startswith("1") else f"{y:.2f}",
            (x, y),
            xytext=(0, offset),
            textcoords="offset points",
            ha="center",
            va="bottom" if offset > 0 else "top",
            fontsize=9,
            color=color,
        )


def running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Mean of up to ``width`` neighbours on either side; NaN counts for nothing, and stays NaN where it stands."""
    kernel = np.ones(2 * width + 1)
    there = np.isfinite(values)
    # "same" gives the length of the longer one, so the kernel must not be that.
    sums, counts = (
        np.convolve(np.pad(each, width), kernel, mode="valid") for each in (np.where(there, values, 0.0), there * 1.0)
    )
    return np.where(there, sums / np.maximum(counts, 1), np.nan)


def _curve(rows: Sequence[Row], column: str, label: str) -> Curve | None:
    """The values of a column over megapixels, or None where none is finite."""
    x = np.array([row.get("mpx", np.nan) for row in rows], np.float64)
    y = np.array([row.get(column, np.nan) for row in rows], np.float64)
    # A value may be absent from every other row: the line goes on to the next one. Only what was not finite is a gap.
    there = np.array([column in row for row in rows], bool)
    x, y = x[there], np.where(np.isfinite(y), y, np.nan)[there]
    return Curve(label, x, y) if np.isfinite(y).any() else None


def _names(rows: Sequence[Row]) -> list[str]:
    """Every column, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _loss_label(name: str) -> str:
    return "total" if name == "loss" else name.removesuffix("_loss").replace("_", " ")


def _part_label(name: str, column: str) -> str:
    return name.removeprefix(f"{column}_").replace("sigma", "σ ").replace("_", " ")
