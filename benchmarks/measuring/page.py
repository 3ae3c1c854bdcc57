"""docs/speed.md out of docs/results/speed.json, without measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.measuring.goals import AS_IT_IS, EVERY, HEAD, LARGE, goals, share
from benchmarks.measuring.ours import AS_INSTALLED
from benchmarks.measuring.record import Report, Restored, System, the_chosen, the_system
from benchmarks.measuring.rounds import Spread, ratio, slope, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEED_PICTURE, GROWTH_PICTURE = "results/speed.webp", "results/speed-size.webp"
"""Beside the page."""


def text(report: Report, compression: Sequence[dict[str, Any]]) -> str:
    """The whole page.

    Args:
        report: What was measured.
        compression: Rows of docs/results/compression.json; none where it does not exist.
    """
    parts = [
        _HEAD.format(threads=report.threads, rounds=len(next(iter(report.rates.values()), ()))),
        *(["**A trial with small pictures: its figures mean nothing.**\n"] if report.quick else []),
        *(f"- {word}: {value}" for word, value in report.machine.items() if value),
        "\n## What must be reached\n",
        _GOALS,
        "\n".join([HEAD, *map(str, goals(report, compression))]),
        "\n## Side by side\n",
        _SPEED,
        f"![PSNR against speed]({SPEED_PICTURE})\n",
        speed_table(report),
        *_absent(report),
        "\n## What each needs\n",
        _NEEDS.format(side=max((s.memory_side for s in report.systems), default=0)),
        needs_table(report),
        "\n## Where the PSNR comes from\n",
        sources(report),
        "\n## The machine's limit\n",
        _LIMIT,
        limit_table(report),
        "\n## A photograph\n",
        _GROWTH,
        f"![Cost against size]({GROWTH_PICTURE})\n",
        growth_table(report),
        *overlaps(report),
        *_compression(compression),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def shown(report: Report) -> list[System]:
    """Ours in every form, and of others the faster form each; the fastest first."""
    chosen = [s for s in report.systems if s.kind == "ours" or s == the_system(report, s.network)]
    return sorted(chosen, key=lambda s: -s.speed)


def speed_table(report: Report) -> str:
    """Speed of every system, and how many times that of two others."""
    rows = [
        "| system | MP/s | least to most | times DnCNN's | times Restormer's | kMAC a pixel | PSNR, dB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    others = [the_system(report, each) for each in ("DnCNN", "Restormer")]
    for system in shown(report):
        speed = spread(system.speeds)
        times = [_times(None if other is None else ratio(system.speeds, other.speeds)) for other in others]
        work = "–" if system.macs_per_pixel is None else f"{system.macs_per_pixel / 1e3:.1f}"
        cells = [
            _named(report, system),
            f"{speed.median:.3g}",
            f"{speed.low:.3g}–{speed.high:.3g}",
            *times,
            work,
            _db(system),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def needs_table(report: Report) -> str:
    """Memory, start-up and size of every system."""
    rows = [
        "| system | to the first result, s | process at its peak, MB | of it for one picture, MB | weights, MB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for system in shown(report):
        size = None if system.weight_bytes is None else system.weight_bytes / 1e6
        cells = [_named(report, system), _number(system.start_up, 2), _number(system.peak_mb), _number(system.call_mb)]
        rows.append(f"| {' | '.join([*cells, _number(size, 2)])} |")
    return "\n".join(rows)


def sources(report: Report) -> str:
    """Who measured the PSNR of each."""
    found: dict[str, list[str]] = {}
    for system in shown(report):
        names = found.setdefault(system.db_source, [])
        names.extend([system.network] if system.network not in names else [])
    return "\n".join(f"- {'; '.join(names)}: {source}." for source, names in found.items())


def limit_table(report: Report) -> str:
    """The rates of the machine, and what of them our networks reach."""
    rows = ["| precision | 10⁹ operations a second | least to most |", "| --- | ---: | ---: |"]
    for precision, rates in report.rates.items():
        each = spread([rate / 1e9 for rate in rates])
        rows.append(f"| {precision} | {each.median:.0f} | {each.low:.0f}–{each.high:.0f} |")
    rows += ["", "| system | share of the rate at its precision | least to most |", "| --- | ---: | ---: |"]
    for system in shown(report):
        if (shares := share(report, system)) is not None:
            part = spread([100 * each for each in shares])
            rows.append(f"| {_named(report, system)} | {part.median:.0f} % | {part.low:.0f}–{part.high:.0f} % |")
    return "\n".join(rows)


def growth_table(report: Report) -> str:
    """Photographs of every size, and by which power cost grows."""
    rows = [
        "| weights | engine | megapixels | s | s a megapixel | memory, MB |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for each in sorted({*report.photographs, *report.growth}, key=lambda e: (e.network, e.megapixels, e.seconds)):
        where = "" if each.wish == AS_INSTALLED else " (chosen among all)"
        cells = [
            each.network,
            f"{each.engine} {each.precision}{where}",
            f"{each.megapixels:.1f}",
            f"{each.seconds:.2f}",
        ]
        cells += [f"{each.seconds / each.megapixels:.2f}", f"{each.peak_mb:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
    lines = ["\n".join(rows), ""]
    for network in dict.fromkeys(each.network for each in report.growth):
        steps = [each for each in report.growth if each.network == network]
        powers = [_power([e for e in steps if e.megapixels > least]) for least in (0, 0.95 * LARGE)]
        lines.append(
            f"- {network}: time grows with size to the power of {powers[0]} over all sizes, "
            f"{powers[1]} from {LARGE:g} megapixel on."
        )
    return "\n".join(lines)


def overlaps(report: Report) -> list[str]:
    """Of each photograph, what the network needs for its pixels, and what the overlap of pieces adds to that."""
    return [line for each in report.photographs if (line := _overlap(report, each))]


def _overlap(report: Report, photograph: Restored) -> str:
    """One of them; "" where the network was not timed alone in that form."""
    alone = the_system(report, photograph.network, photograph.engine, photograph.precision)
    if alone is None:
        return ""
    needed = photograph.megapixels / alone.speed
    added = photograph.computed / alone.speed - needed
    share, more = (f"{100 * seconds / photograph.seconds:.0f} %" for seconds in (needed, added))
    where = AS_IT_IS if photograph.wish == AS_INSTALLED else EVERY
    return (
        f"- {photograph.network}, {where}, {photograph.megapixels:.1f} megapixels: as many pixels take the network "
        f"alone {needed:.2f} s, {share} of the {photograph.seconds:.2f} s; pieces that overlap "
        f"({photograph.computed:.1f} megapixels) add {added:.2f} s, {more}."
    )


def compression_table(rows: Sequence[dict[str, Any]]) -> str:
    """Size and loss of every step."""
    lines = [
        "| weights | task | step | MB | kMAC a pixel | dB | lost, dB | on | |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        cells = [row["name"], row["task"], row["step"], f"{row['bytes'] / 1e6:.2f}"]
        cells += [f"{row['macs_per_pixel'] / 1e3:.1f}", f"{row['db']:.2f}", f"{row['float_db'] - row['db']:.3f}"]
        refused = "" if row.get("shipped", True) else f"**not shipped**: {row['reason']}"
        lines.append(f"| {' | '.join([*cells, row['protocol'], refused])} |")
    return "\n".join(lines)


def _compression(rows: Sequence[dict[str, Any]]) -> list[str]:
    return ["\n## Compression\n", _COMPRESSION, compression_table(rows)] if rows else []


def _absent(report: Report) -> list[str]:
    return ["", *(f"- {name} was not measured: {why}." for name, why in report.absent.items())] if report.absent else []


def _named(report: Report, system: System) -> str:
    name = f"**{system.name}**" if system.kind == "ours" else system.name
    marks = [AS_IT_IS] if system.default else []
    marks += [EVERY] if system == the_chosen(report, system.network) else []
    return f"{name} ({', '.join(marks)})" if marks else name


def _db(system: System) -> str:
    return "–" if system.db is None else f"{system.db:.2f}"


def _times(found: Spread | None) -> str:
    return "–" if found is None else f"{found.median:.3g} ({found.low:.3g}–{found.high:.3g})"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _power(steps: Sequence[Any]) -> str:
    if len(steps) < 2:
        return "–"
    return f"{slope([each.megapixels for each in steps], [each.seconds for each in steps]):.2f}"


_HEAD = """# Speed

