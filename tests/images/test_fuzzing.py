"""Damaged files: none may crash, hang or blow up what reads it; and whatever does would be found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.images.fuzzing.corpus import corpus
from tests.images.fuzzing.mutate import damaged
from tests.images.fuzzing.run import fuzz, keep

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is watched through /proc")
FILES = 600

WORKER = """
import json, sys, time, os
print(json.dumps({"open files": 5, "resident": 1000}), flush=True)
for line in sys.stdin:
    number = int(line)
    if number == 3: os.abort()
    if number == 5: time.sleep(60)
    kind = "RAISED ValueError: no" if number == 7 else "picture (png)"
    seconds, megabytes = (9.0 if number == 2 else 0.1), (1500 if number == 4 else 1)
    print(json.dumps({"number": number, "kind": kind, "seconds": seconds, "megabytes": megabytes,
                      "open files": 5 + number, "resident": 1000 + 1024 * number}), flush=True)
"""


def test_damaged_files_are_pictures_or_told_so() -> None:
    found = fuzz(range(FILES))
    assert found.bad == {}
    assert found.count == FILES
    # they are worth reading: many are pictures still, many are found out only when they are decoded
    read = sum(count for kind, count in found.kinds.items() if kind.startswith("picture"))
    assert read > FILES / 6
    assert len(found.kinds) > 12
    assert found.files_left == [0]
    assert max(found.growth) < 60


def test_whatever_ends_a_worker_is_found(tmp_path: Path) -> None:
    found = fuzz(range(9), command=[sys.executable, "-c", WORKER], patience=3)
    assert sorted(found.bad) == [2, 3, 4, 5, 7]
    assert [found.bad[number].split()[0] for number in (2, 3, 4, 5, 7)] == ["took", "crashed", "took", "hung", "RAISED"]
    assert found.count == 9
    assert found.files_left == [8]
    keep(found, 0, tmp_path)
    assert (tmp_path / "0-3.bin").read_bytes() == damaged(0, 3)[1]
    assert "crashed" in (tmp_path / "0-3.txt").read_text()


def test_a_worker_that_does_not_start_is_told() -> None:
    with pytest.raises(RuntimeError, match="no such luck"):
        fuzz(range(3), command=[sys.executable, "-c", "import sys; sys.exit('no such luck')"])


def test_files_can_be_made_again_and_differ() -> None:
    files = [damaged(0, number) for number in range(200)]
    assert files == [damaged(0, number) for number in range(200)]
    assert files != [damaged(1, number) for number in range(200)]
    assert len({name.partition(":")[0] for name, _ in files}) > len(corpus()) / 2
    assert sum(data in corpus().values() for _, data in files) < 20
