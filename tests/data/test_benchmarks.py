"""Benchmark sets are found under any spelling, described exactly, and refused where not to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips

from pixelmend.data.benchmarks import BENCHMARKS, find_benchmark
from pixelmend.errors import DataError, UnknownNameError, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, *names: str, level: int = 0) -> None:
    """Write small pictures that differ by name; `level` changes one pixel of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = np.random.default_rng(sum(name.split(".")[0].encode())).integers(0, 255, (12, 14, 3), np.uint8)
        pixels[0, 0] = level
        pyvips.Image.new_from_array(pixels).write_to_file(str(folder / name), **_lossless(name))


def _lossless(name: str) -> dict[str, bool]:
    return {"lossless": True} if name.endswith(".webp") else {}


def test_a_set_is_described_as_it_lies_there(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "b.png", "a.png", "c.png")
    (tmp_path / "kodak24" / "SOURCES.txt").write_text("where from")
    found = find_benchmark(tmp_path, "kodak24")
    assert (found.name, found.title, found.color, found.expected) == ("kodak24", "Kodak24", "rgb", 24)
    assert [path.name for path in found.paths] == ["a.png", "b.png", "c.png"]
    assert found.load(found.paths[0]).shape == (12, 14, 3)


def test_a_gray_set_is_read_as_one_channel(tmp_path: Path) -> None:
    put(tmp_path / "bsd68", "a.png")
    found = find_benchmark(tmp_path, "bsd68")
    assert found.color == "gray"
    assert found.load(found.paths[0]).shape == (12, 14)


@pytest.mark.parametrize("folder", ["CBSD68", "cbsd-68", "Cbsd_68"])
def test_the_folders_spelling_does_not_matter(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder, "a.png")
    put(tmp_path / "BSD68", "b.png")
    assert find_benchmark(tmp_path, "CBSD68").paths[0].name == "a.png"


def test_lossless_copies_in_another_format_have_the_same_checksum(tmp_path: Path) -> None:
    put(tmp_path / "one" / "kodak24", "a.png", "b.png")
    put(tmp_path / "two" / "Kodak24", "a.webp", "b.tif")
    one, two = (find_benchmark(tmp_path / root, "kodak24") for root in ("one", "two"))
    assert one.checksum == two.checksum
    assert len(one.checksum) == 64


def test_any_change_shows_in_the_checksum(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "a.png", "b.png")
    sums = {find_benchmark(tmp_path, "kodak24").checksum}
    put(tmp_path / "kodak24", "b.png", level=1)
    sums.add(find_benchmark(tmp_path, "kodak24").checksum)
    (tmp_path / "kodak24" / "b.png").rename(tmp_path / "kodak24" / "c.png")
    sums.add(find_benchmark(tmp_path, "kodak24").checksum)
    (tmp_path / "kodak24" / "c.png").unlink()
    sums.add(find_benchmark(tmp_path, "kodak24").checksum)
    assert len(sums) == 4


def test_a_broken_picture_is_left_for_the_measurement_to_report(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "a.png")
    before = find_benchmark(tmp_path, "kodak24").checksum
    (tmp_path / "kodak24" / "b.png").write_bytes(b"no picture")
    found = find_benchmark(tmp_path, "kodak24")
    assert found.checksum != before
    with pytest.raises(UnreadableError):
        found.load(found.paths[1])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "set5").mkdir()
    with pytest.raises(DataError, match=r"no folder kodak24.*found set5"):
        find_benchmark(tmp_path, "kodak24")
    with pytest.raises(DataError, match="not a folder"):
        find_benchmark(tmp_path / "absent", "kodak24")
    (tmp_path / "kodak24").mkdir()
    with pytest.raises(DataError, match="no picture: expected the 24"):
        find_benchmark(tmp_path, "kodak24")


def test_an_unknown_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'kodak24'"):
        find_benchmark(tmp_path, "kodak25")


def test_what_cannot_be_the_set_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", *(f"{i:02}.png" for i in range(24)))
    assert len(find_benchmark(tmp_path, "kodak24").paths) == 24
    put(tmp_path / "kodak24", "24.png")
    with pytest.raises(DataError, match="25 pictures: Kodak24 has 24"):
        find_benchmark(tmp_path, "kodak24")
    (tmp_path / "kodak24" / "24.png").rename(tmp_path / "kodak24" / "00.tif")
    with pytest.raises(DataError, match=r"00\.png and 00\.tif"):
        find_benchmark(tmp_path, "kodak24")


def test_two_folders_of_one_set_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "kodak24", "a.png")
    put(tmp_path / "Kodak-24", "a.png")
    with pytest.raises(DataError, match="keep one"):
        find_benchmark(tmp_path, "kodak24")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["bsd68", "cbsd68", "kodak24"])
def test_the_published_sets_are_whole(shared: Path, name: str) -> None:
    found = find_benchmark(shared / "data" / "test", name)
    assert len(found.paths) == BENCHMARKS[name].count
    assert found.load(found.paths[0]).ndim == (2 if name == "bsd68" else 3)