Made by `make bench` (`benchmarks/speed.py`) from docs/results/speed.json. Every system ran in the same process with
{threads} threads, taking turns over {rounds} rounds; ratios are medians of the ratios of a round, with the least and
the greatest in brackets, so that what the machine did beside it meets both sides.
"""
_GOALS = """*small* and *nano* are the denoisers in the form that `pixelmend restore` chooses by itself: *as
installed*, with ONNX Runtime alone, and *with every engine* that is named here, for a photograph of 12 megapixels.
Networks of others are judged with their features as PyTorch lays them in memory when nobody says otherwise
(contiguous); in brackets stands how it is over their faster layout. Time grows in proportion to size where the
power is 1; it is taken from 1 megapixel on, below which starting is most of the time.
"""
_SPEED = """Megapixels a second of the network alone, from pixels in memory to pixels in memory. Ours restore pieces
of the size that they ship with, in the engines of `pixelmend restore`, and as many at once as that does: in ONNX
Runtime one in each thread. Others restore one picture at a time, of a size that they take in reasonable time. Networks
of others have random weights, which take as long as learned ones, run in float32, and count with their features in the
order of memory that is faster.
"""
_NEEDS = """Each in a fresh process: seconds from its start to the result of a picture of 256×256, imports included;
memory at the peak while one of {side}×{side} is restored, by itself. The size of others' weights is that of their
parameters in float32.
"""
_LIMIT = """Operations a second that large matrix products sustain on this machine, measured once in every round:
float32 in PyTorch or ONNX Runtime, whichever is faster, bfloat16 in PyTorch, int8 in ONNX Runtime. A multiplication
and an addition are two operations.
"""
_GROWTH = """`pixelmend restore` as installed (with ONNX Runtime alone), each picture in a process of its own: reading,
estimating the noise, restoring in overlapping tiles, and writing a JPEG, all counted. Photographs of 12 megapixels also
with the engine that it chooses among all, which it measured before.
"""
_COMPRESSION = """What quantising and pruning save, and what they cost in PSNR against the same weights in float32.
Weights that lose more than they may in int8 ship in float32.
"""
