"""Crops of a report: of the place that changed, as viewers show it, in files whose names follow from the picture's."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvips

from pixelmend.images import decode, encode, read_rgb8
from pixelmend.pages import crop_of_change, save_change

if TYPE_CHECKING:
    from pathlib import Path


def pictures(height: int, width: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A picture, and the same with a part of it changed: rows 200 to 280, columns 40 to 120."""
    y, x = np.mgrid[0:height, 0:width]
    before = np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype(np.uint8)
    after = before.copy()
    after[200:280, 40:120] = 255 - after[200:280, 40:120]
    return before, after


def test_the_crop_shows_the_change() -> None:
    before, after = pictures(500, 400)
    change = crop_of_change(decode(encode(before, "png")), after)
    top, left = change.place.top, change.place.left
    assert top <= 200
    assert top + 192 >= 280
    assert left <= 40
    np.testing.assert_array_equal(change.before, before[top : top + 192, left : left + 192])
    np.testing.assert_array_equal(change.after, after[top : top + 192, left : left + 192])


def test_the_crop_is_upright_and_of_the_size_of_the_result() -> None:
    before, after = pictures(300, 320)
    image = pyvips.Image.new_from_array(before).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 8)
    larger = after.repeat(2, axis=0).repeat(2, axis=1)
    change = crop_of_change(decode(image.pngsave_buffer()), larger)
    place = change.place
    where = (slice(place.top, place.top + 192), slice(place.left, place.left + 192))
    np.testing.assert_array_equal(change.after, np.rot90(larger, 1)[where])
    enlarged = np.rot90(before.repeat(2, axis=0).repeat(2, axis=1), 1)[where].astype(float)
    assert np.median(np.abs(change.before - enlarged)) <= 2


def test_small_grey_16_bit_pictures_are_shown_whole() -> None:
    grey = np.full((30, 20, 1), 20000, np.uint16)
    change = crop_of_change(decode(encode(grey, "png")), grey)
    assert change.after.shape == (30, 20, 3)
    assert np.unique(change.after).tolist() == [78]


def test_memory_is_that_of_a_strip_whatever_the_size(tmp_path: Path) -> None:
    sizes = []
    for rows in (1000, 4000):
        stored = np.memmap(tmp_path / f"{rows}", np.uint8, "w+", shape=(rows, 1000, 3))
        picture = decode(encode(np.zeros((rows, 1000, 3), np.uint8), "png"))
        tracemalloc.start()
        crop_of_change(picture, stored)
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] < sizes[0] * 1.2


def test_files_lie_beside_the_page_whatever_the_name(tmp_path: Path) -> None:
    before, after = pictures(400, 300)
    change = crop_of_change(decode(encode(before, "png")), after)
    names = ["a/b.png", "../../etc/x", "<b>.png", "un\udcffreadable"]
    addresses = [save_change(change, tmp_path / "report.html", name) for name in names]
    assert len({*sum(addresses, ())}) == 8
    assert save_change(change, tmp_path / "report.html", names[0]) == addresses[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report_crops"]
    np.testing.assert_array_equal(read_rgb8(tmp_path / addresses[0][0]), change.before)
    np.testing.assert_array_equal(read_rgb8(tmp_path / addresses[0][1]), change.after)
