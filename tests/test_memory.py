"""Memory given back: what is written to files leaves it, what was freed leaves it, and nothing is lost."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelmend.images import decode, save
from pixelmend.memory import is_mapped, let_go, trim

MEGABYTES = 48


@pytest.fixture
def mapped(tmp_path: Path) -> np.memmap:
    """A picture of 48 MB, each row of which has a value of its own."""
    array = np.memmap(tmp_path / "scratch", dtype=np.uint8, mode="w+", shape=(MEGABYTES * 256, 4096 // 3, 3))
    array[:] = (np.arange(len(array)) % 251).astype(np.uint8)[:, None, None]
    return array


def resident(path: Path) -> float:
    """How much of a mapped file is in this process, MB."""
    maps = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)
    found = [re.search(r"^Rss:\s+(\d+)", each, re.MULTILINE) for each in maps if str(path) in each.partition("\n")[0]]
    return sum(int(each[1]) for each in found if each) / 1024


needs_proc = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="memory is read from /proc")


def test_only_arrays_in_files_are_mapped(mapped: np.memmap) -> None:
    plain = np.arange(12).reshape(3, 4)
    assert is_mapped(mapped)
    assert is_mapped(mapped[5:, ::2])
    assert is_mapped(np.asarray(mapped))
    assert not is_mapped(plain)
    let_go(plain)
    np.testing.assert_array_equal(plain.ravel(), range(12))


@needs_proc
def test_what_was_let_go_is_out_of_memory_and_comes_back(mapped: np.memmap, tmp_path: Path) -> None:
    assert resident(tmp_path / "scratch") > MEGABYTES * 0.9
    let_go(mapped[7:])
    assert resident(tmp_path / "scratch") < 1
    np.testing.assert_array_equal(mapped[:, 100, 1], np.arange(len(mapped)) % 251)
    mapped[3] = 252
    let_go(mapped)
    assert (mapped[3] == 252).all()


@needs_proc
@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_what_is_written_leaves_memory_on_the_way(
    mapped: np.memmap, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def watched(pixels: np.ndarray) -> None:
        seen.append(resident(tmp_path / "scratch"))
        let_go(pixels)

    monkeypatch.setattr(sys.modules[save.__module__], "let_go", watched)
    # Noise takes long to write: the thread that libvips tells from may be kept waiting for a processor.
    noise = np.random.default_rng(0).integers(0, 256, (256, mapped.shape[1] - 192, 3), np.uint8)
    for top in range(0, len(mapped), len(noise)):
        mapped[top : top + len(noise), 192:] = noise
    let_go(mapped)
    save(mapped, tmp_path / f"a{suffix}")
    assert len(seen) >= 2
    assert max(seen) < MEGABYTES / 3
    written = decode(tmp_path / f"a{suffix}")
    row = written.region(1000, 0, 1, 192)
    np.testing.assert_allclose(row.astype(int), 1000 % 251, atol=2)


@needs_proc
def test_what_was_freed_leaves_the_process() -> None:
    def megabytes() -> float:
        found = re.search(r"^RssAnon:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    trim()
    before = megabytes()
    kept = []
    blocks = [np.ones(16_000, np.uint8) for _ in range(4000)]  # each below what the library maps by itself
    kept.append(np.ones(16_000, np.uint8))  # and something that lies behind them
    assert megabytes() > before + 50
    blocks.clear()
    trim()
    assert megabytes() < before + 10


@needs_proc
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_a_file_that_was_unpacked_leaves_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    save(np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8), path)
    assert path.stat().st_size > 3 * 2**20
    picture = decode(path)
    picture.region(1000, 1000, 8, 8)
    assert resident(path) < 1
