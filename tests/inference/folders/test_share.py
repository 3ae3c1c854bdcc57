"""How many processes: as many as there are cores, pictures and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import UsageError
from pixelmend.inference.folders import how_many, share
from pixelmend.inference.folders.share import free_memory

if TYPE_CHECKING:
    from pathlib import Path


def test_as_many_as_there_are_cores_pictures_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "cores", lambda: 8)
    assert how_many(None, 100, memory=64e9) == 8
    assert how_many(None, 3, memory=64e9) == 3
    assert how_many(None, 100, memory=2.5e9) == 3
    assert how_many(None, 100, memory=0.0) == 1
    assert how_many(20, 100, memory=0.0) == 20  # who says so knows
    assert how_many(20, 5, memory=0.0) == 5
    with pytest.raises(UsageError, match="got 0 jobs, wanted 1 or more"):
        how_many(0, 5)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_free_memory_of_a_machine_and_of_a_container(tmp_path: Path) -> None:
    put(tmp_path / "proc/meminfo", "MemTotal: 8000 kB\nMemAvailable:    5000 kB\n")
    assert free_memory(tmp_path) == 5000 * 1024
    group = tmp_path / "sys/fs/cgroup"
    put(group / "memory.current", "3000000\n")
    put(group / "memory.stat", "anon 1\ninactive_file 500000\n")
    put(group / "memory.max", "max\n")
    assert free_memory(tmp_path) == 5000 * 1024
    put(group / "memory.max", "4000000\n")
    assert free_memory(tmp_path) == 1_500_000


def test_where_nothing_is_told_half_of_all_is_taken(tmp_path: Path) -> None:
    found = free_memory(tmp_path)
    assert found is None or found > 0
