"""Scores in the forms that people and other parts read: Markdown tables, and what a catalog card stores."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pixelmend.errors import DataError
from pixelmend.evaluation.statistics import PairedDifference, confidence_interval, paired_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pixelmend.evaluation.results import Entry

Row = dict[str, "Entry"]
"""What a line of a table holds: entries of one method by case."""


def markdown_table(entries: Sequence[Entry], failed: Mapping[str, str] | None = None, *, first: str = "") -> str:
    """For each set the scores of every method, what they cost, and which differences are more than chance.

    Methods are rows and cases are columns, in the order of ``entries``; differences are to the first method. Entries
    of one label share a row where their cases differ, such as those of weights for each scale.

    Args:
        entries: From ``evaluate``.
        failed: Methods that could not be made, and why.
        first: Label of the first method, where another may come before it in a set; "" for the order of ``entries``.

    Returns:
        Markdown that ends with a line break.
    """
    sets: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        sets[entry.title, entry.task].append(entry)
    parts = [_set_section(title, task, group, first) for (title, task), group in sets.items()]
    if failed:
        parts.append("### Not measured\n\n" + "".join(f"- {name}: {why}\n" for name, why in failed.items()))
    return "\n".join(parts)


def card_scores(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The scores of one method as a catalog card stores them.

    Returns:
        A list of {"dataset", "case", "psnr", "ssim", "protocol"}: PSNR in dB to 0.001, SSIM to 0.0001,
        the protocol as a dictionary.

    Raises:
        DataError: The entries are of several methods or weights, or some pictures of a set are missing: such
            means do not belong on a card.
    """
    chosen = list(entries)
    owners = sorted({f"{entry.label} {entry.weights[:12]}".strip() for entry in chosen})
    if len(owners) > 1:
        raise DataError(f"a card holds the scores of one set of weights, got {' and '.join(owners)}")
    scores = []
    for entry in chosen:
        psnr, ssim = entry.mean("psnr"), entry.mean("ssim")
        if psnr is None or ssim is None or len(entry.pictures) != entry.expected:
            raise DataError(
                f"{entry.title} at {entry.case} has scores of {len(entry.pictures)} of "
                f"{entry.expected} pictures: a card holds scores of whole sets"
            )
        measured = {"psnr": round(psnr, 3), "ssim": round(ssim, 4), "protocol": entry.protocol.to_dict()}
        scores.append({"dataset": entry.dataset, "case": entry.case, **measured})
    return scores


def _set_section(title: str, task: str, entries: list[Entry], first: str) -> str:
    cases = list(dict.fromkeys(entry.case for entry in entries))
    rows = sorted(_rows(entries), key=lambda row: _label(row) != first)
    lines = [f"### {title}, {task}", ""]
    seen = {case: {name for row in rows if case in row for name in row[case].pictures} for case in cases}
    lines += _table(["method", *cases, "pictures"], [[_label(row), *_scores(row, seen), _counted(row)] for row in rows])
    caption = "PSNR in dB (95 % interval over the pictures) / SSIM / LPIPS."
    if any(_is_partial(entry, seen) for entry in entries):
        caption += (
            " A number of pictures in a cell: its means are over only so many of those that its column has, "
            "and do not compare with the others."
        )
    lines += ["", caption, ""]
    if len(rows) > 1:
        leader = _label(rows[0])
        reference = {entry.case: entry for entry in reversed(entries) if entry.label == leader}
        compared = [[_label(row), *_differences(reference, row, cases)] for row in rows[1:]]
        lines += _table([f"{leader}, compared with", *cases], compared)
        lines += ["", "PSNR gained, dB (95 % interval), on the pictures that both have; noise: p ≥ 0.05, paired.", ""]
    lines += _table(
        ["method", "parameters", "GMAC", "seconds", "memory, MB"], [[_label(row), *_cost(row)] for row in rows]
    )
    lines += ["", "Means over the pictures of all cases; memory at its peak.", ""]
    return "\n".join([*lines, *_feet(entries)]) + "\n"


