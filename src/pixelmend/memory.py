"""Giving memory back to the system: pages of files that were read or written, and what was freed."""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def is_mapped(pixels: NDArray[Any]) -> bool:
    """Whether an array lies in a file that is mapped, as `numpy.memmap` makes them."""
    return _map_of(pixels) is not None


def let_go(pixels: NDArray[Any]) -> None:
    """Take an array that lies in a file out of memory; it stays in the file, and comes back where it is looked at.

    Without it, all that was ever written or read counts as memory of this process until the system needs it. Nothing
    happens to other arrays.
    """
    if (found := _map_of(pixels)) is not None:
        forget(found)


def forget(mapped: mmap.mmap) -> None:
    """Take a mapped file out of memory, as `let_go` does; not where the system has no such thing."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def trim() -> None:
    """Let the C library of Linux pass on what was freed; it keeps a lot of it, above all of what came in large pieces.

    Nothing happens elsewhere.
    """
    if give_back := _malloc_trim():
        give_back(0)


@lru_cache(maxsize=1)
def _malloc_trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


def _map_of(pixels: NDArray[Any]) -> mmap.mmap | None:
    base: object = pixels
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    return base
