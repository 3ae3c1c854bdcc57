"""Photographs through the command line, as a user restores them: time and memory of the whole process."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.ours import AS_INSTALLED
from benchmarks.measuring.record import Restored
from benchmarks.promises import noisy_photo, restore_alone
from pixelmend.inference.engines.table import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PHOTOGRAPH = 12.0
"""Megapixels of a usual photograph."""
SIZES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Megapixels that cost is followed over."""
PATIENCE = 180.0
"""Seconds that one size may take unless all are asked for."""
_TASTE = 0.05
"""Megapixels of what is restored first where there are several engines, so that they are measured by then."""


def photographs(networks: Sequence[str], megapixels: float, tell: Callable[[str], None]) -> tuple[Restored, ...]:
    """Restore one photograph with each network: as installed, and as is chosen among all engines that are here."""
    found = []
    for network in networks:
        tell(f"{megapixels:g} megapixels with {network}")
        found.append(restored(network, megapixels))
        if len(installed()) > 1:
            tell(f"{megapixels:g} megapixels with {network}, the engine chosen")
            found.append(_chosen(network, megapixels))
    return tuple(found)


def _chosen(network: str, megapixels: float) -> Restored:
    """Restore with the engine that is chosen by what this run measures, whatever the user's cache holds."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {"XDG_CACHE_HOME": cache, "PIXELMEND_ENGINE": "auto"}
        restored(network, _TASTE, "auto", environment)
        return restored(network, megapixels, "auto", environment)


def growth(
    networks: Sequence[str], sizes: Sequence[float], patience: float, tell: Callable[[str], None]
) -> tuple[Restored, ...]:
    """Restore photographs of growing size with each network, until one would take too long.

    Args:
        networks: "nano", "small".
        sizes: Megapixels, rising.
        patience: Seconds; a size that would take longer, by what the one before took, is left out.
        tell: Is told what is done.
    """
    found: list[Restored] = []
    for network in networks:
        last: Restored | None = None
        for megapixels in sizes:
            if last is not None and expected_seconds(last, megapixels) > patience:
                tell(f"{megapixels:g} megapixels with {network} would take more than {patience:g} s: left out")
                break
            tell(f"{megapixels:g} megapixels with {network}")
            last = restored(network, megapixels)
            found.append(last)
    return tuple(found)


def expected_seconds(last: Restored, megapixels: float) -> float:
    """What a size will take if cost is in proportion to it."""
    return last.seconds * megapixels / last.megapixels


def sides(megapixels: float) -> tuple[int, int]:
    """Height and width of a photograph, 3 to 4, in pixels.

    >>> sides(12)
    (3000, 4000)
    """
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    return height, round(megapixels * 1e6 / height)


def restored(
    network: str, megapixels: float, engine: str = AS_INSTALLED, environment: Mapping[str, str] | None = None
) -> Restored:
    """Restore a photograph of this size by ``pixelmend restore``, in a process of its own.

    Args:
        network: "nano", "small".
        megapixels: About how large.
        engine: What is asked for.
        environment: Variables beside those of this process.
    """
    height, width = sides(megapixels)
    with tempfile.TemporaryDirectory() as folder:
        noisy_photo(Path(folder) / "in.jpg", height, width)
        words = ["-o", f"{folder}/out.jpg", "--size", network, "--engine", engine, "--json", f"{folder}/told.json"]
        seconds, peak = restore_alone(f"{folder}/in.jpg", *words, environment=environment)
        told = json.loads(Path(folder, "told.json").read_text(encoding="utf-8"))
    computed = told["tiles"] * told["tile"][0] * told["tile"][1] / 1e6
    ran = (told["engine"], told["precision"])
    return Restored(network, engine, *ran, height * width / 1e6, computed, seconds, peak / 1e6)
