"""What docs/service.md says of speed and memory, out of docs/results/service.json, without measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring.goals import HEAD
from benchmarks.serving.record import goals, percentile
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.serving.record import Moment, Report

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def put(page: str, report: Report) -> str:
    """A page with these figures between its marks.

    Raises:
        DataError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DataError(f"the page lacks {BEGIN} and {END}: put them where the figures are to stand")
    return f"{before}{BEGIN}\n{text(report)}\n{END}{after}"


def text(report: Report) -> str:
    """What stands between the marks."""
    parts = [
        *(f"- {word}: {value}" for word, value in report.machine.items() if value),
        f"- busy with other things: {report.busy:.1f} processes ready to run, over the minute before\n",
        "\n".join([HEAD, *map(str, goals(report))]),
        "",
        overhead(report),
        "",
        load(report),
        "",
        mix(report),
    ]
    return "\n".join(parts)


def overhead(report: Report) -> str:
    """Of one request."""
    found = report.overhead
    kinds = {"request": found.served, "of it, outside of the work": found.outside, "`pixelmend.restore`": found.plain}
    rows = [f"| {found.side}×{found.side}, `denoise`, ms | p50 | p95 |", "| --- | ---: | ---: |"]
    for name, times in kinds.items():
        rows.append(f"| {name} | {1e3 * percentile(times, 50):.1f} | {1e3 * percentile(times, 95):.1f} |")
    return "\n".join(rows)


def load(report: Report) -> str:
    """Of many clients that wait."""
    found = report.load
    cells = [f"{percentile(found.seconds, each):.2f}" if found.seconds else "–" for each in (50, 95, 99)]
    return "\n".join(
        [
            f"| {found.clients} clients, {found.workers} workers, {found.took:.0f} s | |",
            "| --- | ---: |",
            f"| pictures restored | {found.statuses.get('200', 0)} |",
            f"| pictures a second | {found.throughput:.2f} |",
            f"| request alone, before and after, s | {found.alone:.3f}, {found.alone_after:.3f} |",
            f"| request under load, p50, p95, p99, s | {', '.join(cells)} |",
            *_memory(found.moments),
            f"| answers | {_counts(found.statuses)} |",
            f"| lost or wrong | {_counts(found.lost) or 0} |",
        ]
    )


def mix(report: Report) -> str:
    """Of clients of all kinds."""
    found = report.mix
    return "\n".join(
        [
            f"| {found.clients} clients of all kinds, {found.took:.0f} s | |",
            "| --- | ---: |",
            f"| jobs followed, fetched and deleted | {found.done} |",
            f"| workers killed | {found.killed} |",
            f"| jobs begun once more, since their worker was killed over them | {found.retried} |",
            f"| requests whose client went away | {found.away} |",
            f"| answers to pictures | {_counts(found.statuses)} |",
            f"| lost or wrong | {_counts(found.lost) or 0} |",
            *_memory(found.moments),
            f"| nothing left behind, after the last request | {found.settled:.1f} s |",
            f"| request alone afterwards, s | {found.alone_after:.3f} |",
        ]
    )


def _memory(moments: Sequence[Moment]) -> list[str]:
    """Rows on memory in fifths of the time: median of the first that is warm, and of the last."""
    fifth = max(1, len(moments) // 5)
    early, late = moments[fifth : 2 * fifth] or moments, moments[-fifth:]
    held = {
        "server": [[each.server for each in some] for some in (early, late)],
        "workers together": [[each.workers for each in some] for some in (early, late)],
    }
    return [
        f"| memory of the {name}, second and last fifth of the time, MB | "
        f"{', '.join(f'{percentile(some, 50):.0f}' for some in values)} |"
        for name, values in held.items()
    ]


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{number} × {name}" for name, number in found.items())
