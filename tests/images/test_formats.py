"""Formats by name, suffix and quality; and what is told before the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.errors import UnknownNameError, UnwritableError, UsageError
from pixelmend.images import (
    Encoded,
    check_encoding,
    check_target,
    decode,
    default_format,
    encode,
    format_named,
    formats,
    save,
    suffix_for,
)
from tests.images import samples
from tests.images.samples import FILES, noise

if TYPE_CHECKING:
    from pathlib import Path

LOSSY = ["jpeg", "webp", "avif"]


def test_names_and_suffixes_lead_to_each_other(tmp_path: Path) -> None:
    assert formats() == ("png", "jpeg", "tiff", "webp", "avif")
    for name in formats():
        assert format_named(suffix_for(name)) == format_named(name.upper()) == name
        save(noise(), tmp_path / f"a{suffix_for(name)}")
        assert decode(tmp_path / f"a{suffix_for(name)}").format == name
    assert [format_named(each) for each in ("jpg", ".JPG", "tif", " png ")] == ["jpeg", "jpeg", "tiff", "png"]


@pytest.mark.parametrize(("name", "hint"), [("pngg", "png"), ("gif", "choose one of"), ("", "choose one of")])
def test_other_names_are_unknown(name: str, hint: str) -> None:
    for call in (format_named, suffix_for, check_encoding, lambda each: encode(noise(), each)):
        with pytest.raises(UnknownNameError, match=hint):
            call(name)


@pytest.mark.parametrize("name", LOSSY)
def test_more_quality_is_nearer_and_larger(tmp_path: Path, photo: np.ndarray, name: str) -> None:
    made = np.rint(photo * 255).astype(np.uint8)
    sizes, errors = [], []
    for quality in (1, 30, 80, 100):
        path = tmp_path / f"{quality}{suffix_for(name)}"
        assert save(made, path, quality=quality) == ()
        assert path.read_bytes() == encode(made, name, quality=quality)
        picture = decode(path)
        sizes.append(path.stat().st_size)
        errors.append(float(np.abs(picture.region(0, 0, *made.shape[:2]).astype(int) - made).mean()))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 3


def test_jpeg_of_some_quality_has_its_tables(tmp_path: Path) -> None:
    """The tables of the standard, ITU T.81 K.1, as libjpeg scales them."""
    for quality, first in ((50, 16), (95, 2), (10, 80)):
        save(noise(), tmp_path / "a.jpg", quality=quality)
        with samples.opened((tmp_path / "a.jpg").read_bytes()) as image:
            tables: dict[int, list[int]] = getattr(image, "quantization", {})
            assert tables[0][0] == first


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_is_refused(tmp_path: Path, quality: int) -> None:
    for call in (
        lambda: save(noise(), tmp_path / "a.jpg", quality=quality),
        lambda: encode(noise(), "jpeg", quality=quality),
        lambda: check_target(tmp_path / "a.jpg", quality=quality),
        lambda: check_encoding("jpeg", quality=quality),
    ):
        with pytest.raises(UsageError, match="from 1 to 100"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_a_quality_for_what_loses_nothing_is_refused(tmp_path: Path, name: str) -> None:
    for call in (
        lambda: save(noise(), tmp_path / f"a{suffix_for(name)}", quality=90),
        lambda: encode(noise(), name, quality=90),
        lambda: check_target(tmp_path / f"a{suffix_for(name)}", quality=90),
        lambda: check_encoding(name, quality=90),
    ):
        with pytest.raises(UsageError, match="loses nothing: leave it out, or choose JPEG, WebP, AVIF"):
            call()


def test_webp_without_a_quality_loses_nothing_and_with_one_some() -> None:
    np.testing.assert_array_equal(samples.pixels_of(encode(noise(), "webp")), noise())
    assert not np.array_equal(samples.pixels_of(encode(noise(), "webp", quality=90)), noise())


def test_encode_tells_what_it_could_not_keep() -> None:
    picture = decode(FILES["TIFF"]["alpha"]())
    result = encode(picture.region(0, 0, 40, 60), "jpeg", like=picture)
    assert isinstance(result, Encoded)
    assert result.notes == ("uint16 became uint8: JPEG holds no more", "transparency became white: JPEG holds none")
    assert encode(noise(), "png").notes == ()


def test_what_will_be_too_large_is_told_for_bytes_too() -> None:
    like = decode(encode(np.zeros((2, 5000, 3), np.uint8), "png"))
    check_encoding("webp", like=like, scale=3)
    with pytest.raises(UnwritableError, match="WebP holds at most 16383"):
        check_encoding("webp", like=like, scale=4)


@pytest.mark.parametrize(
    ("name", "kind", "form"),
    [("GIF", "8 bits", "png"), ("BMP", "8 bits", "png"), ("PPM, PGM", "16 bits", "png"), ("PFM", "float", "tiff"),
     ("JPEG", "8 bits", "jpeg"), ("AVIF", "alpha", "avif")],
)  # fmt: skip
def test_the_format_of_a_result(name: str, kind: str, form: str) -> None:
    assert default_format(decode(FILES[name][kind]())) == form
