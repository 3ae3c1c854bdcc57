"""PSNR on CBSD68 at sigma 25: measured here where that was done on all pictures, else as published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.ours import default_form
from pixelmend import catalog
from pixelmend.errors import DataError
from pixelmend.inference.engines.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.measuring.systems import Candidate
    from pixelmend.evaluation import Entry

_TITLE, _CASE, _PROTOCOL = "CBSD68", "σ 25", "CBSD68 sigma 25"
_METHODS = {"DnCNN": "dncnn", "BM3D": "bm3d", "FFDNet": "ffdnet", "Restormer": "restormer", "DRUNet": "drunet"}
_METHODS |= {"SCUNet": "scunet", "NAFNet-32": "nafnet", "SwinIR-light": "swinir"}
"""What ``pixelmend evaluate`` calls what others made."""


@dataclass(frozen=True)
class Quality:
    """PSNR in dB, None where nobody has measured it, and who has."""

    db: float | None
    source: str


PUBLISHED: dict[str, Quality] = {
    # One origin of the figures of DnCNN, FFDNet and BM3D: the tables of DPIR and SwinIR.
    "BM3D": Quality(30.71, "published (table of DPIR, Zhang et al. 2021)"),
    "DnCNN": Quality(31.24, "published (table of DPIR, Zhang et al. 2021)"),
    "FFDNet": Quality(31.21, "published (table of DPIR, Zhang et al. 2021)"),
    "DRUNet": Quality(31.69, "published (DPIR, Zhang et al. 2021)"),
    "Restormer": Quality(31.79, "published (Zamir et al. 2022, weights for this level alone)"),
    "SCUNet": Quality(31.79, "published (Zhang et al. 2022, weights for this level alone)"),
    "SwinIR-light": Quality(None, "not published: its authors denoise with the large form"),
    "NAFNet-32": Quality(None, "not published: its authors remove the noise of cameras"),
    "non-local means": Quality(None, "OpenCV's form was not measured"),
}
"""What authors report, RGB, noise not clipped, whole pictures."""


def quality(system: Candidate, results: Path) -> Quality:
    """What a system reaches.

    Args:
        system: Which.
        results: The folder of standard.json, peers and compression.json.
    """
    entries = _stored(results)
    if system.kind == "ours":
        return _ours(system, entries, compression(results / "compression.json"))
    method = _METHODS.get(system.network, "")
    # A network that was trained here for some minutes tells nothing of what its authors reached.
    measured = [e for e in entries if e.method == method and not e.note.startswith("trained here")]
    whole = [e for e in measured if len(e.pictures) == e.expected]
    return _of(whole[0]) if whole else PUBLISHED[system.network]


def compression(path: Path) -> list[dict[str, Any]]:
    """Rows of what compression costs, as its own script stored them; none where it has not run.

    Raises:
        DataError: The file is broken.
    """
    if not path.is_file():
        return []
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
        needed = {"name", "task", "step", "bytes", "macs_per_pixel", "db", "float_db", "protocol"}
        missing = sorted({key for row in rows for key in needed - row.keys()})
        missing += [] if all(row.get("shipped", True) or row.get("reason") for row in rows) else ["reason"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} does not hold rows of compression ({error!r}): make it again") from error
    if missing:
        raise DataError(f"{path} has rows that lack {', '.join(missing)}: make it again")
    return rows


@lru_cache(maxsize=1)
def _stored(results: Path) -> tuple[Entry, ...]:
    """What ``pixelmend evaluate`` measured of this set and level."""
    from pixelmend.evaluation import Results

    files = [results / "standard.json", *sorted((results / "peers").glob("*.json"))]
    entries = (entry for file in files if file.is_file() for entry in Results(file).entries.values())
    return tuple(e for e in entries if (e.title, e.case) == (_TITLE, _CASE))


def _ours(system: Candidate, entries: Sequence[Entry], rows: Sequence[dict[str, Any]]) -> Quality:
    """Of the very file that ships, by its checksum; in a precision that it does not ship in, where that is known."""
    card = catalog.by_name(f"denoise-{system.network}")
    if card.precision == "int8" != system.precision:
        steps = {(row["name"], row["step"], row["protocol"]): row for row in rows}
        row = steps.get((card.name, "float32", _PROTOCOL))
        return Quality(None, "not measured") if row is None else Quality(row["db"], "measured before quantising")
    labels = [f"pixelmend ({card.name}, {system.precision})", f"pixelmend ({card.name})"]
    labels += ["pixelmend"] if system.network == "small" else []
    found = [e for label in labels for e in entries if e.label == label and e.weights == card.sha256]
    whole = [e for e in found if len(e.pictures) == e.expected]
    if not whole:
        return Quality(None, "not measured")
    engine, precision = default_form(card)
    return _of(whole[0], f", in {KINDS[engine].title} {precision}")


def _of(entry: Entry, where: str = "") -> Quality:
    db = entry.mean("psnr")
    return Quality(None if db is None else round(db, 3), f"measured here on {len(entry.pictures)} pictures{where}")
