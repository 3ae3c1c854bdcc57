"""The whole: what is wrong with examples, with pictures damaged here, and with small and strange ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.diagnosis import advise, diagnose
from pixelmend.diagnosis.diagnose import shown
from pixelmend.images import decode, read_float
from tests.diagnosis.pictures import ROOT, Photo, as_8_bits, held, jpeg_of, noisy, photograph

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.diagnosis import Diagnosis


def look(picture: Photo) -> Diagnosis:
    return diagnose(held(as_8_bits(picture)))


@pytest.mark.parametrize(
    ("name", "sigma"), [("lighthouse_noisy.png", 25), ("statue_gray_noisy.png", 35), ("parrots_very_noisy.png", 60)]
)
def test_the_examples_are_noisy(name: str, sigma: float) -> None:
    found = diagnose(decode(ROOT / "examples" / name))
    assert found.main == "noise"
    assert found.noise.sigma == pytest.approx(sigma, abs=2)
    assert found.noise.kind == "white"
    assert found.noise.confidence > 0.9
    advice = advise(found)
    assert (advice.task, advice.sigma) == ("denoise", found.noise.sigma)


def test_a_clean_photograph_is_left_alone() -> None:
    found = look(photograph())
    assert found.main == "nothing"
    assert advise(found).task is None


@pytest.mark.parametrize("quality", [8, 20, 40])
def test_jpeg_is_told_by_the_file_and_by_pixels(quality: int) -> None:
    data = jpeg_of(photograph(), quality)
    by_file = diagnose(decode(data), encoded=data)
    by_pixels = diagnose(held(decode(data).region(0, 0, 240, 240)))
    assert (by_file.jpeg.quality, by_file.jpeg.source) == (quality, "file")
    assert (by_pixels.jpeg.quality, by_pixels.jpeg.source) == (quality, "pixels")
    assert by_file.main == by_pixels.main == "jpeg"
    assert advise(by_file).task == "dejpeg"


def test_a_file_with_a_path_is_asked_for_its_tables(tmp_path: Path) -> None:
    (tmp_path / "old.jpg").write_bytes(jpeg_of(photograph(), 30))
    assert diagnose(decode(tmp_path / "old.jpg")).jpeg.source == "file"


def test_saved_again_at_a_better_quality_the_worse_one_counts() -> None:
    first = decode(jpeg_of(photograph(), 20)).region(0, 0, 240, 240)
    data = jpeg_of(first / 255, 96)
    found = diagnose(decode(data), encoded=data)
    assert (found.jpeg.quality, found.jpeg.source) == (20, "pixels")


def test_a_good_jpeg_is_left_alone() -> None:
    data = jpeg_of(photograph(), 92)
    found = diagnose(decode(data), encoded=data)
    assert found.jpeg.quality == 92
    assert advise(found).task is None


def test_motion_is_told_from_the_lens_not_from_noise() -> None:
    sharp = photograph()
    moved = np.mean([np.roll(sharp, shift, axis=1) for shift in range(-6, 7)], axis=0)[:, 8:-8]
    found = look(moved.astype(np.float32))
    assert found.main == "blur"
    assert found.blur.extent is not None
    assert 5 < found.blur.extent < 30
    assert advise(found).task == "deblur"


def test_what_was_enlarged_is_told() -> None:
    import pyvips

    small = pyvips.Image.new_from_array(as_8_bits(photograph()), interpretation="srgb").resize(1 / 3)
    found = diagnose(held(small.resize(3, kernel="cubic").numpy()))
    assert found.main == "enlarged"
    assert found.resolution.factor == pytest.approx(3, rel=0.3)


def test_darkness_is_told() -> None:
    found = look(0.12 * photograph())
    assert found.main == "dark"
    assert found.darkness.brightness.bright < 0.15
    assert advise(found).task is None


def test_lost_pixels_come_before_all_else() -> None:
    pixels = as_8_bits(photograph())
    pixels[np.random.default_rng(0).random(pixels.shape[:2]) < 0.05] = 0
    found = diagnose(held(pixels))
    assert found.main == "lost pixels"
    assert found.lost.share == pytest.approx(0.05, rel=0.3)


def test_depth_does_not_matter() -> None:
    picture = np.clip(noisy(photograph(), 20), 0, 1)
    levels = [
        diagnose(held(pixels)).noise.sigma
        for pixels in (as_8_bits(picture), np.rint(picture * 65535).astype(np.uint16), picture)
    ]
    assert levels == pytest.approx([20, 20, 20], abs=1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 1), (31, 31, 3), (32, 32, 3), (129, 131, 1)])
def test_pictures_of_any_size_are_told_something(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for pixels in (random, np.zeros(shape, np.uint8)):
        found = diagnose(held(pixels))
        assert found.judged == (min(shape[:2]) >= 32)
        assert advise(found).reason
        told = found.to_dict()
        assert all(0 <= told[name]["confidence"] <= 1 for name in ("noise", "jpeg", "blur", "resolution", "darkness"))


def test_how_jpeg_shows_falls_with_quality() -> None:
    assert shown(10) > 0.99
    assert shown(75) == pytest.approx(0.5)
    assert shown(95) < 0.05


def test_the_same_picture_is_told_the_same() -> None:
    assert look(photograph()) == look(photograph())


@pytest.mark.shared
def test_on_pictures_never_learnt_from_the_main_damage_is_named(shared: Path) -> None:
    pytest.importorskip("torch", reason="damage is made by the learn half")
    from benchmarks.diagnose import NAMES
    from benchmarks.diagnosing.damages import MEASURED, make

    files = sorted((shared / "data" / "test" / "kodak24").iterdir())[1::6]
    right = []
    for case in MEASURED:
        if case.name == "object moved":  # which is told apart from a lens's depth of field less often than not
            continue
        wanted = {NAMES[name] for name in (case.main, *case.also)}
        for file in files:
            made = make(read_float(file, color="rgb"), case, file.stem, 0)
            right.append(diagnose(held(made.pixels)).main in wanted)
    assert np.mean(right) >= 0.9, f"{np.mean(right):.2f} of {len(right)}"


@pytest.mark.shared
def test_clean_pictures_are_left_alone(shared: Path) -> None:
    files = [file for folder in ("test/kodak24", "val/clic") for file in sorted((shared / "data" / folder).iterdir())]
    touched = [file.stem for file in files if advise(diagnose(decode(file))).task is not None]
    assert len(touched) <= 0.05 * len(files), touched
