"""Kinds of pixels that are none of grey or RGB in 8 bits, 16 bits or float: converted and told, or refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from pixelmend.errors import UnreadableError
from pixelmend.images import decode, encode
from pixelmend.images.vips import pyvips
from tests.images import samples
from tests.images.profile_files import xyz_of
from tests.images.samples import Pixels, noise, pil, tiff


def whole(data: bytes) -> Pixels:
    picture = decode(data)
    return picture.region(0, 0, picture.height, picture.width)


def grey(dtype: str, most: float) -> Pixels:
    made: Pixels = (np.random.default_rng(0).random((9, 11)) * most).astype(dtype)
    made[0, 0], made[0, 1] = most, 0
    return made


@pytest.mark.parametrize(
    ("data", "dtype", "note"),
    [
        (lambda: tiff(grey("uint32", 2**32 - 1)), "uint16", "whole numbers of 32 bits became 16"),
        (lambda: tiff(grey("float16", 1)), "float32", "floating-point numbers of 16 bits became 32"),
        (lambda: tiff(grey("uint8", 1).astype(bool)), "uint8", "1 bit a pixel became 8"),
        (lambda: pil(noise(), "PNG", mode="1"), "uint8", "1 bit a pixel became 8"),
        (lambda: pil(noise(), "PNG", mode="P"), "uint8", "the palette became full colour"),
        (lambda: pil(noise(), "GIF"), "uint8", "the palette became full colour"),
        (lambda: pil(noise(), "TIFF", mode="CMYK"), "uint8", "CMYK was converted to sRGB"),
        (lambda: tiff(noise("uint16", 4), photometric="separated"), "uint16", "CMYK was converted to sRGB"),
    ],
)
def test_what_is_converted_says_so(data: Any, dtype: str, note: str) -> None:
    picture = decode(data())
    assert (picture.dtype.name, picture.notes) == (dtype, (note,))


def test_32_bits_lose_only_their_lower_half() -> None:
    made = grey("uint32", 2**32 - 1)
    np.testing.assert_allclose(whole(tiff(made))[:, :, 0], made / 65537.0, atol=0.51)
    half = grey("float16", 1)
    np.testing.assert_array_equal(whole(tiff(half))[:, :, 0], half.astype(np.float32))


def test_lab_becomes_the_colour_that_it_is() -> None:
    lab = np.array([[[32, 0, 0], [50, 40, 30], [80, -30, 10], [100, 0, 0]]], np.float32)
    image = pyvips.Image.new_from_array(lab).copy(interpretation="lab").colourspace("labs")
    data: bytes = image.tiffsave_buffer()
    assert decode(data).notes == ("CIELAB was converted to sRGB",)
    # an independent way, by the matrix of linear sRGB under D65; libvips takes D65 for the white of CIELAB
    d65 = np.array([0.95047, 1, 1.08883])
    xyz = xyz_of(lab.astype(np.float64)) / [0.9642, 1, 0.8249] * d65
    from_xyz = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.204, 1.057]])
    linear = np.clip(xyz @ from_xyz.T, 0, 1)
    expected = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    np.testing.assert_allclose(whole(data) / 65535, expected, atol=0.006)


def test_cmyk_follows_its_profile_and_leaves_it_behind() -> None:
    picture = decode(pil(noise(), "JPEG", mode="CMYK"))
    result = encode(picture.region(0, 0, picture.height, picture.width), "jpeg", like=picture)
    assert samples.profile_of(result) is None
    assert samples.opened(result).mode == "RGB"
    white = decode(tiff(np.zeros((4, 4, 4), np.uint16), photometric="separated"))
    assert white.region(0, 0, 4, 4).min() > 65000


def test_colour_that_was_multiplied_by_transparency_is_divided_and_it_is_said() -> None:
    made = np.dstack([np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 1), 128, np.uint8)])
    picture = decode(tiff(made, extrasamples=["assocalpha"]))
    assert picture.notes == ("colour that was multiplied by its transparency was divided by it",)
    assert abs(int(picture.region(0, 0, 1, 1)[0, 0, 0]) - 199) <= 1
    assert decode(tiff(made, extrasamples=["unassalpha"])).notes == ()


@pytest.mark.parametrize(
    "made",
    [grey("int8", 100), grey("int16", 100), grey("int32", 100), grey("float64", 1), grey("complex64", 1)],
    ids=lambda made: made.dtype.name,
)
def test_numbers_without_a_white_are_refused(made: Pixels) -> None:
    with pytest.raises(UnreadableError, match=r"wanted 8 or 16 bits or float32, grey or RGB.*convert it first"):
        decode(tiff(made))


def test_more_than_four_channels_are_refused() -> None:
    data = tiff(noise("uint8", 6), photometric="minisblack", planarconfig="contig")
    with pytest.raises(UnreadableError, match="got 6 bands"):
        decode(data)


def test_drawings_are_not_pictures_of_pixels() -> None:
    with pytest.raises(UnreadableError, match="no picture of pixels"):
        decode(b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"></svg>')


def test_a_name_in_a_file_that_is_no_text_is_left_out_and_it_is_said() -> None:
    """AVIF names what it holds beside the picture in four letters, which libvips makes names of fields."""
    made = samples.avif(noise(), xmp=samples.XMP)
    assert made.count(b"mime") == 1
    picture = decode(made.replace(b"mime", b"mi\xffe"))
    assert picture.notes == ("what has a name that is not in UTF-8 was left out",)
    np.testing.assert_array_equal(whole(made), picture.region(0, 0, picture.height, picture.width))


def test_the_gain_map_of_a_telephone_is_left_out_and_it_is_said() -> None:
    bright = pyvips.Image.new_from_array(noise("float32") * 3).copy(interpretation="scrgb")
    picture = decode(bright.uhdrsave_buffer())
    assert (picture.format, picture.dtype.name) == ("jpeg", "uint8")
    assert picture.notes == ("the gain map for very bright screens was left out",)


def test_white_of_12_bits_is_white() -> None:
    image = pyvips.Image.new_from_array(np.full((16, 16, 3), 65535, np.uint16)).copy(interpretation="rgb16")
    found = whole(image.heifsave_buffer(compression="av1", bitdepth=12, lossless=True))
    assert found.min() == 65535


def test_a_moving_png_tells_that_it_moved() -> None:
    data = pil(noise(), "PNG", save_all=True, append_images=[Image.fromarray(255 - noise())])
    assert decode(data).notes == ("only the first of 2 frames or pages is kept",)
    np.testing.assert_array_equal(whole(data), noise())
    # the word in a profile or a comment is none of its marks
    info = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise()).save(info, "PNG", icc_profile=profile, comment=b"acTL")
    assert decode(info.getvalue()).notes == ()
