"""Profiles: the way to sRGB is that of an independent library, and the way back gives what there was."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from pixelmend.images import decode, open_image
from pixelmend.images.profiles import TableSpace, UnusableProfileError, space_of
from tests.images.profile_files import (
    ADOBE,
    ADOBE_COLOURS,
    DOT_GAIN,
    GREY,
    P3,
    PROPHOTO,
    SRGB_CURVE,
    TABLES,
    colour_profile,
    grey_profile,
    para,
    points,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB_COLOURS = np.array([[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.7141]])
KINDS = {"Display P3": P3, "Adobe RGB": ADOBE, "ProPhoto": PROPHOTO, "grey 2.2": GREY, "dot gain": DOT_GAIN}


def bent(x: NDArray[np.float64]) -> NDArray[np.float64]:
    g, a, b, c, d = SRGB_CURVE
    return np.where(x >= d, (a * x + b) ** g, c * x)


def drawn(profile: bytes, size: int = 64) -> NDArray[np.uint8]:
    channels = 1 if profile[16:20] == b"GRAY" else 3
    return np.random.default_rng(0).integers(0, 256, (size, size, channels), dtype=np.uint8)


def unit16(channels: int, least: float = 0.0) -> NDArray[np.float32]:
    low = int(least * 65535)
    return np.random.default_rng(1).integers(low, 65536, (128, 128, channels)).astype(np.float32) / np.float32(65535)


@pytest.mark.parametrize("name", KINDS)
def test_the_way_to_srgb_is_that_of_littlecms(name: str) -> None:
    stored = drawn(KINDS[name])
    grey = stored.shape[2] == 1
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(KINDS[name])), ImageCms.ImageCmsProfile(io.BytesIO(SRGB)),
        "L" if grey else "RGB", "RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )  # fmt: skip
    theirs = np.asarray(ImageCms.applyTransform(Image.fromarray(stored[:, :, 0] if grey else stored), transform))
    space = space_of(KINDS[name])
    assert space is not None
    ours = 255 * np.clip(space.to_srgb((stored / 255).astype(np.float32)), 0, 1)
    assert np.abs(ours - theirs).max() < 2
    assert np.abs(ours - theirs).mean() < 0.4


@pytest.mark.parametrize("name", KINDS)
def test_there_and_back_is_the_same_to_half_a_level_of_16_bits(name: str) -> None:
    space = space_of(KINDS[name])
    assert space is not None
    channels = drawn(KINDS[name]).shape[2]
    for least, most in ((0.01, 0.5), (0.0, 26.0)):  # a channel that is all but 0 beside others that are full
        unit = unit16(channels, least)
        before = unit.copy()
        again = space.from_srgb(space.to_srgb(unit))
        assert again.dtype == np.float32
        assert 65535 * np.abs(again - unit).max() < most
        np.testing.assert_array_equal(unit, before)


def test_colours_beyond_srgb_are_told_and_survive() -> None:
    space = space_of(P3)
    assert space is not None
    red = np.array([[[1, 0, 0]]], np.float32)
    there = space.to_srgb(red)
    np.testing.assert_allclose(there, [[[1.093, -0.2267, -0.1501]]], atol=2e-3)  # CSS Color 4, color(display-p3 1 0 0)
    np.testing.assert_allclose(space.from_srgb(there), red, atol=1e-5)


def test_what_a_space_does_not_hold_is_clamped() -> None:
    space = space_of(ADOBE)
    assert space is not None
    own = space.from_srgb(np.array([[[2, -1, 0.5]]], np.float32))
    assert own.min() >= 0
    assert own.max() <= 1


@pytest.mark.parametrize(
    "profile",
    [
        SRGB,
        colour_profile(SRGB_COLOURS, para(*SRGB_CURVE)),
        colour_profile(SRGB_COLOURS, points(bent(np.linspace(0, 1, 1024)))),
        colour_profile(SRGB_COLOURS, para(*SRGB_CURVE, 0, 0)),
        grey_profile(para(*SRGB_CURVE)),
    ],
)
def test_what_is_srgb_in_effect_needs_no_way(profile: bytes) -> None:
    assert space_of(profile) is None


@pytest.mark.parametrize("numbers", [(2.2, 1.0, 0.0), (2.2, 0.9, 0.1, 0.0)])
def test_the_rarer_formulas(numbers: tuple[float, ...]) -> None:
    """Forms 1 and 2 of ICC.1:2022, 10.18, where they are powers of a line."""
    space = space_of(grey_profile(para(*numbers)))
    assert space is not None
    x = np.linspace(0.2, 1, 50, dtype=np.float32).reshape(-1, 1, 1)
    linear = (numbers[1] * x.astype(np.float64) + numbers[2]) ** 2.2
    np.testing.assert_allclose(bent(space.to_srgb(x).astype(np.float64)), linear, atol=1e-5)


def test_grey_with_a_profile_of_colour_is_neutral() -> None:
    space = space_of(ADOBE)
    assert space is not None
    grey = np.linspace(0, 1, 20, dtype=np.float32).reshape(-1, 1, 1)
    np.testing.assert_allclose(
        np.repeat(space.to_srgb(grey), 3, axis=2), space.to_srgb(np.repeat(grey, 3, axis=2)), atol=2e-4
    )


def test_tables_do_as_the_matrix_that_they_were_made_of() -> None:
    tables, matrix = space_of(TABLES), space_of(colour_profile(ADOBE_COLOURS, para(2.2)))
    assert isinstance(tables, TableSpace)
    assert matrix is not None
    unit = unit16(3, least=0.2) * np.float32(0.9)
    inside = np.clip(matrix.to_srgb(unit), 0, 1)
    unit = matrix.from_srgb(inside)
    there = tables.to_srgb(unit)
    assert np.abs(there - inside).mean() < 1 / 255
    again = tables.from_srgb(there)
    assert np.abs(again - unit).mean() < 1 / 255
    grey = tables.to_srgb(unit[:, :, :1])
    assert grey.shape == (*unit.shape[:2], 1)
    assert tables.from_srgb(grey).shape == grey.shape


@pytest.mark.parametrize("profile", [P3, DOT_GAIN, TABLES], ids=["matrix", "grey", "tables"])
def test_a_broken_profile_is_told_as_such_and_nothing_else_happens(profile: bytes) -> None:
    with pytest.raises(UnusableProfileError):
        space_of(profile[:140])
    rng = np.random.default_rng(0)
    broken = [profile[:cut] for cut in (*range(0, min(len(profile), 700), 23), len(profile) // 2)]
    for _ in range(60):
        changed = bytearray(profile[:2000])
        for place in rng.integers(128, len(changed), 4):
            changed[place] = rng.integers(256)
        broken.append(bytes(changed))
    for each in broken:
        with contextlib.suppress(UnusableProfileError):
            space_of(each)


def test_profiles_of_other_numbers_are_refused() -> None:
    with pytest.raises(UnusableProfileError, match="grey or RGB"):
        space_of(P3.replace(b"RGB ", b"CMYK", 1))


def as_file(pixels: NDArray[np.uint8], format: str, profile: bytes) -> bytes:  # noqa: A002  (the word for it)
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format, icc_profile=profile)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_a_decoded_picture_knows_its_space(format: str) -> None:  # noqa: A002  (the word for it)
    assert decode(as_file(drawn(P3), format, P3)).space is not None
    assert decode(as_file(drawn(GREY), format, GREY)).space is not None
    assert decode(as_file(drawn(P3), format, SRGB)).space is None
    assert decode(as_file(drawn(P3), format, SRGB)).notes == ()


def test_a_profile_that_says_nothing_is_told() -> None:
    picture = decode(as_file(drawn(P3), "TIFF", P3[:150]))
    assert picture.space is None
    assert any("colour profile was not used" in note for note in picture.notes)
    picture = decode(as_file(drawn(P3), "JPEG", GREY))
    assert picture.space is None
    assert any("it is for grey" in note for note in picture.notes)


def test_a_pil_image_knows_its_space() -> None:
    image = Image.fromarray(drawn(P3))
    assert open_image(image).space is None
    image.info["icc_profile"] = P3
    assert open_image(image).space is not None
    image.info["icc_profile"] = P3[:150]
    assert any("colour profile was not used" in note for note in open_image(image).notes)


def test_arrays_are_srgb() -> None:
    assert open_image(drawn(P3)).space is None