def _rows(entries: Iterable[Entry]) -> list[Row]:
    """The entries of each method and weights, those of one label together where no case is in both."""
    parts: dict[tuple[str, str, str], Row] = defaultdict(dict)
    for entry in entries:
        parts[entry.method, entry.label, entry.weights][entry.case] = entry
    rows: list[tuple[tuple[str, str], Row]] = []
    for (method, label, _), part in parts.items():
        fitting = (row for owner, row in rows if owner == (method, label) and not row.keys() & part.keys())
        row = next(fitting, None)
        if row is None:
            rows.append(((method, label), part))
        else:
            row.update(part)
    return [row for _, row in rows]


def _label(row: Row) -> str:
    return next(iter(row.values())).label


def _feet(entries: Sequence[Entry]) -> list[str]:
    """Under what conditions, and what went wrong."""
    lines = []
    protocols: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        words = f"{entry.protocol.in_words()}; pictures {entry.protocol.dataset_checksum[:12]}"
        protocols[words] += [] if entry.case in protocols[words] else [entry.case]
    lines += [f"- {', '.join(cases)}: {words}" for words, cases in protocols.items()]
    for device, threads in dict.fromkeys((entry.device, entry.threads) for entry in entries):
        lines.append(f"- seconds on {device} with {threads} thread{'s' if threads > 1 else ''}")
    notes = dict.fromkeys((entry.label, entry.note) for entry in entries if entry.note)
    lines += [f"- {label}: {note}" for label, note in notes]
    lines += [f"- failed: {e.label}, {e.case}, {name}: {error}" for e in entries for name, error in e.failed.items()]
    return lines


def _scores(row: Row, seen: Mapping[str, set[str]]) -> list[str]:
    cells = []
    for case in seen:
        entry = row.get(case)
        cell = _score(entry)
        if entry is not None and _is_partial(entry, seen):
            count = len(entry.pictures)
            cell += f" ({count} picture{'' if count == 1 else 's'})"
        cells.append(cell)
    return cells


def _is_partial(entry: Entry, seen: Mapping[str, set[str]]) -> bool:
    """Whether its means leave out pictures that another method's of the same case are over."""
    return 0 < len(entry.pictures) < len(seen[entry.case])


def _score(entry: Entry | None) -> str:
    psnr = None if entry is None else entry.mean("psnr")
    if entry is None or psnr is None:
        return "–"
    low, high = confidence_interval(list(entry.values("psnr").values()))
    rest = (_number(entry.mean("ssim"), ".4f"), _number(entry.mean("lpips"), ".3f"))
    dists = entry.mean("dists")
    tail = "" if dists is None else f" / {dists:.3f} (DISTS)"
    return f"{psnr:.2f} ({low:.2f}–{high:.2f}) / {' / '.join(rest)}{tail}"


def _differences(reference: Row, row: Row, cases: Sequence[str]) -> list[str]:
    cells = []
    for case in cases:
        first, other = reference.get(case), row.get(case)
        if first is None or other is None or first is other:
            cells.append("–")
            continue
        one, two = first.values("psnr"), other.values("psnr")
        cells.append(_difference(paired_difference(one, two)) if one.keys() & two.keys() else "–")
    return cells


def _difference(found: PairedDifference) -> str:
    return f"{found.mean:+z.2f}, noise" if found.is_noise else found.words(unit="")


def _cost(row: Row) -> list[str]:
    sizes = (entry.parameters for entry in row.values())
    parameters = dict.fromkeys(f"{size / 1e6:.2f} M" for size in sizes if size is not None)

    def over(quantity: str, mean: Callable[[list[float]], float]) -> float | None:
        values = [value for entry in row.values() for value in entry.values(quantity).values()]
        return mean(values) if values else None

    def usual(values: list[float]) -> float:
        return sum(values) / len(values)

    return [
        " / ".join(parameters) or "–",
        _number(over("gmacs", usual), ".1f"),
        _number(over("seconds", usual), ".2f"),
        _number(over("memory_mb", max), ".0f"),
    ]


def _counted(row: Row) -> str:
    counts = sorted({len(entry.pictures) for entry in row.values()})
    ends = dict.fromkeys((counts[0], counts[-1]))
    return f"{'–'.join(str(count) for count in ends)} of {next(iter(row.values())).expected}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(head), _row(["---", *("---:" for _ in head[1:])]), *(_row(row) for row in rows)]


def _row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)  # a chain of damage has such signs; else each ends a cell
    return f"| {' | '.join(escaped)} |"
