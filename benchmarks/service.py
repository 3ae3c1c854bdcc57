"""Measures the service: what a request costs over a call, and what becomes of a hundred clients.

    python benchmarks/service.py                              # five minutes of load, about eight in all
    python benchmarks/service.py --page                       # docs/service.md again, from the figures of the last run
    python benchmarks/service.py --seconds 20 --out /tmp/trial    # does everything run? its figures mean little

Figures go to docs/results/service.json, and from there between the marks of docs/service.md. Exit code 1 where a bound
is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # what stands beside this file is the package benchmarks, however it is started

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.serving.record import Overhead, Report
    from benchmarks.serving.samples import Sample
    from benchmarks.serving.server import Server

SIDE, CROWDED = 512, 256
"""Height and width of the picture of one request, and of those that many send, pixels."""
LONG = 300.0
"""Seconds of load of which figures may be shown."""
_WARM_UP = 2
"""Rounds that do not count."""


def tell(line: str) -> None:
    """Say what is being done, apart from what was found."""
    print(line, file=sys.stderr, flush=True)


def measure(chosen: argparse.Namespace) -> Report:
    """Everything that a run measures."""
    from benchmarks.measuring.machine import described
    from benchmarks.serving.load import load, mix
    from benchmarks.serving.record import Report
    from benchmarks.serving.samples import samples
    from benchmarks.serving.server import serving

    busy = os.getloadavg()[0]
    found, small = samples(4, SIDE), samples(8, CROWDED)
    with tempfile.TemporaryDirectory() as folder:
        flags = ("--workers", str(chosen.workers), "--log", "json")
        with serving(Path(folder) / "load", *flags) as server:
            tell(f"one request at a time, {chosen.rounds} rounds")
            single = overhead(server, found, chosen.rounds)
            tell(f"{chosen.clients} clients for {chosen.seconds:.0f} s")
            many = load(server, small, chosen.clients, chosen.seconds)
        # The queue is shorter than there are clients, so that some are sent away.
        with serving(Path(folder) / "mix", *flags, "--queue", str(max(1, chosen.clients // 3))) as server:
            seconds = max(10.0, chosen.seconds / 5)
            tell(f"{chosen.clients} clients of all kinds for {seconds:.0f} s, a worker killed now and then")
            mixed = mix(server, small, chosen.clients, seconds)
    return Report(described(), busy, chosen.seconds, single, many, mixed)


def overhead(server: Server, found: Sequence[Sample], rounds: int) -> Overhead:
    """A request and a call taking turns, on the same cores and on the same pictures; every second round the other way.

    Args:
        server: That runs.
        found: Pictures.
        rounds: How often each.
    """
    import http.client

    from benchmarks.serving.load import RESTORE
    from benchmarks.serving.record import Overhead
    from benchmarks.serving.samples import plain

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def served(data: bytes) -> bytes:
        start = time.perf_counter()
        connection.request("POST", RESTORE, data, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"got {answer.status} for a picture: {body[:500]!r}")
        outside.append(time.perf_counter() - start - float(answer.headers["Server-Timing"].rpartition("=")[2]) / 1e3)
        return body

    taken: dict[str, list[float]] = {"served": [], "plain": []}
    outside: list[float] = []
    for number in range(-_WARM_UP, rounds):
        sample = found[number % len(found)]
        for name, call in list({"served": served, "plain": plain}.items())[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            body = call(sample.data)
            if number >= 0:
                taken[name].append(time.perf_counter() - start)
            if not sample.is_right(body):
                raise RuntimeError(f"a picture that was {name} is not the picture that is expected")
    connection.close()
    return Overhead(SIDE, tuple(taken["served"]), tuple(taken["plain"]), tuple(outside[_WARM_UP:]))


def write_page(report: Report, page: Path) -> bool:
    """Put the figures into a page, print what must be reached, and say whether nothing was missed."""
    from benchmarks.measuring.goals import HEAD
    from benchmarks.serving.page import put
    from benchmarks.serving.record import goals
    from pixelmend.files import write_text

    write_text(page, put(page.read_text(encoding="utf-8"), report))
    found = goals(report)
    print("\n".join([HEAD, *map(str, found)]))
    return all(each.state != "missed" for each in found)


def main() -> int:
    """Measure, write figures and page, and say by the exit code whether nothing that must be reached was missed."""
    from benchmarks.serving.record import Report

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page again")
    parser.add_argument("--seconds", type=float, default=LONG, help=f"that the load lasts; {LONG:.0f}")
    parser.add_argument("--clients", type=int, default=100, help="at once; 100")
    parser.add_argument("--workers", type=int, default=2, help="that restore; 2")
    parser.add_argument("--rounds", type=int, default=40, help="of one request and one call; 40")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of service.md and results/; docs")
    chosen = parser.parse_args()
    docs = chosen.out.resolve() == ROOT / "docs"
    if chosen.seconds < LONG and not chosen.page and docs:
        parser.error(f"less than {LONG:.0f} s is nothing that docs/service.md may show: name another folder with --out")
    stored, page = chosen.out / "results" / "service.json", chosen.out / "service.md"
    if not chosen.page:
        stored.parent.mkdir(parents=True, exist_ok=True)
        measure(chosen).write(stored)
        if not docs:
            page.write_text((ROOT / "docs" / "service.md").read_text(encoding="utf-8"), encoding="utf-8")
    return 0 if write_page(Report.read(stored), page) else 1


if __name__ == "__main__":
    sys.exit(main())
