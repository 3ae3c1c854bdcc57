"""``pixelmend degrade``: what is asked for is done and told, repeats, and misuse is one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
import typer
from typer.testing import CliRunner

from pixelmend.cli.degrade import degrade
from pixelmend.errors import DataError, PixelmendError, UnknownNameError, UsageError
from pixelmend.images import decode, read_rgb8

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

APP = typer.Typer()
APP.command()(degrade)


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    pyvips.Image.new_from_array(np.uint8(photo * 255)).write_to_file(str(path))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(a) for a in arguments])


def fails(*arguments: object) -> PixelmendError:
    done = run(*arguments)
    assert isinstance(done.exception, PixelmendError), done.output
    return done.exception


def test_a_chain_is_done_and_told(picture: Path, tmp_path: Path, photo: np.ndarray) -> None:
    out = tmp_path / "noisy.png"
    done = run(picture, "-o", out, "--chain", "noise(sigma=25)")
    assert done.exit_code == 0, done.output
    assert "did    noise(sigma=25, gray=0)" in done.stdout
    assert f"wrote  {out}" in done.stdout
    difference = read_rgb8(out).astype(float) - np.uint8(photo * 255)
    inner = (photo > 0.35) & (photo < 0.65)
    assert difference[inner].std() == pytest.approx(25, rel=0.05)


def test_the_same_seed_repeats_and_another_does_not(picture: Path, tmp_path: Path) -> None:
    results = []
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        assert run(picture, "-o", tmp_path / f"{name}.png", "--preset", "awgn-25", "--seed", seed, "-q").stdout == ""
        results.append(read_rgb8(tmp_path / f"{name}.png"))
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_a_record_repeats_what_was_done(picture: Path, tmp_path: Path) -> None:
    first, again, record = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "r.json"
    run(picture, "-o", first, "--chain", "shuffle(noise | jpeg | resize(factor=0.5..0.9)) | fit", "--record", record)
    told = json.loads(record.read_text())["pictures"]["photo"]
    assert {step["kind"] for step in told} == {"noise", "jpeg", "resize", "fit"}
    assert run(picture, "-o", again, "--repeat", record).exit_code == 0
    assert np.array_equal(read_rgb8(first), read_rgb8(again))
    other = picture.with_name("other.png")
    other.write_bytes(picture.read_bytes())
    assert "unknown picture of" in str(fails(other, "-o", again, "--repeat", record))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99, "pictures": {}}'])
def test_what_is_no_record_is_refused(picture: Path, tmp_path: Path, text: str) -> None:
    record = tmp_path / "r.json"
    record.write_text(text)
    assert str(record) in str(fails(picture, "-o", tmp_path / "x.png", "--repeat", record))
    assert "not a record" in str(fails(picture, "-o", tmp_path / "x.png", "--repeat", tmp_path / "none.json"))


def test_a_folder_keeps_its_structure_and_each_picture_gets_its_own_damage(picture: Path, tmp_path: Path) -> None:
    deeper = picture.parent / "deep" / "photo.tif"
    deeper.parent.mkdir()
    pyvips.Image.new_from_file(str(picture)).write_to_file(str(deeper))
    done = run(
        picture.parent, "-o", tmp_path / "out", "--chain", "noise(sigma=10..40)", "--record", tmp_path / "r.json"
    )
    assert done.exit_code == 0, done.output
    assert "did    2 pictures" in done.stdout
    assert (tmp_path / "out" / "deep" / "photo.png").is_file()
    told = json.loads((tmp_path / "r.json").read_text())["pictures"]
    assert set(told) == {"photo", "deep/photo"}
    assert told["photo"][0]["sigma"] != told["deep/photo"][0]["sigma"]
    assert not np.array_equal(
        read_rgb8(tmp_path / "out" / "photo.png"), read_rgb8(tmp_path / "out" / "deep" / "photo.png")
    )


def test_pictures_that_cannot_be_read_are_named_and_counted(picture: Path, tmp_path: Path) -> None:
    for number in range(7):
        (picture.parent / f"broken{number}.png").write_bytes(picture.read_bytes()[:500])
    (picture.parent / "text.jpg").write_text("no picture")
    done = run(picture.parent, "-o", tmp_path / "out", "--preset", "awgn-15")
    assert done.exit_code == 1
    assert "8 of 9 pictures failed, 3 of them not named here" in done.stderr
    assert "broken0.png" in done.stderr
    assert "--skip-bad" in done.stderr
    assert (tmp_path / "out" / "photo.png").is_file()
    done = run(picture.parent, "-o", tmp_path / "out", "--preset", "awgn-15", "--skip-bad")
    assert done.exit_code == 0
    assert "8 of 9 pictures failed" in done.stderr
    assert "left out as asked" in done.stderr


def test_grey_sixteen_bits_and_transparency_are_kept(tmp_path: Path, photo: np.ndarray) -> None:
    deep = pyvips.Image.new_from_array(np.uint16(photo * 65535)).copy(interpretation="rgb16")
    deep = deep.bandjoin(pyvips.Image.new_from_array(np.full(photo.shape[:2], 40000, np.uint16)))
    deep.write_to_file(str(tmp_path / "deep.png"))
    assert run(tmp_path / "deep.png", "-o", tmp_path / "out.png", "--chain", "noise(sigma=3)").exit_code == 0
    result = decode(tmp_path / "out.png")
    assert result.dtype == np.uint16
    assert result.has_alpha
    assert run(tmp_path / "deep.png", "-o", tmp_path / "8.png", "--preset", "awgn-15", "--depth", "8").exit_code == 0
    assert decode(tmp_path / "8.png").dtype == np.uint8
    done = run(tmp_path / "deep.png", "-o", tmp_path / "small.png", "--preset", "bicubic-x2")
    assert "transparency was left out: the size changed" in done.stdout
    assert (decode(tmp_path / "small.png").height, decode(tmp_path / "small.png").width) == (48, 64)

    pyvips.Image.new_from_array(np.uint8(photo[..., 0] * 255)).write_to_file(str(tmp_path / "grey.png"))
    assert run(tmp_path / "grey.png", "-o", tmp_path / "g.png", "--preset", "awgn-25").exit_code == 0
    assert decode(tmp_path / "g.png").channels == 1


def test_noise_beyond_black_and_white_is_clipped_aloud_or_kept_in_float(tmp_path: Path) -> None:
    pyvips.Image.new_from_array(np.full((40, 40, 3), 250, np.uint8)).write_to_file(str(tmp_path / "white.png"))
    done = run(tmp_path / "white.png", "-o", tmp_path / "n.png", "--preset", "awgn-25")
    assert "beyond black or white and are clipped" in done.stdout
    done = run(tmp_path / "white.png", "-o", tmp_path / "n.tif", "--preset", "awgn-25", "--depth", "float")
    assert "clipped" not in done.stdout
    pixels = decode(tmp_path / "n.tif").region(0, 0, 40, 40)
    assert pixels.dtype == np.float32
    assert pixels.max() > 1.1


def test_a_mask_says_what_is_missing(picture: Path, tmp_path: Path) -> None:
    done = run(picture, "-o", tmp_path / "holes.png", "--preset", "half-missing")
    assert "holes_mask.png" in done.stdout
    mask, holes = decode(tmp_path / "holes_mask.png"), read_rgb8(tmp_path / "holes.png")
    lost = mask.region(0, 0, mask.height, mask.width)[..., 0]
    assert set(np.unique(lost)) == {0, 255}
    assert lost.mean() / 255 == pytest.approx(0.5, abs=0.03)
    assert holes[lost == 255].max() == 0


def test_the_list_names_everything() -> None:
    from pixelmend.degradations import KINDS, PRESETS

    told = run("--list").stdout
    for name in (*KINDS, *PRESETS):
        assert f"  {name}: " in told
    assert "sigma=0..75 (from 0 to 255; 0–255 scale)" in told


def test_misuse_is_told(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    for arguments, message in (
        ((), "wanted IN and -o OUT"),
        ((picture,), "wanted IN and -o OUT"),
        ((picture, "-o", out), "wanted one of --preset"),
        ((picture, "-o", out, "--preset", "awgn-25", "--chain", "noise"), "wanted one of --preset"),
        ((picture, "-o", out, "--preset", "awgn-26"), "unknown preset 'awgn-26': did you mean 'awgn-25'"),
        ((picture, "-o", out, "--chain", "noise(sigma=300)"), "sigma=300 is out of range"),
        ((picture, "-o", out, "--preset", "awgn-25", "--depth", "12"), "unknown depth '12'"),
        ((picture, "-o", tmp_path / "o.xyz", "--preset", "awgn-25"), "o.xyz"),
        ((tmp_path / "no.png", "-o", out, "--preset", "awgn-25"), "no picture at"),
        ((picture, "-o", picture, "--preset", "awgn-25"), "photo.png"),
        ((picture.parent, "-o", picture.parent / "out", "--preset", "awgn-25"), "lies inside"),
        ((picture.parent, "-o", picture, "--preset", "awgn-25"), "name a folder for the results"),
    ):
        error = fails(*arguments)
        assert isinstance(error, UsageError), arguments
        assert message in str(error)
    (picture.parent / "photo.jpg").write_bytes(b"")
    assert "would both become photo.png" in str(fails(picture.parent, "-o", tmp_path / "x", "--preset", "awgn-25"))
    (tmp_path / "empty").mkdir()
    assert isinstance(fails(tmp_path / "empty", "-o", tmp_path / "x", "--preset", "awgn-25"), DataError)
    assert isinstance(fails(picture, "-o", out, "--chain", "nose"), UnknownNameError)


def _frames(folder: Path, count: int) -> list[np.ndarray]:
    """Numbered frames: a bright square that moves a pixel a frame over grey."""
    folder.mkdir(parents=True)
    frames = []
    for number in range(count):
        frame = np.full((40, 60, 3), 60, np.uint8)
        frame[10:30, 5 + number : 25 + number] = 220
        pyvips.Image.new_from_array(frame).write_to_file(str(folder / f"{number:04}.png"))
        frames.append(frame)
    return frames


def test_frames_are_averaged_in_linear_light_into_pairs(tmp_path: Path) -> None:
    frames = _frames(tmp_path / "video" / "scene", 11)
    done = run(tmp_path / "video", "-o", tmp_path / "pairs", "--frames", 5)
    assert done.exit_code == 0, done.output
    assert f"wrote  {tmp_path / 'pairs'}" in done.stdout
    assert sorted(p.name for p in (tmp_path / "pairs/blur/scene").iterdir()) == ["0002.png", "0007.png"]
    assert np.array_equal(read_rgb8(tmp_path / "pairs/sharp/scene/0002.png"), frames[2])
    light = [np.where(f / 255 <= 0.04045, f / 255 / 12.92, ((f / 255 + 0.055) / 1.055) ** 2.4) for f in frames[:5]]
    mean = np.mean(light, axis=0)
    wanted = 255 * np.where(mean <= 0.0031308, 12.92 * mean, 1.055 * mean ** (1 / 2.4) - 0.055)
    assert np.abs(read_rgb8(tmp_path / "pairs/blur/scene/0002.png") - wanted).max() < 0.6


def test_a_chain_may_follow_the_average(tmp_path: Path) -> None:
    _frames(tmp_path / "video", 5)
    run(tmp_path / "video", "-o", tmp_path / "a", "--frames", 3)
    record = tmp_path / "r.json"
    run(tmp_path / "video", "-o", tmp_path / "b", "--frames", 3, "--chain", "noise(sigma=10)", "--record", record)
    plain, noisy = (read_rgb8(tmp_path / folder / "blur" / "0001.png").astype(float) for folder in "ab")
    assert (noisy - plain).std() == pytest.approx(10, rel=0.1)
    assert set(json.loads(record.read_text())["pictures"]) == {"0001"}


def test_frames_that_make_no_sequence_are_told(tmp_path: Path, picture: Path) -> None:
    _frames(tmp_path / "video", 5)
    (tmp_path / "video" / "0003.png").unlink()
    assert "is one of 1 consecutive frames: wanted 3" in str(
        fails(tmp_path / "video", "-o", tmp_path / "o", "--frames", 3)
    )
    done = run(tmp_path / "video", "-o", tmp_path / "o", "--frames", 3, "--skip-bad")
    assert done.exit_code == 0
    assert "skipped 1 picture" in done.stderr
    for count in (2, 1):
        assert "choose an odd number" in str(fails(tmp_path / "video", "-o", tmp_path / "o", "--frames", count))
    assert "is no folder" in str(fails(picture, "-o", tmp_path / "o", "--frames", 3))


def test_frames_of_several_sizes_are_told(tmp_path: Path) -> None:
    _frames(tmp_path / "video", 3)
    pyvips.Image.black(30, 40, bands=3).write_to_file(str(tmp_path / "video" / "0001.png"))
    done = run(tmp_path / "video", "-o", tmp_path / "o", "--frames", 3)
    assert done.exit_code == 1
    assert "0001.png is 30×40, and the frames before it 60×40" in done.stderr
