"""What a system needs in a process of its own: time to its first result, and memory.

As a program it is that process: python -m benchmarks.measuring.alone NAME --threads 2 --first 256 --side 512
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
ROOT = Path(__file__).resolve().parents[2]
FIRST = 256
"""Height and width of the picture that the first result is of, pixels."""


@dataclass(frozen=True)
class Need:
    """What a system needs.

    Attributes:
        start_up: Seconds from the start of the process to the first result; None where that was not measured.
        peak_mb: Its resident memory at the peak, 10⁶ bytes; None where the system does not tell.
        call_mb: By how much it rose for one picture; None likewise.
    """

    start_up: float | None
    peak_mb: float | None
    call_mb: float | None


UNKNOWN = Need(None, None, None)
"""Of what was not started alone."""


def need_of(name: str, threads: int, side: int) -> Need:
    """Start a system in a fresh process.

    Args:
        name: Of a candidate.
        threads: That it may use.
        side: Height and width of the picture that memory is measured on, pixels.

    Raises:
        RuntimeError: The process failed; its own words stand on stderr.
    """
    command = [sys.executable, "-m", "benchmarks.measuring.alone", name, "--threads", str(threads)]
    start = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        [*command, "--side", str(side)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        first = process.stdout.readline()
        start_up = time.perf_counter() - start
        rest = process.stdout.read()
    if process.returncode != 0 or not first:
        raise RuntimeError(f"{name} failed in a process of its own, exit code {process.returncode}")
    return Need(start_up, **json.loads(rest))


def main() -> None:
    """Be that process: say a line at the first result, then what memory was needed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--side", type=int, required=True)
    chosen = parser.parse_args()
    from benchmarks.measuring.systems import by_name

    system = by_name(chosen.name)
    system.start(chosen.threads, FIRST)()
    print("first result", flush=True)
    call = system.start(chosen.threads, chosen.side)
    call()
    peak = peak_mb()
    from pixelmend.evaluation.memory import PeakMemory  # after the peak: it brings much with it

    print(json.dumps({"peak_mb": peak, "call_mb": PeakMemory().of(call)}))


def peak_mb() -> float | None:
    """Resident memory of this process at its peak so far, 10⁶ bytes; None where there is no such count."""
    if _STATUS.is_file():
        # Not getrusage, which on Linux begins with the peak of the process that started this one.
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
        return None if found is None else int(found[1]) * 1024 / 1e6
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # counted in bytes there, in kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
