"""Photographs through the command line, as a user restores them: time and memory of the whole process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.record import Restored
from benchmarks.promises import noisy_photo, restore_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PHOTOGRAPH = 12.0
"""Megapixels of a usual photograph."""
SIZES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Megapixels that cost is followed over."""
PATIENCE = 180.0
"""Seconds that one size may take unless all are asked for."""


def photographs(networks: Sequence[str], megapixels: float, tell: Callable[[str], None]) -> tuple[Restored, ...]:
    """Restore one photograph with each network."""
    found = []
    for network in networks:
        tell(f"{megapixels:g} megapixels with {network}")
        found.append(restored(network, megapixels))
    return tuple(found)


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


def restored(network: str, megapixels: float) -> Restored:
    """Restore a photograph of this size by ``pixelmend restore``, in a process of its own."""
    height, width = sides(megapixels)
    with tempfile.TemporaryDirectory() as folder:
        noisy_photo(Path(folder) / "in.jpg", height, width)
        seconds, peak = restore_alone(f"{folder}/in.jpg", "-o", f"{folder}/out.jpg", "--size", network)
    return Restored(network, height * width / 1e6, seconds, peak / 1e6)
