"""Measures speed, memory and size beside every peer, says what is reached of what must be, and writes docs/speed.md.

make bench
python benchmarks/speed.py --page     (only the page, from the figures of the last run)
python benchmarks/speed.py --quick --out DIR     (a trial of everything with small pictures)
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # what stands beside this file is the package benchmarks, however it is started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measuring.record import Report, Shipped, System
    from benchmarks.measuring.systems import Candidate

    Figures = dict[str, tuple[float, ...]]


def tell(line: str) -> None:
    """Say what is being done, apart from what was found."""
    print(line, file=sys.stderr, flush=True)


def measure(chosen: argparse.Namespace) -> Report:
    """Everything that a run measures."""
    from benchmarks.measuring.machine import described
    from benchmarks.measuring.photographs import PATIENCE, PHOTOGRAPH, SIZES, growth, photographs
    from benchmarks.measuring.record import Report
    from benchmarks.measuring.systems import absent, candidates

    there = [each for each in candidates() if re.search(chosen.only, each.name)]
    quick: bool = chosen.quick
    patience = float("inf") if chosen.full else PATIENCE
    # Photographs first: later this process holds every network, and is in the way of a fresh one.
    networks = ("nano",) if quick else ("nano", "small")
    whole = photographs(networks, 0.2 if quick else PHOTOGRAPH, tell)
    grown = growth(networks, (0.05, 0.1) if quick else SIZES, patience, tell)
    seconds, rates, faults = side_by_side(there, chosen)
    return Report(
        machine=described(),
        threads=chosen.threads,
        quick=quick,
        systems=rows([each for each in there if each.name in seconds], seconds, chosen),
        absent={**absent(), **faults},
        rates=rates,
        photographs=whole,
        growth=grown,
        shipped=shipped(),
    )


def side_by_side(there: Sequence[Candidate], chosen: argparse.Namespace) -> tuple[Figures, Figures, dict[str, str]]:
    """Seconds of every system, and the machine's rates, all taking turns; and why an engine cannot run a network."""
    from functools import partial

    from benchmarks.measuring.rates import rates
    from benchmarks.measuring.rounds import take_turns
    from pixelmend.errors import ModelError

    least = 0.01 if chosen.quick else 1.0
    turns, faults = {}, {}
    for each in there:
        tell(f"starting {each.name}")
        try:
            call, pieces = each.start_many(chosen.threads, side_of(each, chosen))
            if each.kind == "ours":
                call()  # an engine may compile for a size at its first picture, which takes longer than the picture
        except ModelError as error:  # as in the product, where other engines are then chosen
            faults[each.name] = " ".join(str(error).split()).replace(f"{ROOT}{os.sep}", "")
            tell(f"left out: {faults[each.name]}")
        else:
            turns[each.name] = partial(_seconds_a_piece, call, pieces, least)
    limits = rates(chosen.threads, 0.05 if chosen.quick else 0.7, quick=chosen.quick)
    found = take_turns({**turns, **limits}, 1 if chosen.quick else chosen.rounds, tell)
    return {name: found[name] for name in turns}, {name: found[name] for name in limits}, faults


def _seconds_a_piece(call: Callable[[], object], pieces: int, least: float) -> float:
    """Seconds that a call takes for each of the pictures that it restores."""
    from benchmarks.measuring.rounds import seconds_of

    return seconds_of(call, least) / pieces


def side_of(system: Candidate, chosen: argparse.Namespace) -> int:
    """Height and width of the picture that a system is timed on."""
    return 64 if chosen.quick else system.side


def rows(there: Sequence[Candidate], seconds: Figures, chosen: argparse.Namespace) -> tuple[System, ...]:
    """What is known of every system."""
    from benchmarks.measuring.alone import UNKNOWN, need_of
    from benchmarks.measuring.quality import quality
    from benchmarks.measuring.record import System
    from benchmarks.measuring.rounds import fastest

    # Of a network in two orders of memory only the faster one counts; in a trial one of each engine is enough.
    alike = {c.name: (c.kind, c.engine, *(() if chosen.quick else (c.network, c.precision))) for c in there}
    counted = fastest(alike, seconds)
    memory_side = 64 if chosen.quick else 512
    found = []
    for each in there:
        if each.name in counted:
            tell(f"{each.name} in a process of its own")
        need = need_of(each.name, chosen.threads, memory_side) if each.name in counted else UNKNOWN
        size, work = each.counts()
        known = quality(each, ROOT / "docs" / "results")
        found.append(
            System(
                name=each.name,
                kind=each.kind,
                network=each.network,
                engine=each.engine,
                precision=each.precision,
                layout=each.layout,
                default=each.default,
                side=side_of(each, chosen),
                seconds=seconds[each.name],
                start_up=need.start_up,
                peak_mb=need.peak_mb,
                call_mb=need.call_mb,
                memory_side=memory_side,
                weight_bytes=size,
                macs_per_pixel=work,
                db=known.db,
                db_source=known.source,
            )
        )
    return tuple(found)


def shipped() -> tuple[Shipped, ...]:
    """Every file of weights that ships."""
    from benchmarks.measuring.record import Shipped
    from pixelmend import catalog

    cards = [catalog.by_name(name) for name in catalog.names()]
    return tuple(Shipped(c.name, catalog.task_of(c), c.path.stat().st_size, c.parameters, c.precision) for c in cards)


def write_page(folder: Path) -> bool:
    """Make the page and its plots from what lies in a folder; print what must be reached, say whether none missed."""
    from benchmarks.measuring.goals import HEAD, goals
    from benchmarks.measuring.page import GROWTH_PICTURE, SPEED_PICTURE, text
    from benchmarks.measuring.plots import draw_growth, draw_speed
    from benchmarks.measuring.quality import compression
    from benchmarks.measuring.record import Report
    from pixelmend.files import write_text

    report = Report.read(folder / "results" / "speed.json")
    rows_of_compression = compression(folder / "results" / "compression.json")
    draw_speed(report, folder / SPEED_PICTURE)
    draw_growth(report, folder / GROWTH_PICTURE)
    write_text(folder / "speed.md", text(report, rows_of_compression))
    found = goals(report, rows_of_compression)
    print("\n".join([HEAD, *map(str, found)]))
    return all(each.state != "missed" for each in found)


def main() -> int:
    """Measure, write figures and page, and say by the exit code whether nothing that must be reached was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--page", action="store_true", help="measure nothing: make the page from docs/results/speed.json"
    )
    parser.add_argument("--quick", action="store_true", help="a trial with small pictures, whose figures mean nothing")
    parser.add_argument("--only", default="", help="side by side only systems whose name this pattern finds")
    parser.add_argument("--full", action="store_true", help="every size of photograph, however long it takes")
    parser.add_argument("--threads", type=int, default=2, help="that each system may use; 2")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each system; 5")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of speed.md and results/; docs")
    chosen = parser.parse_args()
    partly = chosen.quick or chosen.only
    if partly and not chosen.page and chosen.out.resolve() == ROOT / "docs":
        parser.error("--quick and --only measure nothing that docs/speed.md may show: name another folder with --out")
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)  # before anything that reads it is imported
    if not chosen.page:
        (chosen.out / "results").mkdir(parents=True, exist_ok=True)
        measure(chosen).write(chosen.out / "results" / "speed.json")
    return 0 if write_page(chosen.out) else 1


if __name__ == "__main__":
    sys.exit(main())
