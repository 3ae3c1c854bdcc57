"""Reading: every kind of file becomes what it is, and every broken file is told in one line."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pixelmend.errors import UnreadableError, UsageError
from pixelmend.images import decode, read_float, read_rgb8, save

if TYPE_CHECKING:
    from pathlib import Path

Photo = NDArray[np.float32]


def eight(photo: Photo) -> NDArray[np.uint8]:
    return np.rint(photo * 255).astype(np.uint8)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002  (the word for it)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def whole(source: Path | bytes) -> NDArray[Any]:
    picture = decode(source)
    return picture.region(0, 0, picture.height, picture.width)


def test_pixels_are_those_of_an_independent_decoder(photo: Photo) -> None:
    data = encoded(Image.fromarray(eight(photo)), "PNG")
    np.testing.assert_array_equal(whole(data), eight(photo))


def test_a_region_is_that_part(photo: Photo) -> None:
    data = encoded(Image.fromarray(eight(photo)), "PNG")
    np.testing.assert_array_equal(decode(data).region(10, 20, 30, 40), eight(photo)[10:40, 20:60])


@pytest.mark.parametrize(
    ("mode", "channels", "alpha"),
    [("L", 1, False), ("LA", 1, True), ("RGB", 3, False), ("RGBA", 3, True), ("P", 3, False)],
)
def test_channels_and_alpha(photo: Photo, mode: str, channels: int, alpha: bool) -> None:  # noqa: FBT001  (an option)
    picture = decode(encoded(Image.fromarray(eight(photo)).convert(mode), "PNG"))
    assert (picture.channels, picture.has_alpha, picture.dtype.name) == (channels, alpha, "uint8")
    assert picture.region(0, 0, 5, 6).shape == (5, 6, channels)
    assert bool(picture.notes) == (mode == "P")


@pytest.mark.parametrize(
    ("dtype", "suffix"), [(np.uint8, ".png"), (np.uint16, ".png"), (np.uint16, ".tif"), (np.float32, ".tif")]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_depth_is_kept(tmp_path: Path, photo: Photo, dtype: type, suffix: str, channels: int) -> None:
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[np.dtype(dtype).name]
    pixels: NDArray[Any] = (photo[:, :, :channels] * scale).astype(dtype)
    path = tmp_path / f"a{suffix}"
    assert save(pixels, path) == ()
    assert decode(path).dtype == dtype
    np.testing.assert_array_equal(whole(path), pixels)


def test_a_dark_16_bit_picture_stays_dark(tmp_path: Path) -> None:
    save(np.full((9, 9, 3), 200, np.uint16), tmp_path / "dark.png")
    np.testing.assert_allclose(read_float(tmp_path / "dark.png", color="rgb"), 200 / 65535, rtol=1e-6)


def test_cmyk_becomes_rgb_and_says_so(photo: Photo) -> None:
    picture = decode(encoded(Image.fromarray(eight(photo)).convert("CMYK"), "JPEG"))
    assert picture.channels == 3
    assert any("CMYK" in note for note in picture.notes)


def test_only_the_first_frame_is_kept_and_it_is_said(photo: Photo) -> None:
    frames = [Image.fromarray(np.roll(eight(photo), k * 9, axis=1)) for k in range(3)]
    picture = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert picture.height == photo.shape[0]
    assert any("first of 3" in note for note in picture.notes)


def test_orientation_is_not_applied(photo: Photo) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture = decode(encoded(Image.fromarray(eight(photo)), "JPEG", exif=exif))
    assert (picture.height, picture.width) == photo.shape[:2]


def test_read_float_follows_bt601(tmp_path: Path) -> None:
    save(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), tmp_path / "a.png")
    np.testing.assert_allclose(read_float(tmp_path / "a.png", color="gray"), [[0.299, 0.587, 0.114]], atol=1e-6)


def test_grey_read_as_colour_is_replicated(tmp_path: Path, photo: Photo) -> None:
    save(eight(photo)[:, :, 0], tmp_path / "a.png")
    colour = read_float(tmp_path / "a.png", color="rgb")
    assert colour.shape == photo.shape
    assert np.ptp(colour, axis=2).max() == 0
    np.testing.assert_array_equal(read_rgb8(tmp_path / "a.png"), np.repeat(eight(photo)[:, :, :1], 3, axis=2))


def test_read_rgb8_rounds_16_bits_and_is_writable(tmp_path: Path, photo: Photo) -> None:
    save((photo * 65535).astype(np.uint16), tmp_path / "a.png")
    pixels = read_rgb8(tmp_path / "a.png")
    assert np.abs(pixels.astype(int) - eight(photo)).max() <= 1
    pixels[0, 0] = 7


def test_a_name_like_a_libvips_option_is_only_a_name(tmp_path: Path, photo: Photo) -> None:
    path = tmp_path / "a[page=2]"
    path.write_bytes(encoded(Image.fromarray(eight(photo)), "PNG"))
    assert decode(path).width == photo.shape[1]


def test_missing_file_and_folder_are_misuse(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(UsageError, match="is a folder"):
        decode(tmp_path)


@pytest.mark.parametrize(("data", "why"), [(b"", "0 bytes"), (b"this is text\n" * 50, "not a picture")])
def test_what_is_no_picture_is_unreadable(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source in (path, data):
        with pytest.raises(UnreadableError, match=why):
            decode(source)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_file_is_discovered_when_it_is_read(photo: Photo, format: str) -> None:  # noqa: A002  (the word for it)
    rough = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(rough), format)
    with pytest.raises(UnreadableError, match="cut short"):
        whole(data[: len(data) * 2 // 3])


def test_a_float_picture_on_another_scale_is_refused(tmp_path: Path, photo: Photo) -> None:
    save(photo * 255, tmp_path / "a.tif")
    with pytest.raises(UnreadableError, match="0, 1"):
        whole(tmp_path / "a.tif")


def test_what_is_no_picture_is_told_so_in_every_thread(tmp_path: Path) -> None:
    """Messages of libvips are those of the process, and a thread may take another's away."""
    for number in range(40):
        (tmp_path / f"{number}.png").write_text("no picture")

    def told(number: int) -> str:
        with pytest.raises(UnreadableError) as caught:
            decode(tmp_path / f"{number % 40}.png")
        return str(caught.value)

    with ThreadPoolExecutor(8) as pool:
        assert all("it is not a picture" in each for each in pool.map(told, range(800)))


def test_words_of_any_alphabet_are_no_obstacle(photo: Photo) -> None:
    """The names of texts in a PNG are Latin-1, which need not be UTF-8."""
    words = PngInfo()
    words.add_text("Gerät", "Schärfe")
    words.add_text("Title", "a photograph")
    picture = decode(encoded(Image.fromarray(eight(photo)), "PNG", pnginfo=words))
    np.testing.assert_array_equal(picture.region(0, 0, *photo.shape[:2]), eight(photo))
    assert picture.notes == ("what has a name that is not in UTF-8 was left out",)
    assert [name for name in picture.header.get_fields() if name.startswith("png-comment")] == ["png-comment-1-Title"]
