"""Reads damaged files and says what came of them; exit code 1 where one did what none may.

python -m tests.images.fuzzing --files 20000
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.images.fuzzing.mutate import damaged
from tests.images.fuzzing.run import Findings, fuzz, keep


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=20000, help="How many.")
    parser.add_argument("--first", type=int, default=0, help="Number of the first.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/fuzzing"), help="Where to keep what must not be.")
    chosen = parser.parse_args()
    start = time.monotonic()

    def tell(found: Findings) -> None:
        if found.count % 500 == 0:
            print(f"{found.count} files, {time.monotonic() - start:.0f} s, {len(found.bad)} bad", flush=True)

    numbers = range(chosen.first, chosen.first + chosen.files)
    found = fuzz(numbers, seed=chosen.seed, workers=chosen.workers, tell=tell)
    print(f"\n{found.count} files in {time.monotonic() - start:.0f} s\n\n| files | came to |\n| ---: | --- |")
    for kind, count in found.kinds.most_common():
        print(f"| {count} | {kind} |")
    print(f"\nslowest: {found.slowest[0]:.2f} s, {damaged(chosen.seed, found.slowest[1])[0]}")
    print(f"most memory: {found.largest[0]:.0f} MB, {damaged(chosen.seed, found.largest[1])[0]}")
    print(f"each worker grew by (MB): {', '.join(f'{each:.0f}' for each in found.growth)}")
    print(f"files left open by each: {', '.join(map(str, found.files_left))}")
    for number, what in sorted(found.bad.items()):
        print(f"BAD {number} ({damaged(chosen.seed, number)[0]}): {what}")
    if found.bad:
        keep(found, chosen.seed, chosen.out)
    return 1 if found.bad else 0


if __name__ == "__main__":
    sys.exit(main())
