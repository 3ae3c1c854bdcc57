"""What is wrong with a folder is found and named; what is right raises no alarm."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
from scipy.ndimage import gaussian_filter

from pixelmend.data import check as room
from pixelmend.data.check import check_folder, examine
from pixelmend.data.fingerprint_file import fingerprint_folder
from pixelmend.data.overlap import Library

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.data.findings import Report

NO_BENCHMARK = Library([])


def put(path: Path, seed: int, height: int = 160, width: int = 200, *, sigma: float = 3) -> Path:
    """Write a picture with detail that only its seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    smooth = gaussian_filter(noise, (sigma, sigma, 0)) + 3 * gaussian_filter(noise, (20, 20, 0))
    pixels = ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(path))
    return path


def problems(report: Report) -> dict[str, tuple[str, ...]]:
    return {finding.kind: finding.names for finding in report.problems}


def notes(report: Report) -> dict[str, tuple[str, ...]]:
    return {finding.kind: finding.names for finding in report.notes}


def test_a_sound_folder_is_described(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1)
    put(tmp_path / "b.jpg", 2, 300, 400)
    put(tmp_path / "deeper" / "c.png", 3, 200, 180)
    report = check_folder(tmp_path, library=NO_BENCHMARK)
    assert (report.problems, report.notes) == ((), ())
    assert report.found.name == "pictures"
    assert report.files == 3
    assert (report.sizes[0], report.sizes[-1], report.median_size) == ((200, 160), (400, 300), (200, 200))
    assert (report.formats, report.depths, report.colors) == ({"png": 2, "jpeg": 1}, {"8 bits": 3}, {"colour": 3})
    assert report.megapixels == pytest.approx(0.188)


def test_every_broken_file_is_named_with_its_reason(tmp_path: Path) -> None:
    whole = put(tmp_path / "a.jpg", 1).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "old.bmp").write_bytes(b"BM" + bytes(100))
    broken = problems(check_folder(tmp_path))["broken"]
    assert [line.split(":")[0] for line in broken] == ["cut.jpg", "empty.png", "old.bmp", "text.png"]
    for line, words in zip(broken, ("cut short", "0 bytes", "convert it to PNG", "not a picture"), strict=True):
        assert words in line


def test_duplicates_and_look_alikes_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1)
    pyvips.Image.new_from_file(str(tmp_path / "a.png")).write_to_file(str(tmp_path / "b.webp"), lossless=True)
    pyvips.Image.new_from_file(str(tmp_path / "a.png")).rot90().write_to_file(str(tmp_path / "c.jpg"), Q=60)
    put(tmp_path / "d.png", 2)
    report = check_folder(tmp_path, library=NO_BENCHMARK)
    assert problems(report) == {"duplicate": ("a.png = b.webp",)}
    assert [line.split(":")[0] for line in notes(report)["look-alike"]] == ["a.png ~ c.jpg", "b.webp ~ c.jpg"]


def test_frames_of_a_video_may_look_alike_but_not_differ_in_size(tmp_path: Path) -> None:
    for n in range(8):
        put(tmp_path / f"{n:04}.png", 1, sigma=3 + n / 50)
    report = check_folder(tmp_path, library=NO_BENCHMARK)
    assert (report.found.name, report.problems, report.notes) == ("frames", (), ())
    put(tmp_path / "0008.png", 1, 140, 200)
    assert problems(check_folder(tmp_path))["frame-size"] == (".: 200×140, 200×160",)


def test_halves_of_pairs_must_fit(tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path / "input" / f"{n}.png", n)
    put(tmp_path / "target" / "0.png", 10)
    put(tmp_path / "target" / "1.png", 11, 161, 200)
    put(tmp_path / "target" / "3.png", 12)
    found = problems(check_folder(tmp_path))
    assert found["pair-size"] == ("input/1.png and target/1.png: 200×160 and 200×161",)
    assert found["partner"] == ("input/2.png", "target/3.png")


def test_a_smaller_half_is_right_in_super_resolution(tmp_path: Path) -> None:
    put(tmp_path / "lq" / "0.png", 0, 80, 100)
    put(tmp_path / "hq" / "0.png", 0, 321, 402)
    assert problems(check_folder(tmp_path)) == {}


def test_pictures_smaller_than_a_crop_are_named(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1)
    put(tmp_path / "b.png", 2, 100, 300)
    assert problems(check_folder(tmp_path))["small"] == ("b.png: 300×100",)
    assert problems(check_folder(tmp_path, patch=100)) == {}


def test_a_set_that_lacks_a_picture_is_told_by_name(tmp_path: Path) -> None:
    for n in range(1, 13):
        put(tmp_path / "Set12" / f"{n:02}.png", n)
    assert problems(check_folder(tmp_path)) == {}
    (tmp_path / "Set12" / "05.png").unlink()
    assert problems(check_folder(tmp_path))["missing"] == ("05",)


def test_pictures_of_a_benchmark_are_found_whole_and_in_part(tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path / "held_out" / f"{n}.png", n, 360, 420, sigma=4)
    library = Library(fingerprint_folder(tmp_path / "held_out", "held_out"))
    train = tmp_path / "train"
    put(train / "fine.png", 9, 360, 420, sigma=4)
    held = [pyvips.Image.new_from_file(str(tmp_path / "held_out" / f"{n}.png")) for n in range(3)]
    held[1].resize(0.5).write_to_file(str(train / "same.jpg"), Q=50)
    held[2].crop(50, 40, 300, 280).write_to_file(str(train / "tile.png"))
    found = problems(check_folder(train, library=library))["overlap"]
    assert [line.split(" (")[0] for line in found] == ["same.jpg: held_out 1", "tile.png: held_out 2"]
    assert "a part in common" in found[1]
    assert check_folder(train).problems == ()


def test_pixels_decide_not_the_strips_they_are_read_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "a.png", 1, 300, 200)
    whole = examine(path, NO_BENCHMARK)
    monkeypatch.setattr(room, "STRIP_PIXELS", 7 * 200)
    pieces = examine(path, NO_BENCHMARK)
    assert pieces.digest == whole.digest
    assert pieces.turned is not None
    assert whole.turned is not None
    np.testing.assert_array_equal(pieces.turned, whole.turned)
    monkeypatch.setattr(room, "LUMA_PIXELS", 300 * 200 // 4)
    reduced = examine(path, NO_BENCHMARK).turned
    assert reduced is not None
    assert np.unpackbits(reduced[0] ^ whole.turned[0]).sum() < 12


def test_progress_is_told_and_the_report_is_json(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1)
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    steps: list[tuple[int, int]] = []
    report = check_folder(tmp_path, tell=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]
    held = json.loads(json.dumps(report.to_dict()))
    assert held["problems"] == {"duplicate": ["a.png = b.png"]}
    assert (held["files"], held["smallest"]) == (2, [200, 160])
