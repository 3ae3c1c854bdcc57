"""Pictures, pairs and frames are found where they lie; what cannot be used is named and counted, never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelmend.data.layouts import list_files
from pixelmend.data.sources import Fault, find_clean, find_frames, find_pairs, list_pictures, settle
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_folders_are_read_deeply_and_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "b/deep/1.PNG", "a/9.webp", "b/notes.txt")
    found = list_pictures([tmp_path / "b", tmp_path / "a"])
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["b/2.png", "b/deep/1.PNG", "a/9.webp"]
    source = find_clean([tmp_path / "b", tmp_path / "a"])
    assert [item.name for item in source.items] == ["2", "deep/1", "9"]
    assert [item.paths for item in source.items] == [(path,) for path in found]


def test_a_file_stands_for_itself(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "b/3.png", "a/2.png")
    files = [tmp_path / "b" / "2.png", tmp_path / "a" / "2.png"]
    assert list_pictures(files) == files
    source = find_clean(files)
    assert [item.paths for item in source.items] == [(path,) for path in files]
    assert len({item.name for item in source.items}) == 2


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*/nowhere: set data\.root"):
        list_pictures([tmp_path / "nowhere"])
    touch(tmp_path, "x/readme.md")
    with pytest.raises(DataError, match=r"no pictures in .*/x: wanted files that end in"):
        list_pictures([tmp_path / "x"])


@pytest.mark.parametrize(
    ("names", "items"),
    [
        (("one/blur/1.png", "one/sharp/1.png", "two/Blur/1.png", "two/SHARP/1.webp"), ["one/sharp/1", "two/SHARP/1"]),
        (("blur/a/1.png", "sharp/a/1.jpg", "blur/b/1.png", "sharp/b/1.png"), ["sharp/a/1", "sharp/b/1"]),
    ],
)
def test_pairs_are_found_however_scenes_are_nested(tmp_path: Path, names: tuple[str, ...], items: list[str]) -> None:
    touch(tmp_path, *names)
    source = find_pairs([tmp_path], clean="sharp", degraded="blur")
    assert [item.name for item in source.items] == items
    assert not source.faults
    for clean, degraded in (item.paths for item in source.items):
        assert (clean.stem, "sharp" in str(clean).lower(), "blur" in str(degraded).lower()) == ("1", True, True)


def test_pictures_without_a_partner_are_faults(tmp_path: Path) -> None:
    touch(tmp_path, "noisy/1.png", "noisy/2.png", "clean/1.png", "clean/3.png", "clean/1.tif")
    source = find_pairs([tmp_path], clean="clean", degraded="noisy")
    assert [item.name for item in source.items] == ["clean/1"]
    assert [(f.path.relative_to(tmp_path).as_posix(), f.reason) for f in source.faults] == [
        ("clean/1.tif", "has the same name as 1.png"),
        ("clean/3.png", "has no partner in noisy"),
        ("noisy/2.png", "has no partner in clean"),
    ]


def test_folders_that_do_not_face_each_other_are_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "one/blur/1.png", "two/sharp/1.png")
    with pytest.raises(DataError, match="no folders sharp and blur beside each other"):
        find_pairs([tmp_path], clean="sharp", degraded="blur")


def test_sizes_that_do_not_fit_are_said(tmp_path: Path) -> None:
    touch(tmp_path, "lo/1.png", "hi/1.png")
    source = find_pairs([tmp_path], clean="hi", degraded="lo", scale=2)
    assert source.misfit([(40, 60), (20, 30)]) is None
    assert source.misfit([(40, 61), (20, 30)]) == "clean and degraded are 40×61 and 20×30: wanted 2 to 1"


def test_frames_are_runs_of_consecutive_numbers(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a/f{n}.png" for n in (8, 9, 10, 11, 14, 15, 16, 20)), "b/001.png", "b/002.png", "b/003.png")
    source = find_frames([tmp_path], frames=3)
    assert [[p.stem for p in item.paths] for item in source.items] == [
        ["f8", "f9", "f10", "f11"], ["f14", "f15", "f16"], ["001", "002", "003"],
    ]  # fmt: skip
    assert [(f.path.name, f.reason) for f in source.faults] == [("f20.png", "is one of 1 consecutive frames: wanted 3")]
    assert source.misfit([(4, 5)] * 3) is None
    assert source.misfit([(4, 5), (4, 5), (5, 4)]) == "frames 0 and 2 of its sequence are 4×5 and 5×4: wanted one size"


def test_long_sequences_are_cut_and_nothing_is_lost(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n:04}.png" for n in range(75)), "cover.png", "0003.jpg")
    source = find_frames([tmp_path], frames=7, piece=20)
    assert [len(item.paths) for item in source.items] == [25, 25, 25]
    assert [int(p.stem) for item in source.items for p in item.paths] == list(range(75))
    assert {f.path.name for f in source.faults} == {"cover.png", "0003.png"}


def test_faults_end_the_run_named_and_counted(tmp_path: Path) -> None:
    faults = [Fault(tmp_path / f"{n}.png", "is cut short") for n in range(7)]
    with pytest.raises(DataError, match=r"cannot use 7 pictures \(.*/0\.png: is cut short; .*/4\.png.*; and 2 more\)"):
        settle(faults, good=9, skip_bad=False, tell=pytest.fail)


def test_skipped_faults_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    settle([Fault(tmp_path / "a.png", "is empty")], good=1, skip_bad=True, tell=told.append)
    assert told == [f"skipped 1 picture: {tmp_path}/a.png: is empty"]
    with pytest.raises(DataError, match="nothing is left"):
        settle([Fault(tmp_path / "a.png", "is empty")], good=0, skip_bad=True, tell=told.append)
    settle([], good=1, skip_bad=False, tell=pytest.fail)


def test_hidden_files_are_no_pictures_for_training_either(tmp_path: Path) -> None:
    """What some systems leave beside each picture (._a.png, __MACOSX) passes for none; `data check` agrees."""
    for name in ("a.png", "._a.png", "__MACOSX/a.png", ".thumbs/a.png", "deep/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list_pictures([tmp_path]) == [tmp_path / "a.png", tmp_path / "deep" / "b.png"]
    assert list_files(tmp_path) == list_pictures([tmp_path])
