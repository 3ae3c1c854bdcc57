"""What goes in comes out: pixels to the last bit and all that came with them, through every format without loss.

Files are made, and results are read, by other programs: OpenCV, Pillow and tifffile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pixelmend.images import decode, encode
from tests.images import samples
from tests.images.profile_files import ADOBE, DOT_GAIN, GREY, P3
from tests.images.samples import IIM, MAKER, WHEN, XMP, Pixels

WHITE = {"uint8": 255, "uint16": 65535}


@dataclass(frozen=True)
class Made:
    """What a file is made of.

    Attributes:
        pixels: (H, W) or (H, W, C), C in {2, 3, 4}.
        profile: Or None.
        exif: Whether it has a maker and a date.
        xmp: Whether it has some.
        orientation: 1–8, or None where it is not told.
        dots: Pixels per inch, or None.
    """

    pixels: Pixels
    profile: bytes | None
    exif: bool
    xmp: bool
    orientation: int | None
    dots: int | None

    @property
    def block(self) -> Image.Exif:
        """Its EXIF, without density."""
        return samples.exif(orientation=self.orientation, told=self.exif)


def as_png(made: Made) -> bytes:
    info = PngImagePlugin.PngInfo()
    if made.xmp:
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options: dict[str, Any] = {"pnginfo": info}
    if made.profile:
        options["icc_profile"] = made.profile
    if made.dots:
        options["dpi"] = (made.dots, made.dots)
    if len(made.block):
        options["exif"] = made.block
    if made.pixels.dtype == np.uint8:
        return samples.pil(made.pixels, "PNG", **options)
    # Pillow writes no colour of 16 bits: its file of one pixel gives what lies around the pixels
    around = samples.pil(made.pixels[:1, :1].astype(np.uint8), "PNG", **options)
    extra = [(name, body) for name, body in chunks(around) if name not in {b"IHDR", b"IDAT", b"IEND"}]
    return samples.png_with(samples.png(made.pixels), *extra)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def as_tiff(made: Made) -> bytes:
    tags: list[tuple[int, int, int, Any, bool]] = []
    if made.xmp:
        tags.append((700, 1, len(XMP), XMP, False))
    if made.exif:
        tags.append((271, 2, len(MAKER) + 1, MAKER, False))
    if made.orientation:
        tags.append((274, 3, 1, made.orientation, False))
    options: dict[str, Any] = {"extratags": tags, "iccprofile": made.profile}
    if made.dots:
        options |= {"resolution": (made.dots, made.dots), "resolutionunit": 2}
    if made.pixels.ndim == 3 and made.pixels.shape[2] in {2, 4}:
        options |= {"extrasamples": ["unassalpha"], "planarconfig": "contig"}
    if made.pixels.ndim == 3 and made.pixels.shape[2] == 2:
        options["photometric"] = "minisblack"
    return samples.tiff(made.pixels, **options)


def as_webp(made: Made) -> bytes:
    options: dict[str, Any] = {"lossless": True, "exact": True}
    if made.profile:
        options["icc_profile"] = made.profile
    if made.xmp:
        options["xmp"] = XMP
    block = samples.exif(orientation=made.orientation, told=made.exif, density=made.dots)
    if len(block):
        options["exif"] = block
    return samples.pil(made.pixels, "WEBP", **options)


MAKERS = {"png": as_png, "tiff": as_tiff, "webp": as_webp}


@st.composite
def pictures(draw: st.DrawFn, dtypes: tuple[str, ...], channels: tuple[int, ...]) -> Made:
    dtype, bands = draw(st.sampled_from(dtypes)), draw(st.sampled_from(channels))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    shape = (height, width) if bands == 1 else (height, width, bands)
    pixels: Pixels = rng.integers(0, WHITE[dtype] + 1, shape).astype(dtype)
    profiles = [None, GREY, DOT_GAIN] if bands < 3 else [None, P3, ADOBE]
    return Made(
        pixels, draw(st.sampled_from(profiles)), draw(st.booleans()), draw(st.booleans()),
        draw(st.sampled_from([None, *range(1, 9)])), draw(st.sampled_from([None, 96, 300, 2400])),
    )  # fmt: skip


def check(made: Made, data: bytes, *, date: bool) -> None:
    """Hold a result against what its source was made of."""
    found = samples.pixels_of(data)
    assert found.dtype == made.pixels.dtype
    np.testing.assert_array_equal(found, made.pixels)
    assert samples.profile_of(data) == made.profile
    assert samples.exif_of(data) == (MAKER if made.exif else None, WHEN if made.exif and date else None)
    assert samples.orientation_of(data) == (made.orientation or 1)
    assert samples.xmp_of(data) == (XMP if made.xmp else None)
    told = samples.dots_of(data)
    if made.dots:
        assert told == pytest.approx(made.dots, rel=2e-4)
    else:
        assert told is None or told == pytest.approx(72, rel=2e-4)  # unknown


def through(made: Made, source: str, target: str) -> None:
    picture = decode(MAKERS[source](made))
    result = encode(picture.region(0, 0, picture.height, picture.width), target, like=picture)
    assert (picture.notes, result.notes) == ((), ())
    check(made, result, date=source != "tiff")


@pytest.mark.parametrize("source", ["png", "tiff"])
@pytest.mark.parametrize("target", ["png", "tiff"])
@settings(max_examples=40, deadline=None)
@given(made=pictures(("uint8", "uint16"), (1, 2, 3, 4)))
def test_png_and_tiff_come_out_as_they_went_in(source: str, target: str, made: Made) -> None:
    through(made, source, target)


@pytest.mark.parametrize(("source", "target"), [("webp", "webp"), ("webp", "png"), ("tiff", "webp")])
@settings(max_examples=40, deadline=None)
@given(made=pictures(("uint8",), (3, 4)))
def test_so_does_webp(source: str, target: str, made: Made) -> None:
    through(made, source, target)


@pytest.mark.parametrize("iptc", [False, True])
def test_a_tiff_of_its_own_is_read_again(iptc: bool) -> None:  # noqa: FBT001  (an option)
    """Twice through a TIFF with EXIF and IPTC, the second time from a file that this program wrote."""
    tags = samples.tiff_exif()
    if iptc:
        tags[33723], tags.tagtype[33723] = IIM, 7
    data = samples.pil(samples.noise(), "TIFF", tiffinfo=tags)
    for _ in range(2):
        picture = decode(data)
        data = encode(picture.region(0, 0, picture.height, picture.width), "tiff", like=picture)
        assert samples.exif_of(data) == (MAKER, WHEN)
        assert samples.iptc_of(data) == (b"kept whole" if iptc else None)
        np.testing.assert_array_equal(samples.pixels_of(data), samples.noise())
