"""Which pictures are meant: folders, patterns, links, odd names, and what is passed over."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from PIL import Image

from pixelmend.errors import UsageError
from pixelmend.images import decode
from pixelmend.inference.folders import find_pictures
from pixelmend.inference.folders.listing import SUFFIXES
from pixelmend.inference.folders.manifest import NAME
from tests.inference.folders.conftest import noisy

OUT = Path("nowhere")


def places(*sources: str | Path, out: Path = OUT) -> list[str]:
    return [each.place.as_posix() for each in find_pictures(sources, out).pictures]


def test_a_folder_with_all_below_it_in_order(photos: Path) -> None:
    found = find_pictures([photos], OUT)
    assert [each.place.as_posix() for each in found.pictures] == [
        "a.jpg", "b.png", "sub/c.png", "sub/deep/d.webp", "sub/e.tif",
    ]  # fmt: skip
    assert all(each.source == photos / each.place for each in found.pictures)
    assert found.left_out == {"hidden": 1, "of another kind": 1}


@pytest.mark.parametrize("suffix", sorted(SUFFIXES - {".heic", ".heif"}))
def test_what_counts_as_a_picture_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".pfm":
        path.write_bytes(b"PF\n2 1\n-1.0\n" + bytes(24))
    else:
        form = {".jpe": "jpeg", ".jfif": "jpeg", ".pnm": "ppm", ".pgm": "ppm"}.get(suffix)
        Image.new("L" if suffix == ".pgm" else "RGB", (9, 9)).save(path, form)
    assert decode(path).region(0, 0, 1, 1).shape[:2] == (1, 1)


def test_files_patterns_and_folders_together(photos: Path, tmp_path: Path) -> None:
    noisy(tmp_path / "scans" / "1.png")
    assert places(photos / "b.png", photos / "sub/*.tif", tmp_path / "scans") == ["b.png", "e.tif", "scans/1.png"]
    assert places(photos / "a.jpg", photos / "a.jpg", photos / "." / "a.jpg") == ["a.jpg"]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*.png", ["b.png"]),
        ("**/*.png", ["b.png", "sub/c.png"]),
        ("?.jpg", ["a.jpg"]),
        ("[ab].*", ["a.jpg", "b.png"]),
        ("sub/**", ["c.png", "deep/d.webp", "e.tif"]),
        ("s*", ["sub/c.png", "sub/deep/d.webp", "sub/e.tif"]),  # as a shell would have named the folder
        ("**/deep/*", ["sub/deep/d.webp"]),
    ],
)
def test_patterns(photos: Path, pattern: str, wanted: list[str]) -> None:
    # "sub" is no part of the pattern, so that it is no part of the place
    assert places(photos / pattern) == wanted
    assert not find_pictures([photos / pattern], OUT).left_out


def test_names_that_look_like_patterns_are_names_where_they_exist(tmp_path: Path) -> None:
    noisy(tmp_path / "a[1].png")
    noisy(tmp_path / "a1.png")
    assert places(tmp_path / "a[1].png") == ["a[1].png"]


def test_several_folders_keep_their_names(tmp_path: Path) -> None:
    noisy(tmp_path / "x" / "1.png")
    noisy(tmp_path / "y" / "1.png")
    assert places(tmp_path / "x", tmp_path / "y") == ["x/1.png", "y/1.png"]


def test_results_are_no_pictures_to_restore(photos: Path) -> None:
    noisy(photos / "a_restored.jpg")  # beside a.jpg
    noisy(photos / "old" / "a.jpg")
    (photos / "old" / NAME).touch()  # of a run that went there
    noisy(photos / "out" / "b.png")
    noisy(photos / "well_restored.png")  # of nothing
    found = find_pictures([photos], photos / "out")
    names = [each.place.as_posix() for each in found.pictures]
    assert names == ["a.jpg", "b.png", "sub/c.png", "sub/deep/d.webp", "sub/e.tif", "well_restored.png"]
    assert found.left_out["from earlier runs"] == 3
    assert places(photos / "old") == ["a.jpg"]  # which is named


def test_links_are_followed_and_never_go_round(photos: Path, tmp_path: Path) -> None:
    noisy(tmp_path / "elsewhere" / "f.png")
    (photos / "again").symlink_to(photos)
    (photos / "sub" / "up").symlink_to(photos)
    (photos / "a_link").symlink_to(tmp_path / "elsewhere")
    (photos / "sooner").symlink_to(photos / "sub")  # what it leads to keeps its own name
    (photos / "gone.png").symlink_to(tmp_path / "nothing.png")
    (photos / "named.png").symlink_to(tmp_path / "elsewhere" / "f.png")
    assert places(photos) == [
        "a.jpg", "a_link/f.png", "b.png", "gone.png", "named.png", "sub/c.png", "sub/deep/d.webp", "sub/e.tif",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="names there are text")
def test_names_need_not_be_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \n.png")
    noisy(tmp_path / "in" / "plain.png").rename(tmp_path / "in" / name)
    found = find_pictures([tmp_path / "in"], OUT).pictures
    assert [os.fsencode(each.place) for each in found] == [b"caf\xe9 \n.png"]
    assert found[0].source.is_file()


def test_the_order_is_not_that_of_the_disk(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, scandir = places(photos), os.scandir

    class Shuffled:
        def __init__(self, folder: str) -> None:
            with scandir(folder) as entries:
                self.entries = list(entries)
            random.Random(3).shuffle(self.entries)  # noqa: S311

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert places(photos) == wanted


def test_a_folder_that_cannot_be_looked_into_is_told(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder).name == "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find_pictures([photos], OUT)
    assert len(found.pictures) == 4
    assert found.unreadable == (f"cannot look into {photos / 'sub/deep'}: Permission denied",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("empty", "no picture in .*empty.*left out: 1 of another kind"),
        ("absent", "no such file or folder: .*absent"),
        ("absent/*.png", "there is no folder .*absent"),
        ("empty/*.png", r"no picture fits .*\*\.png"),
    ],
)
def test_nothing_is_misuse(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(UsageError, match=message):
        find_pictures([tmp_path / source], OUT)
