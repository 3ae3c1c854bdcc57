"""What comes with a picture: nothing stale, nothing invented, and nothing lost without a word."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pixelmend.images import decode, encode, give_back, open_image
from tests.images import samples
from tests.images.profile_files import DOT_GAIN, GREY, P3
from tests.images.samples import HEIGHT, MAKER, WHEN, WIDTH, XMP, Pixels, noise, pil

TWICE = np.repeat(np.repeat(noise(), 2, axis=0), 2, axis=1)
WRITTEN = ["png", "jpeg", "tiff", "webp", "avif"]
BY_EXIF = ["png", "jpeg", "webp", "avif"]


def with_thumbnail(small: bytes = b"", maker: bytes = b"") -> bytes:
    """A JPEG whose EXIF holds a small picture and the size in pixels, of the file and of the picture."""
    small = small or pil(noise()[:16, :16], "JPEG")
    block = samples.exif()
    if maker:
        block.get_ifd(0x8769)[0x927C] = maker
    block[256], block[257] = WIDTH, HEIGHT
    data = block.tobytes()[6:]
    order = "<" if data[:2] == b"II" else ">"
    first = struct.unpack(f"{order}I", data[4:8])[0]
    follow = first + 2 + 12 * struct.unpack(f"{order}H", data[first : first + 2])[0]
    at = len(data)
    second = struct.pack(f"{order}H", 3)
    second += struct.pack(f"{order}HHIHH", 0x103, 3, 1, 6, 0)
    second += struct.pack(f"{order}HHII", 0x201, 4, 1, at + 2 + 36 + 4)
    second += struct.pack(f"{order}HHII", 0x202, 4, 1, len(small)) + b"\0" * 4
    data = data[:follow] + struct.pack(f"{order}I", at) + data[follow + 4 :] + second + small
    return pil(noise(), "JPEG", exif=b"Exif\0\0" + data)


def block_of(data: bytes) -> bytes:
    found: bytes = samples.opened(data).info.get("exif", b"")
    return found


def test_a_thumbnail_takes_no_room_from_what_is_kept() -> None:
    """EXIF of a camera fills its 64 kB with the small picture and with what the maker noted."""
    small = pil(np.random.default_rng(0).integers(0, 256, (140, 140, 3), dtype=np.uint8), "JPEG", quality=95)
    maker = b"n" * (64_850 - len(small))
    picture = decode(with_thumbnail(small, maker))
    assert len(picture.header.get("exif-data")) > 65_000
    result = encode(noise(), "jpeg", like=picture)
    assert result.notes == ()
    assert samples.opened(result).getexif().get_ifd(0x8769)[0x927C] == maker


def test_the_sample_has_a_thumbnail() -> None:
    assert block_of(with_thumbnail()).count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("name", WRITTEN)
def test_a_stale_thumbnail_is_left_out(name: str) -> None:
    result = encode(TWICE, name, like=decode(with_thumbnail()))
    assert result.notes == ()
    assert samples.exif_of(result) == (MAKER, WHEN)
    body = result if name == "tiff" else block_of(result)
    assert body.count(b"\xff\xd8\xff") == 0
    if name != "tiff":
        assert samples.opened(result).getexif().get_ifd(1) == {}


@pytest.mark.parametrize("name", BY_EXIF)
def test_the_size_in_exif_is_that_of_the_result(name: str) -> None:
    block = samples.opened(encode(TWICE, name, like=decode(with_thumbnail()))).getexif()
    inner = block.get_ifd(0x8769)
    assert (block[256], block[257]) == (inner[0xA002], inner[0xA003]) == (2 * WIDTH, 2 * HEIGHT)


def test_so_it_is_in_a_tiff() -> None:
    with samples.opened(encode(TWICE, "tiff", like=decode(with_thumbnail()))) as image:
        inner = image.getexif().get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (2 * WIDTH, 2 * HEIGHT)


def test_a_pil_image_keeps_its_exif_without_what_is_stale() -> None:
    image = samples.opened(with_thumbnail())
    image.load()
    result = give_back(open_image(image), TWICE)
    block = Image.Exif()
    block.load(result.info["exif"])
    inner = block.get_ifd(0x8769)
    assert (block[271], inner[0x9003]) == (MAKER, WHEN)
    assert (block[256], block[257]) == (inner[0xA002], inner[0xA003]) == (2 * WIDTH, 2 * HEIGHT)
    assert result.info["exif"].count(b"\xff\xd8\xff") == 0


def test_a_pil_image_of_cmyk_comes_back_without_its_profile() -> None:
    image = Image.fromarray(noise()).convert("CMYK")
    image.info["icc_profile"] = P3.replace(b"RGB ", b"CMYK", 1)
    result = give_back(open_image(image), noise())
    assert "icc_profile" not in result.info
    image = Image.fromarray(noise())
    image.info["icc_profile"] = P3
    assert give_back(open_image(image), noise()).info["icc_profile"] == P3


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("like", [False, True])
def test_a_plain_picture_stays_plain(name: str, like: bool) -> None:  # noqa: FBT001  (an option)
    """No EXIF that says nothing, and no density that nobody told."""
    data = encode(noise(), name, like=decode(pil(noise(), "WEBP", lossless=True)) if like else None)
    if name != "tiff":
        assert len(samples.opened(data).getexif()) == 0
    told = samples.dots_of(data)
    assert told is None or told == pytest.approx(72, rel=1e-3)


@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "WebP", "AVIF", "BMP"])
@pytest.mark.parametrize("target", WRITTEN)
def test_density_goes_from_each_format_into_each(source: str, target: str) -> None:
    result = encode(noise(), target, like=decode(samples.FILES[source]["density"]()))
    assert samples.dots_of(result) == pytest.approx(300, abs=0.01)


def test_density_in_centimetres() -> None:
    block = samples.exif(told=False)
    block[282] = block[283] = 100.0
    block[296] = 3
    result = encode(noise(), "png", like=decode(pil(noise(), "WEBP", exif=block)))
    assert samples.dots_of(result) == pytest.approx(254, abs=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ["PNG", "TIFF", "JPEG", "AVIF", "WEBP"])
def test_every_orientation_is_shown_as_before_in_every_format(source: str, orientation: int) -> None:
    made = pil(noise(), source, exif=samples.exif(orientation=orientation))
    picture = decode(made)
    pixels = picture.region(0, 0, picture.height, picture.width)
    for target in WRITTEN:
        assert samples.upright(encode(pixels, target, like=picture)) == samples.upright(made)


def test_text_of_a_png_stays_or_is_told() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "somebody")
    picture = decode(pil(noise(), "PNG", pnginfo=info))
    kept = encode(noise(), "png", like=picture)
    assert samples.opened(kept).info["Author"] == "somebody"
    assert kept.notes == ()
    assert encode(noise(), "jpeg", like=picture).notes == ("text of the PNG was left out: JPEG holds none",)


def middle(data: bytes) -> Pixels:
    picture = decode(data)
    return picture.region(0, 0, picture.height, picture.width)[:, :, 0].astype(float)


@pytest.mark.parametrize("name", ["webp", "avif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_grey_with_a_profile_looks_the_same_where_that_cannot_be_kept(name: str, alpha: bool) -> None:  # noqa: FBT001
    grey = np.linspace(0, 255, WIDTH).round().astype(np.uint8)[None].repeat(HEIGHT, axis=0)
    made = np.dstack([grey, np.full_like(grey, 255)]) if alpha else grey
    picture = decode(pil(made, "PNG", icc_profile=DOT_GAIN))
    result = encode(picture.region(0, 0, HEIGHT, WIDTH), name, like=picture)
    assert samples.profile_of(result) is None
    assert any("colours became sRGB" in note for note in result.notes)
    space = picture.space
    assert space is not None
    expected = 255 * space.to_srgb((grey[:, :, None] / 255).astype(np.float32))[:, :, 0]
    assert np.abs(middle(result) - expected).max() < 6
    assert np.abs(expected - grey).max() > 10


def test_a_profile_of_another_kind_of_numbers_is_told() -> None:
    picture = decode(pil(noise(), "JPEG", icc_profile=GREY))
    result = encode(noise(), "png", like=picture)
    assert samples.profile_of(result) is None
    assert any("colour profile was left out" in note for note in result.notes)
    colour = decode(pil(noise(), "PNG", icc_profile=P3))
    assert any("profile was left out" in note for note in encode(noise(channels=1), "png", like=colour).notes)


def test_iptc_of_a_jpeg_goes_into_a_tiff_and_back_without_previews() -> None:
    data = samples.jpeg_with_iptc(noise())
    preview = b"8BIM\x04\x0c\0\0\0\0\0\x04\xff\xd8\xff\xd9"
    length = struct.unpack(">H", data[4:6])[0] + len(preview)
    data = data[:4] + struct.pack(">H", length) + data[6:20] + preview + data[20:]
    assert samples.iptc_of(data) == b"kept whole"
    tiff = encode(noise(), "tiff", like=decode(data))
    jpeg = encode(noise(), "jpeg", like=decode(tiff))
    for each in (tiff, jpeg, encode(noise(), "jpeg", like=decode(data))):
        assert samples.iptc_of(each) == b"kept whole"
        assert each.find(b"8BIM\x04\x0c") < 0


@pytest.mark.parametrize(
    ("size", "kept"),
    [(1000, True), (59_000, True), (60_500, False), (64_900, False), (65_400, False), (200_000, False)],
)
def test_xmp_too_long_for_a_jpeg_is_told(size: int, kept: bool) -> None:  # noqa: FBT001  (an option)
    long = XMP[:-12].ljust(size) + XMP[-12:]
    picture = decode(pil(noise(), "WEBP", lossless=True, xmp=long))
    result = encode(noise(), "jpeg", like=picture)
    assert (samples.xmp_of(result) == long) == kept
    assert result.notes == (() if kept else ("XMP was left out: JPEG holds 60 kB of it",))
    assert samples.xmp_of(encode(noise(), "tiff", like=picture)) == long


@pytest.mark.parametrize("size", [1000, 64_000, 64_900, 65_000, 65_300, 65_400, 65_600, 200_000])
def test_exif_too_long_for_a_jpeg_is_told(size: int) -> None:
    block = samples.exif()
    block.get_ifd(0x8769)[0x927C] = b"n" * size
    picture = decode(pil(noise(), "PNG", exif=block))
    result = encode(noise(), "jpeg", like=picture)
    assert samples.exif_of(result) == (MAKER, WHEN)
    kept = samples.opened(result).getexif().get_ifd(0x8769).get(0x927C)
    assert (kept == b"n" * size) == (result.notes == ())
    assert kept is not None or "maker noted" in result.notes[0]
    with samples.opened(encode(noise(), "tiff", like=picture)) as image:
        assert image.getexif().get_ifd(0x8769)[0x927C] == b"n" * size


@pytest.mark.parametrize("size", [30_000, 65_300, 65_440, 65_490, 65_600, 90_000])
def test_iptc_too_long_for_a_jpeg_is_told(size: int) -> None:
    long = b"\x1c\x02\x78\x80\x04" + struct.pack(">I", size) + b"t" * size
    picture = decode(samples.tiff(noise(), extratags=[(33723, 7, len(long), long, False)]))
    result = encode(noise(), "jpeg", like=picture)
    assert (result.find(long) > 0) == (result.notes == ())
    assert result.notes in {(), ("IPTC was left out: JPEG holds 65 kB of it",)}
    assert encode(noise(), "tiff", like=picture).find(long) > 0


def test_a_picture_without_exif_in_a_format_that_needs_it_for_orientation() -> None:
    """The orientation of a TIFF lies outside of EXIF; in a JPEG it lies within."""
    buffer = io.BytesIO(samples.FILES["TIFF"]["orientation"]())
    result = encode(noise(), "jpeg", like=decode(buffer.getvalue()))
    assert samples.orientation_of(result) == 6
