"""Scores in the forms that people and other parts read: a Markdown table, and what a catalog card stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pixelmend.evaluation.results import Entry


def markdown_table(entries: Sequence[Entry]) -> str:
    """One table for each set, with the protocol underneath.

    A cell reads "PSNR in dB / SSIM"; methods are rows and noise levels are columns, in the order of
    ``entries``.

    Returns:
        Markdown that ends with a line break.
    """
    titles = dict.fromkeys(entry.title for entry in entries)
    return "\n".join(_dataset_table(title, [e for e in entries if e.title == title]) for title in titles)


def card_scores(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The scores of one method as a catalog card stores them.

    Returns:
        A list of {"dataset", "sigma", "psnr", "ssim", "protocol"}: PSNR in dB to 0.001, SSIM to 0.0001,
        the protocol as a dictionary.

    Raises:
        DataError: The entries are of several methods or weights, or some pictures of a set are missing: such
            means do not belong on a card.
    """
    chosen = list(entries)
    owners = sorted({f"{entry.label} {entry.weights[:12]}".strip() for entry in chosen})
    if len(owners) > 1:
        raise DataError(f"a card holds the scores of one set of weights, got {' and '.join(owners)}")
    for entry in chosen:
        if len(entry.pictures) != entry.expected:
            raise DataError(
                f"{entry.title} at sigma {entry.sigma:g} has scores of {len(entry.pictures)} of "
                f"{entry.expected} pictures: a card holds scores of whole sets"
            )
    return [
        {
            "dataset": entry.dataset,
            "sigma": entry.sigma,
            "psnr": round(entry.mean("psnr"), 3),
            "ssim": round(entry.mean("ssim"), 4),
            "protocol": entry.protocol.to_dict(),
        }
        for entry in chosen
    ]


def _dataset_table(title: str, entries: list[Entry]) -> str:
    sigmas = list(dict.fromkeys(entry.sigma for entry in entries))
    head = ["method", "parameters", *(f"σ {sigma:g}" for sigma in sigmas), "s per picture", "pictures"]
    lines = [f"### {title}", "", _row(head), _row(["---", *("---:" for _ in head[1:])])]
    rows: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        rows.setdefault((entry.label, entry.weights), []).append(entry)
    lines += [_method_row(row, sigmas) for row in rows.values()]
    lines += ["", "PSNR in dB / SSIM. Measured with:", ""]
    for protocol in dict.fromkeys(entry.protocol for entry in entries):
        lines.append(f"- {protocol.in_words()}; pictures {protocol.dataset_checksum[:12]}")
    for device, threads in dict.fromkeys((entry.device, entry.threads) for entry in entries):
        lines.append(f"- seconds on {device} with {threads} thread{'s' if threads > 1 else ''}")
    for entry in entries:
        lines += [
            f"- failed: {entry.label}, σ {entry.sigma:g}, {name}: {error}" for name, error in entry.failed.items()
        ]
    return "\n".join(lines) + "\n"


def _method_row(entries: list[Entry], sigmas: list[float]) -> str:
    by_sigma = {entry.sigma: entry for entry in entries}
    scored = [entry for entry in entries if entry.pictures]
    counts = sorted({len(entry.pictures) for entry in entries})
    seconds = sum(entry.mean("seconds") for entry in scored) / len(scored) if scored else None
    parameters = entries[0].parameters
    return _row(
        [
            entries[0].label,
            "–" if parameters is None else f"{parameters / 1e6:.2f} M",
            *(_score(by_sigma.get(sigma)) for sigma in sigmas),
            "–" if seconds is None else f"{seconds:.2f}",
            f"{'–'.join(str(count) for count in (counts[:1] + counts[1:][-1:]))} of {entries[0].expected}",
        ]
    )


def _score(entry: Entry | None) -> str:
    if entry is None or not entry.pictures:
        return "–"
    return f"{entry.mean('psnr'):.2f} / {entry.mean('ssim'):.4f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
