"""``pixelmend restore``: how much is changed, where, and into what; streams."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pixelmend.images import decode, save

if TYPE_CHECKING:
    from tests.cli.running import Run

Photo = NDArray[np.float32]


@pytest.fixture
def plain(tmp_path: Path, photo: Photo) -> Path:
    """A PNG."""
    path = tmp_path / "plain.png"
    save(np.rint(photo * 255).astype(np.uint8), path)
    return path


def whole(path: Path) -> NDArray[np.uint8]:
    picture = decode(path)
    return picture.region(0, 0, picture.height, picture.width)


def test_strength_0_changes_nothing(run: Run, plain: Path, tmp_path: Path, tiny_card: Path) -> None:
    ran = run("restore", plain, "-o", tmp_path / "b.png", "--task", tiny_card, "--sigma", "50", "--strength", "0")
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_array_equal(whole(tmp_path / "b.png"), whole(plain))


def test_strength_lies_between(run: Run, plain: Path, tmp_path: Path, tiny_card: Path) -> None:
    for strength in ("1", "0.5"):
        assert run(
            "restore", plain, "-o", tmp_path / f"{strength}.png", "--task", tiny_card, "--sigma", "75",
            "--strength", strength, "--no-anchor",
        ).code == 0  # fmt: skip
    before, half, full = (whole(each).astype(int) for each in (plain, tmp_path / "0.5.png", tmp_path / "1.png"))
    assert np.any(before != full)
    assert np.abs(half - (before + full) / 2).max() <= 1


def test_outside_of_a_region_nothing_changes(run: Run, plain: Path, tmp_path: Path, tiny_card: Path) -> None:
    ran = run(
        "restore", plain, "-o", tmp_path / "b.png", "--task", tiny_card, "--sigma", "75", "--region", "40,20,60,50"
    )
    assert (ran.code, ran.err) == (0, "")
    before, after = whole(plain), whole(tmp_path / "b.png")
    inside = np.zeros(before.shape, bool)
    inside[20:70, 40:100] = True
    np.testing.assert_array_equal(after[~inside], before[~inside])
    assert np.any(after[inside] != before[inside])


def test_all_ways_are_in_the_report(run: Run, plain: Path, tmp_path: Path, tiny_card: Path) -> None:
    ran = run(
        "restore", plain, "-o", tmp_path / "b.jpg", "--task", tiny_card, "--sigma", "20", "--strength", "0.5",
        "--keep-grain", "0.25", "--no-anchor", "--region", "0,0,64,64", "--json", "-",
    )  # fmt: skip
    told = json.loads(ran.out)
    assert (told["strength"], told["keep_grain"], told["anchored"], told["region"]) == (0.5, 0.25, None, [0, 0, 64, 64])
    assert "wrote     " in ran.err


def test_format_and_quality(run: Run, plain: Path, tmp_path: Path, tiny_card: Path) -> None:
    assert run("restore", plain, "--task", tiny_card, "--format", "jpg", "--quality", "30").code == 0
    assert run("restore", plain, "-o", tmp_path / "good.jpg", "--task", tiny_card, "--quality", "95").code == 0
    assert decode(tmp_path / "plain_restored.jpg").format == "jpeg"
    assert (tmp_path / "plain_restored.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size / 2


def pixelmend(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """In a process of its own, with streams."""
    command = [sys.executable, "-m", "pixelmend", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, check=False)


def test_a_picture_through_a_pipe(plain: Path, tiny_card: Path, photo: Photo) -> None:
    ran = pixelmend("restore", "-", "--task", tiny_card, given=plain.read_bytes())
    assert ran.returncode == 0
    assert decode(ran.stdout).format == "png"
    assert decode(ran.stdout).width == photo.shape[1]
    assert ran.stderr.startswith(b"found     128")
    quiet = pixelmend(
        "restore", "-", "-o", "-", "--task", tiny_card, "--format", "webp", "-q", given=plain.read_bytes()
    )
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    assert decode(quiet.stdout).format == "webp"


def test_a_piped_picture_into_a_file_and_a_file_into_a_pipe(plain: Path, tiny_card: Path, tmp_path: Path) -> None:
    ran = pixelmend("restore", "-", "-o", tmp_path / "b.tif", "--task", tiny_card, given=plain.read_bytes())
    assert ran.returncode == 0
    assert b"wrote" in ran.stdout
    assert decode(tmp_path / "b.tif").format == "tiff"
    ran = pixelmend("restore", plain, "-o", "-", "--task", tiny_card)
    assert decode(ran.stdout).format == "png"


def test_what_is_piped_in_and_is_no_picture(tiny_card: Path) -> None:
    for given, word in (b"", b"0 bytes"), (b"a letter\n" * 30, b"not a picture"):
        ran = pixelmend("restore", "-", "--task", tiny_card, given=given)
        assert (ran.returncode, ran.stdout) == (1, b"")
        assert ran.stderr.count(b"\n") == 1
        assert word in ran.stderr


# Options, a word of the line.
MISTAKES = {
    "strength above 1": (["--strength", "2"], "got strength 2, wanted 0"),
    "strength in words": (["--strength", "much"], "wanted a number from 0 to 1"),
    "grain below 0": (["--keep-grain", "-1"], "got keep_grain -1, wanted 0"),
    "region in words": (["--region", "left"], "LEFT,TOP,WIDTH,HEIGHT"),
    "region of three": (["--region", "1,2,3"], "LEFT,TOP,WIDTH,HEIGHT"),
    "region outside": (["--region", "500,0,10,10"], "128×96"),
    "no such format": (["--format", "gif"], "unknown format"),
    "quality for what loses nothing": (["--format", "png", "--quality", "80"], "PNG"),
    "quality above 100": (["--quality", "101"], "100"),
    "two names of a format": (["--format", "png", "-o", "b.jpg"], "leave one of them out"),
    "two on one stream": (["-o", "-", "--json", "-"], "standard output holds"),
    "for folders alone": (["--resume"], "--resume is for folders"),
    "no page": (["--report", "a.pdf"], "ends in .html"),
    "no such answer": (["--on-error", "panic"], "unknown answer to --on-error"),
    "no jobs": (["--jobs", "0"], "wanted 1 or more"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    run: Run, picture: Path, tiny_card: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    options, word = MISTAKES[mistake]
    monkeypatch.chdir(picture.parent)
    ran = run("restore", "a.jpg", "--task", tiny_card, *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("pixelmend: ")
    assert ran.err.count("\n") == 1
    assert word in ran.err
    assert [each.name for each in Path().iterdir()] == ["a.jpg"]


def test_a_region_is_where_it_is_seen(run: Run, tmp_path: Path, photo: Photo, tiny_card: Path) -> None:
    """Of a picture that lies on its side in the file."""
    pixels = np.rint(photo * 255).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    told = ["-o", tmp_path / "b.png", "--task", tiny_card, "--sigma", "75", "--no-anchor"]
    assert run("restore", tmp_path / "a.png", *told, "--region", "10,20,40,60").code == 0
    before, after = (ImageOps.exif_transpose(Image.open(tmp_path / f"{name}.png")) for name in "ab")
    assert (after.width, after.height) == (photo.shape[0], photo.shape[1])
    changed = np.any(np.asarray(before) != np.asarray(after), axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[0] >= 20
    assert rows[-1] < 80
    assert columns[0] >= 10
    assert columns[-1] < 50
    ran = run("restore", tmp_path / "a.png", *told, "--region", "0,0,128,96")
    assert ran.code == 2
    assert "96×128 pixels (as it is shown)" in ran.err
