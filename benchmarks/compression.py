"""What computing in int8 costs each set of weights that ships, in PSNR on published pictures.

Both precisions of one file are run on the same damaged pictures; rows go to docs/results/compression.json.

python benchmarks/compression.py --data DIR
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from pixelmend import catalog
from pixelmend.evaluation import Results
from pixelmend.evaluation.method import Setup
from pixelmend.evaluation.methods.own import from_card
from pixelmend.evaluation.run import Plan, evaluate
from pixelmend.evaluation.suites import published_trials

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "results" / "compression.json"
MEASURED = {
    "denoise": ("denoise", "cbsd68", 25.0),
    "super-resolve": ("super-resolve", "set5", 0.0),
    "deblur": ("deblur", "gopro", None),
    "dejpeg": ("dejpeg", "classic5", 10.0),
    "inpaint": ("inpaint", "kodak24", 0.5),
    "photo": ("real-noise", "sidd", None),
}
"""By task: suite, set and level that the loss is measured at; 0 stands for the enlargement of the network."""


def measure(card: catalog.Card, data: Path, limit: int | None) -> tuple[float, float, str]:
    """Mean PSNR in float32 and in int8, dB, and what it was measured on."""
    suite, dataset, level = MEASURED[card.task]
    levels = [] if level is None else [level or float(card.scale)]
    (trial, *_) = published_trials(suite, data, [dataset], levels, lambda _: None).trials
    found = []
    for precision in ("float32", "int8"):
        setup = Setup(threads=1)
        method = from_card(card, setup, precision)
        with tempfile.TemporaryDirectory() as folder:
            (entry,) = evaluate(Plan((trial,), (method,), setup, limit=limit), Results(Path(folder) / "scores.json"))
        found.append(statistics.fmean(score.psnr for score in entry.pictures.values()))
    return found[0], found[1], f"{entry.title}, {entry.case}"


def rows(card: catalog.Card, data: Path, limit: int | None) -> list[dict[str, Any]]:
    """Two rows for a set of weights that ships in int8; pruned ones are held against those that they were made from."""
    floating, whole, protocol = measure(card, data, limit)
    wanted, name, steps = floating, card.name, ("float32", "int8")
    if card.variant == "pruned":
        original = catalog.find(card.task, card.size, card.scale)
        wanted, _, _ = measure(original, data, limit)
        name, steps = original.name, ("pruned", "pruned int8")
    common = {"name": name, "task": card.task, "macs_per_pixel": card.macs_per_pixel, "protocol": protocol}
    print(f"{card.name}: {wanted:.3f} dB, {steps[0]} {floating:.3f}, {steps[1]} {whole:.3f} on {protocol}", flush=True)
    sizes = (4 * card.parameters, card.path.stat().st_size)
    return [
        {**common, "step": step, "bytes": size, "db": db, "float_db": wanted}
        for step, size, db in zip(steps, sizes, (floating, whole), strict=True)
    ]


def stored(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; none where there is no file."""
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return found


def main() -> int:
    """Measure and write; rows that are not measured anew stay, such as those of what was refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the published sets")
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--only", default="", help="names of some weights, with commas between")
    parser.add_argument("--limit", type=int, help="only the first pictures of each set, for a trial")
    chosen = parser.parse_args()
    cards = [catalog.by_name(name) for name in catalog.names()]
    wanted = [
        card
        for card in cards
        if card.precision == "int8" and card.name in (chosen.only.split(",") if chosen.only else [card.name])
    ]
    made = [row for card in wanted for row in rows(card, chosen.data, chosen.limit)]
    anew = {(row["name"], row["step"]) for row in made}
    kept = [row for row in stored(chosen.out) if (row["name"], row["step"]) not in anew]
    ordered = sorted([*made, *kept], key=lambda row: row["name"])  # the steps of each stay in their order
    text = json.dumps({"rows": ordered}, indent=1, ensure_ascii=False)
    chosen.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
