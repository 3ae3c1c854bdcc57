"""Writing: what the original came with is kept or its loss is told, and no failure leaves anything behind."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pixelmend.errors import UnwritableError, UsageError
from pixelmend.images import check_target, decode, default_suffix, encode, save, side_by_side

if TYPE_CHECKING:
    from pathlib import Path

Photo = NDArray[np.float32]
LOSSLESS = [".png", ".tif", ".webp"]
ALL = [*LOSSLESS, ".jpg", ".avif"]


def eight(photo: Photo) -> NDArray[np.uint8]:
    return np.rint(photo * 255).astype(np.uint8)


def whole(source: Path | bytes) -> NDArray[Any]:
    picture = decode(source)
    return picture.region(0, 0, picture.height, picture.width)


def rich(photo: Photo) -> bytes:
    """A PNG with profile, EXIF and resolution, to be shown turned by 90°."""
    image = Image.fromarray(eight(photo))
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif, icc_profile=profile, dpi=(300, 300))
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_give_back_the_pixels(tmp_path: Path, photo: Photo, suffix: str) -> None:
    save(eight(photo), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(whole(tmp_path / f"a{suffix}"), eight(photo))


@pytest.mark.parametrize("suffix", [".jpg", ".avif"])
def test_lossy_formats_stay_close(tmp_path: Path, photo: Photo, suffix: str) -> None:
    save(eight(photo), tmp_path / f"a{suffix}")
    error = whole(tmp_path / f"a{suffix}").astype(float) - eight(photo)
    assert np.sqrt(np.mean(error**2)) < 3


@pytest.mark.parametrize("suffix", ALL)
def test_profile_orientation_and_exif_are_kept(tmp_path: Path, photo: Photo, suffix: str) -> None:
    source = rich(photo)  # once: the profile holds the second at which it was made
    path = tmp_path / f"a{suffix}"
    notes = save(eight(photo), path, like=decode(source))
    with Image.open(path) as image:
        assert image.info["icc_profile"] == Image.open(io.BytesIO(source)).info["icc_profile"]
        assert image.getexif()[271] == "Camera"
        assert notes == ()
    upright = decode(path).colour.autorot()  # AVIF turns its pixels in place of keeping a tag
    assert (upright.width, upright.height) == (photo.shape[0], photo.shape[1])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_resolution_is_kept(tmp_path: Path, photo: Photo, suffix: str) -> None:
    save(eight(photo), tmp_path / f"a{suffix}", like=decode(rich(photo)))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_alpha_is_carried_over(tmp_path: Path, photo: Photo, suffix: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([eight(photo), eight(photo)[:, :, 2]])).save(buffer, "PNG")
    save(eight(photo), tmp_path / f"a{suffix}", like=decode(buffer.getvalue()))
    with Image.open(tmp_path / f"a{suffix}") as image:
        np.testing.assert_array_equal(np.asarray(image)[:, :, 3], eight(photo)[:, :, 2])


def clear_to_opaque(height: int, width: int) -> bytes:
    """A PNG of one colour that is clear on the left and grows opaque to the right."""
    alpha = np.linspace(0, 255, width).round().astype(np.uint8)[None, :].repeat(height, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([np.full((height, width, 3), 200, np.uint8), alpha])).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_alpha_is_enlarged_with_the_picture_and_does_not_move(tmp_path: Path, suffix: str, scale: int) -> None:
    source = clear_to_opaque(11, 52)
    save(np.zeros((11 * scale, 52 * scale, 3), np.uint8), tmp_path / f"a{suffix}", like=decode(source))
    with Image.open(tmp_path / f"a{suffix}") as image:
        alpha = np.asarray(image)[:, :, 3].astype(float)
    assert alpha.shape == (11 * scale, 52 * scale)
    # the middle of a larger pixel, in pixels of the original; a ramp stays the ramp that it was
    middle = (np.arange(52 * scale) + 0.5) / scale - 0.5
    inner = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(alpha[5, inner], middle[inner] * 5, atol=0.7)
    np.testing.assert_array_equal(alpha, np.broadcast_to(alpha[0], alpha.shape))
    assert (alpha[0, 0], alpha[0, -1]) == (0, 255)


def test_enlarged_transparency_on_white(tmp_path: Path) -> None:
    save(np.full((22, 104, 3), 200, np.uint8), tmp_path / "a.jpg", like=decode(clear_to_opaque(11, 52)))
    on_white = whole(tmp_path / "a.jpg").astype(int)
    assert on_white.shape == (22, 104, 3)
    assert on_white[:, :2].min() > 250
    assert np.abs(on_white[:, -2:] - 200).max() < 4


@pytest.mark.parametrize("shape", [(23, 104, 3), (22, 52, 3), (5, 26, 3)])
def test_alpha_that_fits_no_whole_multiple_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="wanted 52×11 or a whole multiple of it"):
        save(np.zeros(shape, np.uint8), tmp_path / "a.png", like=decode(clear_to_opaque(11, 52)))
    assert list(tmp_path.iterdir()) == []


def test_jpeg_puts_transparency_on_white_and_says_so(tmp_path: Path) -> None:
    clear = np.zeros((32, 32, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(clear).save(buffer, "PNG")
    notes = save(clear[:, :, :3], tmp_path / "a.jpg", like=decode(buffer.getvalue()))
    assert any("transparency" in note for note in notes)
    assert whole(tmp_path / "a.jpg").astype(int).min() > 250


@pytest.mark.parametrize(
    ("suffix", "depth"), [(".png", np.uint16), (".tif", np.uint16), (".jpg", np.uint8), (".avif", np.uint16)]
)
def test_16_bits_are_kept_or_the_loss_is_told(tmp_path: Path, photo: Photo, suffix: str, depth: type) -> None:
    notes = save((photo * 65535).astype(np.uint16), tmp_path / f"a{suffix}")
    assert decode(tmp_path / f"a{suffix}").dtype == depth
    assert bool(notes) == (suffix in {".jpg", ".avif"})
    error = whole(tmp_path / f"a{suffix}") / np.iinfo(depth).max - photo
    assert np.sqrt(np.mean(error**2)) < 0.01


def test_a_memory_mapped_result_is_written(tmp_path: Path, photo: Photo) -> None:
    mapped = np.memmap(tmp_path / "scratch", dtype=np.uint8, mode="w+", shape=photo.shape)
    mapped[:] = eight(photo)
    save(mapped, tmp_path / "a.png")
    np.testing.assert_array_equal(whole(tmp_path / "a.png"), eight(photo))


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "webp", "avif"])
def test_encode_gives_that_format(photo: Photo, format: str) -> None:  # noqa: A002  (the word for it)
    picture = decode(encode(eight(photo), format))
    assert picture.format == format
    assert (picture.height, picture.width) == photo.shape[:2]


def test_unknown_suffixes_name_those_that_work(tmp_path: Path, photo: Photo) -> None:
    for name in ("a.bmp", "a"):
        with pytest.raises(UsageError, match=r"wanted one of: \.png, \.jpg"):
            save(eight(photo), tmp_path / name)


def test_the_input_is_never_written_over(tmp_path: Path, photo: Photo) -> None:
    path, link = tmp_path / "a.png", tmp_path / "b.png"
    source = rich(photo)
    path.write_bytes(source)
    link.symlink_to(path)
    for target in (path, link):
        with pytest.raises(UsageError, match="the input itself"):
            save(eight(photo), target, like=decode(path))
    assert path.read_bytes() == source


def test_folders_that_do_not_fit(tmp_path: Path, photo: Photo) -> None:
    with pytest.raises(UsageError, match="no folder"):
        save(eight(photo), tmp_path / "none" / "a.png")
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        save(eight(photo), tmp_path / "dir.png")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnwritableError, match="No space left"):
        save(eight(photo), path)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_takes_no_files(tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)  # permissions do not bind the superuser, who may run this
    for call in (lambda: save(eight(photo), tmp_path / "a.png"), lambda: check_target(tmp_path / "a.png")):
        with pytest.raises(UnwritableError, match="Permission denied"):
            call()


def test_files_get_the_permissions_of_ordinary_files(tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "ordinary").touch()
    save(eight(photo), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_check_target_leaves_nothing(tmp_path: Path) -> None:
    check_target(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_what_will_be_too_large_for_a_format_is_told_before_it_is_made(tmp_path: Path) -> None:
    like = decode(encode(np.zeros((2, 5000, 3), np.uint8), "png"))
    check_target(tmp_path / "a.webp", like=like, scale=3)
    check_target(tmp_path / "a.webp", like=like)
    with pytest.raises(UnwritableError, match="got 20000×8, WebP holds at most 16383 a side: choose TIFF"):
        check_target(tmp_path / "a.webp", like=like, scale=4)


def test_what_is_too_large_for_a_format_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="16383"):
        save(np.zeros((1, 20000, 3), np.uint8), tmp_path / "a.webp")


def test_a_format_that_is_not_written_becomes_png(tmp_path: Path, photo: Photo) -> None:
    Image.fromarray(eight(photo)).save(tmp_path / "a.gif")
    assert default_suffix(decode(tmp_path / "a.gif")) == ".png"


def test_side_by_side_is_upright_and_bounded(photo: Photo) -> None:
    before = decode(rich(photo))  # orientation 6: shown as a 128×96 upright picture
    both = side_by_side(before, 255 - eight(photo))
    assert both.shape == (128, 2 * 96 + 8, 3)
    assert both.dtype == np.uint8
    np.testing.assert_array_equal(both[:, :96], np.rot90(eight(photo), -1))
    np.testing.assert_array_equal(both[:, 104:], 255 - np.rot90(eight(photo), -1))
    assert max(side_by_side(before, eight(photo), max_side=64).shape) <= 2 * 64 + 8


@pytest.mark.parametrize("scale", [2, 3])
def test_side_by_side_enlarges_what_came_in(photo: Photo, scale: int) -> None:
    larger = np.repeat(np.repeat(eight(photo), scale, axis=0), scale, axis=1)
    both = side_by_side(decode(rich(photo)), larger)
    height, width = 128 * scale, 96 * scale
    assert both.shape == (height, 2 * width + 8, 3)
    before, after = both[:, :width].astype(float), both[:, width + 8 :].astype(float)
    np.testing.assert_array_equal(after, np.rot90(larger, -1))
    # smooth, in its place: its means over each old pixel are near to that pixel
    means = before.reshape(128, scale, 96, scale, 3).mean(axis=(1, 3))
    assert np.abs(means - np.rot90(eight(photo), -1)).mean() < 1.5
    with pytest.raises(UsageError, match="whole multiple"):
        side_by_side(decode(rich(photo)), larger[:-1])


@pytest.mark.parametrize("kept", [True, False])
def test_a_profile_of_another_length_than_it_says_keeps_no_picture_from_png(
    photo: Photo,
    kept: bool,  # noqa: FBT001  (an option)
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = profile + bytes(20) if kept else (len(profile) + 50).to_bytes(4, "big") + profile[4:]
    buffer = io.BytesIO()
    Image.fromarray(eight(photo)).save(buffer, "JPEG", icc_profile=stored)
    picture = decode(buffer.getvalue())
    result = encode(picture.region(0, 0, picture.height, picture.width), "png", like=picture)
    assert any("profile was left out: it is damaged" in note for note in result.notes) is not kept
    assert Image.open(io.BytesIO(result)).info.get("icc_profile") == (profile if kept else None)
