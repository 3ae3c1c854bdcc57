"""Every file of an own folder is measured or named: pairs, lonely halves, doubles, broken and gray ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips

from pixelmend.errors import DataError
from pixelmend.evaluation.own_pictures import find_own

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, bands: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (12, 10, bands), np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(path))


def test_pairs_are_joined_wherever_the_telling_folder_stands(tmp_path: Path) -> None:
    for name in ("one/sharp/001", "one/blur/001", "two/sharp/001", "two/blur/001"):
        write(tmp_path / f"{name}.png")
    own = find_own(tmp_path, pairs=True)
    assert own.paired
    assert own.faults == ()
    assert [(item.stem, item.clean and item.clean.parent.name) for item in own.benchmark.items] == [
        ("one/001", "sharp"),
        ("two/001", "sharp"),
    ]
    assert all(item.degraded and item.degraded.parent.name == "blur" for item in own.benchmark.items)


def test_what_is_no_pair_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    for name in ("clean/a.png", "clean/b.png", "clean/a.jpg", "noisy/a.png", "noisy/c.png", "loose.png"):
        write(tmp_path / name)
    own = find_own(tmp_path, pairs=True)
    assert [item.stem for item in own.benchmark.items] == ["a"]
    assert {name: why.split(":")[0] for name, why in own.faults} == {
        "clean/a.png": "it has the name of a.jpg",
        "clean/b.png": "it has no partner",
        "noisy/c.png": "it has no partner",
        "loose.png": "it lies in no folder of clean or damaged pictures",
    }
    assert own.benchmark.expected == 5


def test_halves_without_any_pair_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "clean" / "a.png")
    write(tmp_path / "noisy" / "a_n.png")
    with pytest.raises(DataError, match="clean/a and noisy/a_n"):
        find_own(tmp_path, pairs=True)


def test_only_clean_halves_are_damaged(tmp_path: Path) -> None:
    for name in ("clean/a", "noisy/a", "clean/b", "noisy/b"):
        write(tmp_path / f"{name}.png")
    own = find_own(tmp_path, pairs=False)
    assert not own.paired
    assert [item.stem for item in own.benchmark.items] == ["clean/a", "clean/b"]
    assert all(item.degraded is None for item in own.benchmark.items)


def test_two_files_of_one_name_are_two_pictures(tmp_path: Path) -> None:
    for name in ("x.png", "x.jpg", "y.png"):
        write(tmp_path / name)
    assert [item.stem for item in find_own(tmp_path, pairs=True).benchmark.items] == ["x.jpg", "x.png", "y"]


def test_gray_pictures_are_measured_as_gray(tmp_path: Path) -> None:
    write(tmp_path / "gray" / "a.png", bands=1)
    write(tmp_path / "mixed" / "a.png", bands=1)
    write(tmp_path / "mixed" / "b.png")
    assert find_own(tmp_path / "gray", pairs=True).benchmark.color == "gray"
    assert find_own(tmp_path / "mixed", pairs=True).benchmark.color == "rgb"


def test_what_cannot_be_opened_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "c.png").symlink_to(tmp_path / "nowhere.png")
    own = find_own(tmp_path, pairs=True)
    assert [item.stem for item in own.benchmark.items] == ["a", "b", "c"]


def test_a_changed_picture_changes_the_checksum(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    before = find_own(tmp_path, pairs=True).benchmark.checksum
    write(tmp_path / "a.png", bands=1)
    assert find_own(tmp_path, pairs=True).benchmark.checksum != before


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_pictures_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        find_own(tmp_path / name, pairs=True)
