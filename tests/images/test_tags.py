"""Lists of tags: what Pillow and tifffile write is read, what is written they read, and broken ones are told."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import tifffile
from PIL import Image

from pixelmend.images import decode, encode, save
from pixelmend.images.tags import (
    EXIF,
    GPS,
    IPTC,
    BrokenTagsError,
    Tag,
    add_to_tiff,
    as_block,
    iim_of,
    iptc_tag,
    read_block,
    read_tiff,
    sized,
    wrapped,
)
from tests.images import samples
from tests.images.samples import IIM, MAKER, WHEN, noise

if TYPE_CHECKING:
    from pathlib import Path


def rich_block(order: str = "<") -> bytes:
    """EXIF by Pillow: descriptive tags, numbers of several kinds, a maker's own bytes, and a place."""
    block = samples.exif(orientation=6, density=300)
    block.endian = order
    inner = block.get_ifd(EXIF)
    inner[0x829A], inner[0x8827], inner[0x927C] = 0.004, 400, b"maker\0\1\2\3\4\5\6"
    place = block.get_ifd(GPS)
    place[1], place[2] = "N", (52.0, 30.0, 1.5)
    return block.tobytes()


def told(block: Image.Exif) -> tuple[dict[int, object], dict[int, object]]:
    return dict(block.get_ifd(EXIF)), dict(block.get_ifd(GPS))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_block_is_read_and_written_as_pillow_has_it(order: str) -> None:
    known, again = Image.Exif(), Image.Exif()
    known.load(rich_block(order))
    again.load(b"Exif\0\0" + as_block(read_block(rich_block(order))))
    assert told(again) == told(known)
    assert again[271] == MAKER
    assert 274 not in again  # orientation and density belong to the file
    assert 282 not in again


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_are_added_to_every_kind_of_tiff(order: Literal["<", ">"], big: bool) -> None:  # noqa: FBT001  (an option)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, noise("uint16"), photometric="rgb", bigtiff=big, byteorder=order, metadata=None)
    add_to_tiff(buffer, {**read_block(rich_block()), IPTC: iptc_tag(IIM)})
    data = buffer.getvalue()
    np.testing.assert_array_equal(samples.pixels_of(data), noise("uint16"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages.first.tags
        assert tags.valueof(271) == MAKER
        assert tags.valueof(EXIF)["ExposureTime"] == 0.004
        assert tags.valueof(EXIF)["DateTimeOriginal"] == WHEN
        assert tags.valueof(GPS)["GPSLatitudeRef"] == "N"
        assert list(tags.keys()) == sorted(tags.keys())
    found = read_tiff(data)
    assert found[IPTC] == Tag(7, len(IIM), IIM)


def test_a_second_page_stays() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for number in range(2):
            writer.write(np.full((5, 6), number, np.uint8), photometric="minisblack", metadata=None)
    add_to_tiff(buffer, read_block(rich_block()))
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        assert [int(page.asarray().max()) for page in file.pages] == [0, 1]


def test_the_size_is_set_where_it_is_told() -> None:
    block = Image.Exif()
    block.load(as_block(sized(read_block(rich_block()), 1000, 70000)))
    assert (block.get_ifd(EXIF)[0xA002], block.get_ifd(EXIF)[0xA003]) == (1000, 70000)
    bare = read_block(samples.exif(told=False, orientation=3).tobytes())
    assert sized(bare, 7, 8) == bare


@pytest.mark.parametrize(
    ("blob", "found"),
    [
        (IIM, IIM),
        (wrapped(IIM), IIM),
        (b"Photoshop 3.0\x008BIM\x04\x0c\x03abc\0\0\0\x03xyz\0" + wrapped(IIM)[14:], IIM),
        (b"Photoshop 3.0\x008BIM\x04\x0c\0\0\0\0\0\0", None),
        (b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff", None),
        (b"text", None),
        (b"", None),
    ],
)
def test_iptc_is_found_in_what_it_is_wrapped_in(blob: bytes, found: bytes | None) -> None:
    assert iim_of(blob) == found


def test_broken_tags_are_told_and_nothing_else_happens() -> None:
    rng = np.random.default_rng(0)
    good = rich_block()
    broken = [good[:cut] for cut in range(len(good))]
    for _ in range(2000):
        changed = bytearray(good)
        for place in rng.integers(6, len(good), 3):
            changed[place] = rng.integers(256)
        broken.append(bytes(changed))
    for each in broken:
        with contextlib.suppress(BrokenTagsError):
            as_block(read_block(each))
    with pytest.raises(BrokenTagsError):
        read_block(good[:100])


def test_lists_that_point_to_themselves_end() -> None:
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", 1)
    block = head + struct.pack("<HHII", EXIF, 4, 1, 8) + b"\0" * 4
    assert read_block(block) == {EXIF: {EXIF: {}}}


def test_values_that_are_named_a_thousand_times_over_are_refused() -> None:
    large = 2**20
    entries = b"".join(struct.pack("<HHII", 0x9000 + k, 7, large, 64) for k in range(400))
    inner = struct.pack("<H", 400) + entries + b"\0" * 4
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, EXIF, 4, 1, 26) + b"\0" * 4 + inner + b"\0" * large
    with pytest.raises(BrokenTagsError, match="outside"):
        read_block(block)


def test_damaged_exif_of_a_tiff_is_left_out_and_it_is_said() -> None:
    data = samples.pil(noise(), "TIFF", tiffinfo=samples.tiff_exif())
    entry = data.index(struct.pack("<HHI", EXIF, 4, 1))
    picture = decode(data[: entry + 8] + b"\xff\xff\xff\x7f" + data[entry + 12 :])
    assert any("EXIF and IPTC are damaged" in note for note in picture.notes)
    result = encode(noise(), "tiff", like=picture)
    np.testing.assert_array_equal(samples.pixels_of(result), noise())


def test_save_adds_them_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    assert save(noise(), path, like=decode(samples.pil(noise(), "JPEG", exif=samples.exif()))) == ()
    assert samples.exif_of(path.read_bytes()) == (MAKER, WHEN)
    assert [each.name for each in tmp_path.iterdir()] == ["a.tif"]
