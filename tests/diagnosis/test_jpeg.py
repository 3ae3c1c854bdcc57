"""JPEG quality: what files say is read as libjpeg wrote it, and pixels tell the same afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

from pixelmend.diagnosis.jpeg import cosines, find_traces, read_tables
from pixelmend.diagnosis.sampling import take_sample
from pixelmend.images import decode
from tests.diagnosis.pictures import as_8_bits, held, jpeg_of, noisy, texture


@pytest.mark.parametrize("quality", [1, 5, 24, 49, 50, 51, 75, 90, 95, 100])
def test_the_tables_of_a_file(quality: int) -> None:
    told = read_tables(jpeg_of(texture(32), quality))
    assert told is not None
    assert (told.quality, told.exact) == (quality, True)


def test_other_tables_are_like_the_nearest() -> None:
    data = bytearray(jpeg_of(texture(32), 50))
    first = data.index(b"\xff\xdb") + 5
    data[first + 5] += 2
    told = read_tables(bytes(data))
    assert told is not None
    assert not told.exact
    assert abs(told.quality - 50) <= 2


def test_tables_of_a_preview_inside_are_not_the_files() -> None:
    inner, outer = jpeg_of(texture(32), 10), jpeg_of(texture(32), 80)
    segment = b"Exif\0\0" + inner
    data = outer[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + outer[2:]
    told = read_tables(data)
    assert told is not None
    assert told.quality == 80


def test_anything_is_read_without_an_error() -> None:
    data = jpeg_of(texture(32), 80)
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(data[: int(rng.integers(0, len(data)))])
        for place in rng.integers(0, max(1, len(broken)), 8):
            if broken:
                broken[place % len(broken)] = int(rng.integers(256))
        told = read_tables(bytes(broken))
        assert told is None or 1 <= told.quality <= 100
    assert read_tables(b"\x89PNG\r\n\x1a\n") is None
    assert read_tables(b"") is None


def test_the_transform_is_orthonormal() -> None:
    np.testing.assert_allclose(cosines().T @ cosines(), np.eye(64), atol=1e-6)


@pytest.mark.parametrize("quality", [10, 25, 50, 75, 88])
def test_pixels_tell_the_quality(quality: int) -> None:
    picture = decode(jpeg_of(texture(), quality))
    traces = find_traces(take_sample(picture))
    assert traces.fit > 0.5
    assert traces.quality == quality
    assert traces.offset == (0, 0)


def test_a_crop_tells_where_blocks_begin() -> None:
    whole = decode(jpeg_of(texture(), 40))
    traces = find_traces(take_sample(held(whole.region(3, 6, 240, 240))))
    assert (traces.quality, traces.offset) == (40, (5, 2))


def test_grey_pictures_tell_it_too() -> None:
    grey = pyvips.Image.new_from_array(as_8_bits(texture())[:, :, 1]).jpegsave_buffer(Q=30)
    assert find_traces(take_sample(decode(grey))).quality == 30


@pytest.mark.parametrize("sigma", [0, 2, 20])
def test_pictures_that_were_never_compressed(sigma: float) -> None:
    traces = find_traces(take_sample(held(as_8_bits(noisy(texture(), sigma)))))
    assert traces.fit < 0.3


def test_a_flat_picture_tells_nothing() -> None:
    assert find_traces(take_sample(held(np.full((64, 64, 3), 128, np.uint8)))).quality == 100
