"""Scores in the forms that people and other parts read: Markdown tables, and what a catalog card stores."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pixelmend.errors import DataError
from pixelmend.evaluation.statistics import PairedDifference, confidence_interval, paired_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pixelmend.evaluation.results import Entry

Method = tuple[str, str]
"""What tells methods of a table apart: label and weights."""


def markdown_table(entries: Sequence[Entry], failed: Mapping[str, str] | None = None) -> str:
    """For each set the scores of every method, what they cost, and which differences are more than chance.

    Methods are rows and cases are columns, in the order of ``entries``; differences are to the first method.

    Args:
        entries: From ``evaluate``.
        failed: Methods that could not be made, and why.

    Returns:
        Markdown that ends with a line break.
    """
    sets: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        sets[entry.title, entry.task].append(entry)
    parts = [_set_section(title, task, group) for (title, task), group in sets.items()]
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


def _set_section(title: str, task: str, entries: list[Entry]) -> str:
    cases = list(dict.fromkeys(entry.case for entry in entries))
    rows: dict[Method, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        rows[entry.label, entry.weights][entry.case] = entry
    lines = [f"### {title}, {task}", ""]
    scores = [[label, *_scores(row, cases), _counted(row)] for (label, _), row in rows.items()]
    lines += _table(["method", *cases, "pictures"], scores)
    lines += ["", "PSNR in dB (95 % interval over the pictures) / SSIM / LPIPS.", ""]
    first, *others = rows
    if others:
        compared = [[label, *_differences(rows[first], rows[label, w], cases)] for label, w in others]
        lines += _table([f"{first[0]}, compared with", *cases], compared)
        lines += ["", "PSNR gained, dB (95 % interval), on the pictures that both have; noise: p ≥ 0.05, paired.", ""]
    costs = [[label, *_cost(row)] for (label, _), row in rows.items()]
    lines += _table(["method", "parameters", "GMAC", "seconds", "memory, MB"], costs)
    lines += ["", "Means over the pictures of all cases; memory at its peak.", ""]
    return "\n".join([*lines, *_feet(entries)]) + "\n"


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


def _scores(row: Mapping[str, Entry], cases: Sequence[str]) -> list[str]:
    return [_score(row.get(case)) for case in cases]


def _score(entry: Entry | None) -> str:
    psnr = None if entry is None else entry.mean("psnr")
    if entry is None or psnr is None:
        return "–"
    low, high = confidence_interval(list(entry.values("psnr").values()))
    rest = (_number(entry.mean("ssim"), ".4f"), _number(entry.mean("lpips"), ".3f"))
    dists = entry.mean("dists")
    tail = "" if dists is None else f" / {dists:.3f} (DISTS)"
    return f"{psnr:.2f} ({low:.2f}–{high:.2f}) / {' / '.join(rest)}{tail}"


def _differences(first: Mapping[str, Entry], other: Mapping[str, Entry], cases: Sequence[str]) -> list[str]:
    cells = []
    for case in cases:
        if case not in first or case not in other:
            cells.append("–")
            continue
        one, two = first[case].values("psnr"), other[case].values("psnr")
        cells.append(_difference(paired_difference(one, two)) if one.keys() & two.keys() else "–")
    return cells


def _difference(found: PairedDifference) -> str:
    return f"{found.mean:+.2f}, noise" if found.is_noise else found.words(unit="")


def _cost(row: Mapping[str, Entry]) -> list[str]:
    parameters = next(iter(row.values())).parameters

    def over(quantity: str, mean: Callable[[list[float]], float]) -> float | None:
        values = [value for entry in row.values() for value in entry.values(quantity).values()]
        return mean(values) if values else None

    def usual(values: list[float]) -> float:
        return sum(values) / len(values)

    return [
        "–" if parameters is None else f"{parameters / 1e6:.2f} M",
        _number(over("gmacs", usual), ".1f"),
        _number(over("seconds", usual), ".2f"),
        _number(over("memory_mb", max), ".0f"),
    ]


def _counted(row: Mapping[str, Entry]) -> str:
    counts = sorted({len(entry.pictures) for entry in row.values()})
    ends = dict.fromkeys((counts[0], counts[-1]))
    return f"{'–'.join(str(count) for count in ends)} of {next(iter(row.values())).expected}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(head), _row(["---", *("---:" for _ in head[1:])]), *(_row(row) for row in rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
