"""Where results go: alike below the folder for results, apart where names would meet, never over a picture."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from pixelmend.errors import UnknownNameError, UsageError
from pixelmend.inference.folders import Found, find_pictures, plan_folder, plan_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

OUT = Path("out")


def names(places: Sequence[str], form: str | None = None) -> list[str]:
    found = [Found(Path("in") / place, PurePath(place)) for place in places]
    jobs = plan_jobs(found, OUT, form)
    assert all(job.target == OUT / job.name for job in jobs)
    return [job.name for job in jobs]


def test_a_result_has_the_suffix_of_its_picture_where_it_is_written() -> None:
    assert names(["a.JPG", "sub/b.tif", "c.gif", "no suffix"]) == ["a.JPG", "sub/b.tif", "c.png", "no suffix.png"]


def test_one_suffix_for_all() -> None:
    assert names(["a.JPG", "b.tif", "c.d.png", "e.jpeg"], "jpeg") == ["a.JPG", "b.jpg", "c.d.jpg", "e.jpeg"]
    with pytest.raises(UnknownNameError, match="unknown format 'gif'"):
        names(["a.png"], "gif")


def test_of_what_is_not_written_the_picture_decides(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.gif")
    Image.new("RGB", (9, 9)).save(tmp_path / "b.bmp")
    assert [job.name for job in plan_folder([tmp_path], OUT).jobs] == ["a.png", "b.png"]


def test_names_that_would_meet_stay_apart() -> None:
    assert names(["a.gif", "a.png", "b.gif"]) == ["a.gif.png", "a.png", "b.png"]
    assert names(["a.tif", "a.png", "sub/a.tif"], "jpg") == ["a.tif.jpg", "a.png.jpg", "sub/a.jpg"]


def test_one_result_for_two_pictures_is_refused(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").touch()
    with pytest.raises(UsageError, match=r"x/1.png and .*y/1.png would both become out/1.png"):
        plan_folder([tmp_path / "x" / "1.png", tmp_path / "y" / "1.png"], OUT)


@pytest.mark.parametrize("out", ["photos", "photos/sub/..", "link"])
def test_no_result_is_written_over_a_picture(photos: Path, out: str) -> None:
    (photos.parent / "link").symlink_to(photos)
    with pytest.raises(UsageError, match=r"would be written over .*choose another folder with -o"):
        plan_folder([photos], photos.parent / out)


def test_nor_over_the_picture_of_another_result(photos: Path) -> None:
    with pytest.raises(UsageError, match=r"c.png would be written over .*b.png"):
        plan_jobs([Found(photos / "sub/c.png", PurePath("b.png")), Found(photos / "b.png", PurePath("x.png"))], photos)


def test_results_inside_the_folder_are_planned(photos: Path) -> None:
    plan = plan_folder([photos], photos / "out")
    assert [job.name for job in plan.jobs] == [each.place.as_posix() for each in find_pictures([photos], OUT).pictures]
    assert not (photos / "out").exists()


def test_a_folder_for_results_is_needed(photos: Path) -> None:
    with pytest.raises(UsageError, match="give one with -o OUT"):
        plan_folder([photos], None)
    with pytest.raises(UsageError, match=r"b.png is a file: give a folder"):
        plan_folder([photos], photos / "b.png")
