"""Quality against what it costs, as pictures: a panel for each set, a point for each method."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelmend.errors import UsageError
from pixelmend.figures import COLORS, new_figure, picture_of
from pixelmend.images import save

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from pixelmend.evaluation.results import Entry

_ROW = 4.2  # inches that a row of panels is high
_WIDE = 300  # dearest over cheapest, above which only powers of ten are written
_LINE = 0.055  # share of a panel that a line of words takes


@dataclass(frozen=True)
class Cost:
    """What quality is set against.

    Attributes:
        title: As the axis says it, with its unit.
        of: Reads it from an entry; None or 0 where a method has none.
    """

    title: str
    of: Callable[[Entry], float | None]


COSTS = {
    "time": Cost("seconds for a picture", lambda entry: entry.mean("seconds")),
    "size": Cost("parameters, millions", lambda entry: entry.parameters and entry.parameters / 1e6),
    "work": Cost("GMAC for a picture", lambda entry: entry.mean("gmacs")),
    "memory": Cost("memory at the peak, MB", lambda entry: max(entry.values("memory_mb").values(), default=None)),
}
"""By name."""


@dataclass(frozen=True)
class Point:
    """One method in one panel: cost and mean PSNR in dB."""

    label: str
    cost: float
    psnr: float


def plot_costs(entries: Sequence[Entry], cost: str, path: Path, *, most: int = 6) -> bool:
    """Draw PSNR against a cost, both of a whole picture: a panel for each set, at the middle case of its first method.

    Args:
        entries: From ``evaluate``.
        cost: A key of ``COSTS``; methods that have none of it are left out.
        path: The picture to write.
        most: Panels.

    Returns:
        Whether there was anything to draw; else nothing is written.

    Raises:
        UsageError: No such cost.
        UnwritableError: It cannot be written.
    """
    if cost not in COSTS:
        raise UsageError(f"got {cost!r} to draw quality against: choose one of {', '.join(COSTS)}")
    found = [(title, _points(group, COSTS[cost])) for title, group in _panels(entries)]
    # One method alone has nothing to be seen against; where there is no more, it is drawn all the same.
    panels = [panel for panel in found if len(panel[1]) > 1][:most] or [panel for panel in found if panel[1]][:most]
    if not panels:
        return False
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(_ROW * rows)
    labels = list(dict.fromkeys(point.label for _, points in panels for point in points))
    for number, (title, points) in enumerate(panels):
        _fill(figure.add_subplot(rows, columns, number + 1), title, points, COSTS[cost], labels)
    save(picture_of(figure), path)
    return True


def _panels(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Entries of each set at the middle of its first method's cases, under what the panel is called."""
    sets: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        sets[entry.title, entry.task].append(entry)
    found = []
    for (title, task), group in sets.items():
        own = [entry.case for entry in group if entry.label == group[0].label]
        cases = list(dict.fromkeys([case for case in own if "blind" not in case] or own))
        case = cases[(len(cases) - 1) // 2]
        there = [entry for entry in group if entry.case == case]
        # A mean over fewer pictures has no place beside the others.
        most = max(len(entry.pictures) for entry in there)
        found.append((f"{title}, {task}, {case}", [entry for entry in there if len(entry.pictures) == most]))
    return found


def _points(entries: Sequence[Entry], cost: Cost) -> list[Point]:
    points = []
    for entry in entries:
        paid, psnr = cost.of(entry), entry.mean("psnr")
        # Doing nothing costs nothing: a logarithmic axis has no place for it.
        if paid and psnr is not None and entry.method != "degraded":
            points.append(Point(entry.label, paid, psnr))
    return points


def _fill(axes: Axes, title: str, points: Sequence[Point], cost: Cost, labels: Sequence[str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_title(title, fontsize=12, loc="left")
    axes.set_xlabel(cost.title)
    axes.set_ylabel("PSNR, dB")
    axes.set_xscale("log")
    spread = max(point.cost for point in points) / min(point.cost for point in points)
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if spread > _WIDE else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.margins(0.06, 0.08)
    for point in points:
        axes.plot([point.cost], [point.psnr], "o", color=_color(point, labels), markersize=8, zorder=3)
    low, high = axes.get_ylim()
    heights = _apart([(point.psnr - low) / (high - low) for point in points])
    for point, height in zip(points, heights, strict=True):
        color = _color(point, labels)
        # Names stand in a column beside the axes, each with a thin line to its point: points may lie anywhere.
        axes.annotate(
            point.label,
            (point.cost, point.psnr),
            xytext=(1.03, height),
            textcoords="axes fraction",
            fontsize=9,
            color=color,
            va="center",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "alpha": 0.6},
        )


def _color(point: Point, labels: Sequence[str]) -> str:
    return COLORS[labels.index(point.label) % len(COLORS)]


def _apart(heights: Sequence[float]) -> list[float]:
    """The same heights, shares of a panel, moved until no two are nearer than a line, and none far from its own."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    places = [heights[number] for number in order]
    for _ in range(200):
        for number in range(1, len(places)):
            lacking = _LINE - (places[number] - places[number - 1])
            if lacking > 0:
                places[number - 1] -= lacking / 2
                places[number] += lacking / 2
    moved = [0.0] * len(heights)
    for number, place in zip(order, places, strict=True):
        moved[number] = place
    return moved
