"""Decoding is paid once; what changed is noticed, what is broken is rebuilt and said, nothing is trusted unseen."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from pixelmend.data import cache as cache_module
from pixelmend.data import cachefiles
from pixelmend.data.cache import CacheOptions, Shards, default_cache, prepare
from pixelmend.data.sources import find_clean
from pixelmend.images import read_rgb8

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve pictures of various sizes, 90 kB decoded in all."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        write(folder / f"{number:02}.png", number)
    return folder


def write(path: Path, seed: int, height: int = 40) -> None:
    generator = np.random.default_rng(seed)
    shape = (height + seed, 60 - 2 * seed, 3)
    Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(path)


def options(tmp_path: Path, **changes: Any) -> CacheOptions:
    return CacheOptions(**{"folder": tmp_path / "cache", "shard_mb": 0.02, **changes})


def contents(shards: Shards) -> dict[str, np.ndarray]:
    """Every picture by name, as it is read."""
    found: dict[str, np.ndarray] = {}
    for number, part in enumerate(shards.parts):
        out = np.full((shards.pixels[number], 3), 77, np.uint8)
        assert shards.read(number, out) == []
        found |= {placed.entry.name: placed.entry.views(out)[0].copy() for placed in part}
    return found


def assert_right(shards: Shards, folder: Path) -> None:
    found = contents(shards)
    assert sorted(found) == sorted(path.stem for path in folder.iterdir())
    for name, pixels in found.items():
        assert np.array_equal(pixels, np.asarray(Image.open(folder / f"{name}.png")))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files as they are decoded."""
    names: list[str] = []

    def reading(path: Path) -> np.ndarray:
        names.append(path.name)
        return read_rgb8(path)

    monkeypatch.setattr(cache_module, "read_rgb8", reading)
    return names


def test_the_second_start_decodes_nothing(pictures: Path, tmp_path: Path, decoded: list[str]) -> None:
    source = find_clean([pictures])
    first = prepare(source, options(tmp_path), tell=pytest.fail)
    assert sorted(decoded) == sorted(path.name for path in pictures.iterdir())
    decoded.clear()
    again = prepare(source, options(tmp_path), tell=pytest.fail)
    assert again.checked
    assert again.parts == first.parts
    assert_right(again, pictures)
    assert decoded == []


def test_shards_are_of_about_one_size_and_do_not_depend_on_the_cache(pictures: Path, tmp_path: Path) -> None:
    source = find_clean([pictures])
    plain = prepare(source, options(tmp_path, folder=None), tell=pytest.fail)
    assert len(plain.parts) == round(3 * sum(plain.pixels) / 20_000) == 4
    largest = max(placed.entry.area for part in plain.parts for placed in part)
    assert max(plain.pixels) - min(plain.pixels) < largest
    assert plain.parts == prepare(source, options(tmp_path), tell=pytest.fail).parts
    assert sorted(p.position for part in plain.parts for p in part) == list(range(12))
    assert [p.position for part in plain.parts for p in part] != list(range(12))
    assert_right(plain, pictures)


def test_only_what_changed_is_decoded_again(pictures: Path, tmp_path: Path, decoded: list[str]) -> None:
    prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail)
    decoded.clear()
    write(pictures / "03.png", 3, height=44)
    write(pictures / "99.png", 5)
    (pictures / "07.png").unlink()
    shards = prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail)
    assert sorted(decoded) == ["03.png", "99.png"]
    assert_right(shards, pictures)
    decoded.clear()
    os.utime(pictures / "05.png", ns=(0, 0))
    assert_right(prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail), pictures)
    assert decoded == ["05.png"]
    [folder] = (tmp_path / "cache").iterdir()
    named = {shard["file"] for shard in json.loads((folder / "index.json").read_text())["shards"]}
    assert {path.name for path in folder.iterdir()} == named | {"index.json"}


@pytest.mark.parametrize("harm", ["cut", "longer", "flip", "foreign", "missing"])
def test_a_damaged_shard_is_rebuilt_and_said(pictures: Path, tmp_path: Path, harm: str) -> None:
    prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail)
    path = sorted((tmp_path / "cache").rglob("*.npy"))[1]
    whole = path.read_bytes()
    flipped = whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:]
    harmed = {"cut": whole[:-9], "longer": whole + b"x", "flip": flipped, "foreign": b"no array"}
    path.unlink() if harm == "missing" else path.write_bytes(harmed[harm])
    told: list[str] = []
    assert_right(prepare(find_clean([pictures]), options(tmp_path), tell=told.append), pictures)
    assert len(told) == 1
    assert f"{path.name} " in told[0]
    assert "again" in told[0]
    assert path.read_bytes() == whole
    assert_right(prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail), pictures)


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[1, 2"])
def test_an_index_that_is_not_understood_is_rebuilt_and_said(pictures: Path, tmp_path: Path, text: str) -> None:
    prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail)
    [index] = (tmp_path / "cache").rglob("index.json")
    index.write_text(text)
    told: list[str] = []
    assert_right(prepare(find_clean([pictures]), options(tmp_path), tell=told.append), pictures)
    assert len(told) == 1
    assert "damaged or of another version" in told[0]


