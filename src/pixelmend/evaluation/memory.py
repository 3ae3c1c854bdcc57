"""How much memory a call needs at its peak, beyond what was in use before it."""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures calls of this process: its resident memory at the peak of a call, less that before.

    Linux keeps the peak and lets a process begin it anew (proc(5), clear_refs). On a CUDA device it is what PyTorch's
    allocator gave out. What an earlier call freed is given back to the system first, where it can be (glibc).

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, device: str = "cpu") -> None:
        self._cuda = device.partition(":")[0] == "cuda" and "torch" in sys.modules
        self.known = self._cuda or self._begin() is not None

    def of(self, call: Callable[[], object]) -> float | None:
        """Make a call; its peak in megabytes (10⁶ bytes), or None where this system does not tell."""
        if self._cuda:
            return _of_cuda(call)
        before = self._begin()
        call()
        if before is None:
            return None
        return max(0.0, (_read("VmHWM") - before) / 1e6)

    def _begin(self) -> int | None:
        """Give back what is free, forget the peak so far; bytes in use, or None where this cannot be done."""
        if sys.platform != "linux":
            return None
        if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
            trim(0)
        with contextlib.suppress(OSError, ValueError):
            _RESET.write_text("5", encoding="ascii")
            return _read("VmRSS")
        return None


def _of_cuda(call: Callable[[], object]) -> float:
    import torch

    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return float(torch.cuda.max_memory_allocated() - before) / 1e6


def _read(field: str) -> int:
    """A size that the system tells of this process, bytes.

    Raises:
        ValueError: It does not tell it.
    """
    found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise ValueError(field)
    return int(found[1]) * 1024
