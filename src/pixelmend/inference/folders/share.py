"""How many pictures are restored side by side."""

from __future__ import annotations

from pathlib import Path

from pixelmend.errors import UsageError
from pixelmend.inference.hardware import cores, look

NEED = 0.7e9
"""Bytes that a process takes at most with large pictures, rounded up; docs/folders.md says what was measured."""


def how_many(wanted: int | None, pictures: int, *, memory: float | None = None) -> int:
    """How many processes restore a number of pictures, at least 1.

    One picture on each core is done sooner than one after the other on all of them: much of the work, such as reading
    and writing files, takes one core whatever is free.

    Args:
        wanted: What the user says; None for as many as there are cores, unless memory is short.
        pictures: To be restored.
        memory: Bytes that are free; None asks the system.

    Raises:
        UsageError: Fewer than one were asked for.
    """
    if wanted is not None:
        if wanted < 1:
            raise UsageError(f"got {wanted} jobs, wanted 1 or more, or 'auto' for what suits this machine")
        return max(1, min(wanted, pictures))
    free = free_memory() if memory is None else memory
    return max(1, min(cores(), pictures, cores() if free is None else int(free // NEED)))


def free_memory(root: Path = Path("/")) -> float | None:
    """Bytes that new processes may take, as Linux tells; half of all memory elsewhere; None where nothing is told.

    Args:
        root: Of the file system.
    """
    found = [_available(root), *(_room(root / place) for place in ("sys/fs/cgroup", "sys/fs/cgroup/memory"))]
    known = [each for each in found if each is not None]
    if known:
        return min(known)
    total = look().memory_bytes
    return None if total is None else total / 2


def _available(root: Path) -> float | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    kilobytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if kilobytes is None else 1024.0 * int(kilobytes)


def _room(group: Path) -> float | None:
    """What a container's limit leaves; memory that only holds files does not count."""
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most, taken = ((group / name).read_text(encoding="ascii").strip() for name in (limit, used))
            fields = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):
            continue
        if most.isdigit():
            return max(0.0, float(most) - float(taken) + float(fields.get(cached, 0)))
    return None
