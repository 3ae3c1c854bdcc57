"""HEIC, BMP and the plain formats: read whole by what reads them, refused with what to do where that is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pixelmend.errors import UnreadableError
from pixelmend.images import decode, default_suffix, open_image, save
from tests.images import samples
from tests.images.samples import FILES, Pixels, heic, noise, pil

if TYPE_CHECKING:
    from pathlib import Path


def whole(data: bytes) -> Pixels:
    picture = decode(data)
    return picture.region(0, 0, picture.height, picture.width)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_pixels_are_those_of_the_file(dtype: str, channels: int) -> None:
    made = noise(dtype, channels)
    head = f"P{6 if channels == 3 else 5}\n# two\n# remarks 5 6\n60 40 # another\n{np.iinfo(made.dtype).max}\n"
    data = head.encode() + made.astype(made.dtype.newbyteorder(">")).tobytes()
    picture = decode(data)
    assert (picture.format, picture.notes) == ("ppm" if channels == 3 else "pgm", ())
    np.testing.assert_array_equal(whole(data), made.reshape(40, 60, channels))
    np.testing.assert_array_equal(picture.region(3, 5, 7, 9), made.reshape(40, 60, channels)[3:10, 5:14])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pfm_is_upside_down_in_its_file(order: str, channels: int) -> None:
    made = noise("float32", channels)
    head = f"P{'F' if channels == 3 else 'f'}\n60 40\n{'-' if order == '<' else ''}1.0\n"
    data = head.encode() + made[::-1].astype(f"{order}f4").tobytes()
    np.testing.assert_array_equal(whole(data), made.reshape(40, 60, channels))


def test_other_maxima_are_stretched_to_white_and_it_is_said() -> None:
    data = b"P5 3 1 1000\n" + np.array([0, 500, 1000], ">u2").tobytes()
    assert whole(data).ravel().tolist() == [0, 32768, 65535]
    assert decode(data).notes == ("values up to 1000 were stretched to 65535",)
    assert whole(b"P5 3 1 15\n\x00\x07\x0f").ravel().tolist() == [0, 119, 255]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"P6 60 40 255\n" + b"\0" * 7199, "cut short"),
        (b"P3 1 1 255\n1 2 3\n", "wanted a binary"),
        (b"P6 sixty 40 255\n", "wanted a binary"),
        (b"P6 60 0 255\n", "impossible"),
        (b"P6 6.5 4 255\n", "damaged"),
        (b"P6 60 40 70000\n" + b"\0" * 14400, "impossible"),
        (b"BM" + b"\0" * 60, "damaged"),
        (FILES["AVIF"]["frames"], "moving AVIF"),
    ],
)
def test_what_is_not_read_says_what_to_do(data: Any, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        decode(data if isinstance(data, bytes) else data())


def test_bmp_of_every_kind(photo: Pixels) -> None:
    eight = np.rint(photo * 255).astype(np.uint8)
    np.testing.assert_array_equal(whole(pil(eight, "BMP")), eight)
    assert decode(pil(eight, "BMP", mode="P")).notes == ("the palette became full colour",)
    assert decode(pil(eight, "BMP", mode="1")).notes == ("1 bit a pixel became 8",)
    picture = decode(samples.bmp())
    np.testing.assert_array_equal(picture.opacity(0, 0, 40, 60), noise(channels=4)[:, :, 3:])
    np.testing.assert_array_equal(picture.region(0, 0, 40, 60), noise(channels=4)[:, :, :3])


@pytest.mark.parametrize(
    ("module", "data", "extra"),
    [("pillow_heif", b"\0\0\0\x1cftypheic", "heic"), ("PIL", b"BM" + b"\0" * 60, "pil")],
)
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, module: str, data: bytes, extra: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if extra == "heic":
        data = heic_without_its_library()
    with pytest.raises(UnreadableError, match=rf"pip install 'pixelmend\[{extra}\]'"):
        decode(data)


def heic_without_its_library() -> bytes:
    """The head of a HEIC file of 64×64, whose picture nobody is asked for."""

    def box(kind: bytes, body: bytes, version: int | None = None) -> bytes:
        body = (b"" if version is None else version.to_bytes(4, "big")) + body
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    config = bytes.fromhex("01016000000090000000000078f000fcfdf8f800000f00")
    properties = box(b"ipco", box(b"hvcC", config) + box(b"ispe", b"\0\0\0\x40" * 2, 0))
    links = box(b"ipma", b"\0\0\0\1\0\1\2\x81\x02", 0)
    item = box(b"infe", b"\0\1\0\0hvc1\0", 2 << 24)
    meta = box(b"hdlr", b"\0" * 4 + b"pict" + b"\0" * 13, 0) + box(b"pitm", b"\0\1", 0)
    meta += box(b"iloc", b"\x44\0\0\1\0\1\0\0\0\1\0\0\0\0\0\0\0\x10", 0)
    meta += box(b"iinf", b"\0\1" + item, 0) + box(b"iprp", properties + links)
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", meta, 0) + box(b"mdat", b"\0" * 16)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 3), ("uint8", 4), ("uint16", 3)])
def test_heic_is_read_with_all_its_bits(dtype: str, channels: int) -> None:
    made = noise(dtype, channels)
    picture = decode(heic(made))
    assert (picture.format, picture.dtype.name, picture.channels) == ("heic", dtype, min(channels, 3))
    assert picture.has_alpha == (channels == 4)
    found = whole(heic(made)) / np.iinfo(made.dtype).max
    assert np.abs(found - made.reshape(40, 60, channels)[:, :, :3] / np.iinfo(made.dtype).max).mean() < 0.01
    white = found[4:12, 4:12]
    assert white.mean() > 0.995  # of 10 bits in 16 white would be 0.999, and of 10 in 65536 the less


def test_heic_becomes_jpeg_and_where_that_loses_more_png(tmp_path: Path) -> None:
    for made, suffix in ((noise(), ".jpg"), (noise("uint16"), ".png"), (noise(channels=4), ".png")):
        path = tmp_path / "IMG_0001.HEIC"
        path.write_bytes(heic(made))
        picture = decode(path)
        assert default_suffix(picture) == suffix
        assert save(picture.region(0, 0, 40, 60), tmp_path / f"a{suffix}", like=picture) == ()


def test_a_damaged_heic_is_told() -> None:
    data = heic(noise())
    for cut in (len(data) - 500, 300, 100):
        with pytest.raises(UnreadableError, match=r"damaged|cut short|not a picture"):
            whole(data[:cut])


def test_bytes_of_a_format_that_is_not_written_come_back_as_another() -> None:
    from pixelmend.images import give_back

    for name, kind, form in (("PPM, PGM", "8 bits", "png"), ("PFM", "float", "tiff"), ("GIF", "8 bits", "png")):
        picture = open_image(FILES[name][kind]())
        assert open_image(give_back(picture, picture.region(0, 0, 40, 60))).format == form