def test_unreadable_files_are_all_found_and_remembered(pictures: Path, tmp_path: Path, decoded: list[str]) -> None:
    whole = (pictures / "04.png").read_bytes()
    (pictures / "04.png").write_bytes(whole[: len(whole) // 2])  # its head is whole: only decoding tells
    (pictures / "05.png").write_bytes(b"no picture")
    (pictures / "06.png").write_bytes(b"")
    for folder in (tmp_path / "cache", tmp_path / "cache", None):
        shards = prepare(find_clean([pictures]), options(tmp_path, folder=folder), tell=pytest.fail)
        read = [shards.read(k, np.empty((pixels, 3), np.uint8)) for k, pixels in enumerate(shards.pixels)]
        faults = {fault.path.name: fault.reason for fault in [*shards.faults, *(f for fs in read for f in fs)]}
        assert sorted(faults) == ["04.png", "05.png", "06.png"]
        assert "cut short" in faults["04.png"]
        assert "not a picture" in faults["05.png"]
        assert "empty" in faults["06.png"]
    write(pictures / "04.png", 4)
    write(pictures / "05.png", 5)
    decoded.clear()
    shards = prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail)
    assert [fault.path.name for fault in shards.faults] == ["06.png"]
    assert sorted(decoded) == ["04.png", "05.png"]


def test_a_full_disk_is_said_and_survived(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cachefiles, "RESERVE", shutil.disk_usage(tmp_path).total)
    told: list[str] = []
    shards = prepare(find_clean([pictures]), options(tmp_path), tell=told.append)
    assert len(told) == 1
    assert "the disk is full" in told[0]
    assert "decoded at each start" in told[0]
    assert not shards.checked
    assert_right(shards, pictures)


def test_a_place_that_cannot_be_written_is_said_and_survived(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    told: list[str] = []
    assert_right(prepare(find_clean([pictures]), options(tmp_path), tell=told.append), pictures)
    assert ["no cache in" in line for line in told][-1]


def test_a_limit_is_kept_by_removing_what_was_used_longest_ago(pictures: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return shutil.copytree(pictures, tmp_path / name)

    for name in ("old", "older", "fresh"):
        prepare(find_clean([copy(name)]), options(tmp_path), tell=pytest.fail)
    indices = sorted((tmp_path / "cache").glob("*/index.json"), key=lambda path: path.stat().st_mtime)
    os.utime(indices[0], (2e9 - 9e8, 2e9 - 9e8))
    os.utime(indices[1], (1e9, 1e9))
    told: list[str] = []
    size = sum(path.stat().st_size for path in indices[0].parent.iterdir()) / 1e6
    # Three and a half fit: the one used longest ago goes, and one that is older than a day stays.
    limit = options(tmp_path, limit_mb=3.5 * size)
    assert prepare(find_clean([pictures]), limit, tell=told.append).checked
    assert [index.exists() for index in indices] == [True, False, True]
    assert len(told) == 1
    assert "that were not used of late" in told[0]
    # None of a day's use goes, not even where nothing fits.
    told.clear()
    tiny = options(tmp_path, limit_mb=0.01, shard_mb=0.03)
    assert_right(prepare(find_clean([pictures]), tiny, tell=told.append), pictures)
    assert [index.exists() for index in indices] == [False, False, True]
    assert "above the cache's limit" in told[-1]


def _prepare(arguments: tuple[Path, Path]) -> list[str]:
    told: list[str] = []
    folder, tmp_path = arguments
    assert_right(prepare(find_clean([folder]), options(tmp_path), tell=told.append), folder)
    return told


def test_starts_at_the_same_time_do_not_disturb_each_other(pictures: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(_prepare, [(pictures, tmp_path)] * 8))
    assert told == [[]] * 8
    assert not list((tmp_path / "cache").rglob("*.part"))
    assert_right(prepare(find_clean([pictures]), options(tmp_path), tell=pytest.fail), pictures)


def test_the_default_place_follows_the_desktop_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "pixelmend" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "pixelmend" / "data"
