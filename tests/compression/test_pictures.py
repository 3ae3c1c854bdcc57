"""Pictures that measure are not learnt from, whatever they are called."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pixelmend.compression.pictures import MOST_MEASURED, split
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten different files, the first two a second time under other names."""
    place = tmp_path / "data"
    place.mkdir()
    for number in range(10):
        (place / f"{number}.png").write_bytes(bytes([number]))
    for number in range(2):
        (place / f"copy-{number}.png").write_bytes(bytes([number]))
    return place


def contents(paths: tuple[Path, ...]) -> set[bytes]:
    return {path.read_bytes() for path in paths}


def test_a_fifth_measures_and_is_not_learnt_from(folder: Path) -> None:
    learnt, measured = split(folder)
    assert len(measured) == len(contents(measured)) == 2
    assert contents(learnt).isdisjoint(contents(measured))
    assert len(contents(learnt)) == 8


def test_names_and_order_have_no_say(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        shutil.copy(path, other / f"renamed-{number:02}.png")
    assert contents(split(other).measured) == contents(split(folder).measured)


def test_a_folder_of_its_own_measures(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for number in (4, 200):
        (own / f"{number}.png").write_bytes(bytes([number]))
    learnt, measured = split(folder, own)
    assert contents(measured) == {bytes([4]), bytes([200])}
    assert contents(learnt) == {bytes([n]) for n in range(10) if n != 4}


def test_no_more_than_so_many_measure(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.png").write_bytes(bytes([number]))
    learnt, measured = split(tmp_path)
    assert (len(learnt), len(measured)) == (200 - MOST_MEASURED, MOST_MEASURED)


def test_one_picture_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"1")
    (tmp_path / "2.png").write_bytes(b"1")
    with pytest.raises(DataError, match="two different pictures or more"):
        split(tmp_path)
