"""Orientation: what is seen and what is stored, for all eight."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from pixelmend.images import decode, turn_of
from tests.images import samples


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_as_pillow_turns(orientation: int) -> None:
    pixels = samples.noise()[:30, :50]
    data = samples.pil(pixels, "PNG", exif=samples.exif(orientation=orientation))
    turn = turn_of(decode(data))
    seen = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(turn.seen(pixels), seen)
    np.testing.assert_array_equal(turn.stored(seen), pixels)
    left, top, width, height = 4, 7, 11, 5
    x, y, across, down = turn.stored_box((left, top, width, height), (seen.shape[1], seen.shape[0]))
    part = seen[top : top + height, left : left + width]
    np.testing.assert_array_equal(turn.seen(pixels[y : y + down, x : x + across]), part)
