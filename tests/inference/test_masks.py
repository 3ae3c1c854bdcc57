"""Masks: what counts as lost, in files that are stored turned, in arrays, and in strips of huge ones."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps

from pixelmend.errors import UsageError
from pixelmend.images import encode, open_image
from pixelmend.inference import masks, read_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH = 24, 40


def lost() -> NDArray[np.bool_]:
    """Without any symmetry."""
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[2:7, 3:20] = found[9:20, 30:33] = True
    return found


def file_of(pixels: NDArray[np.uint8], orientation: int, form: str = "png") -> bytes:
    """A file that is stored so that it is seen, under its orientation, as these pixels."""
    turns = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}  # Pillow turns by EXIF's own rule: each by its inverse
    image = Image.fromarray(pixels)
    if orientation != 1:
        exif = Image.Exif()
        exif[0x0112] = turns[orientation]
        image.info["exif"] = exif.tobytes()
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(saved(image, exif))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, exif, form)


def saved(image: Image.Image, exif: Image.Exif, form: str = "png") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, exif=exif.tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("of_mask", range(1, 9))
@pytest.mark.parametrize("of_picture", range(1, 9))
def test_a_mask_lies_on_a_picture_as_it_is_seen(of_picture: int, of_mask: int) -> None:
    seen = np.where(lost(), 255, 0).astype(np.uint8)
    picture = file_of(seen, of_picture)
    found = read_mask(file_of(seen, of_mask), open_image(picture))
    as_stored = np.asarray(Image.open(io.BytesIO(picture))) > 127
    np.testing.assert_array_equal(found, as_stored)


def test_arrays_lie_on_it_as_stored() -> None:
    picture = open_image(file_of(np.zeros((WIDTH, HEIGHT), np.uint8), 6))  # stored 24 high and 40 wide
    np.testing.assert_array_equal(read_mask(lost(), picture), lost())
    np.testing.assert_array_equal(read_mask(lost().astype(np.float32), picture), lost())


def test_whole_numbers_of_0_and_1_are_no_mask_by_mistake() -> None:
    picture = open_image(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    for kind, white in ((np.uint8, 255), (np.uint16, 65535)):
        with pytest.raises(UsageError, match=f"mask of 0 and 1, wanted {white} where pixels are lost"):
            read_mask(lost().astype(kind), picture)
        assert not read_mask(np.zeros((HEIGHT, WIDTH), kind), picture).any()


def test_a_large_mask_is_looked_at_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "_STRIP", 3 * WIDTH + 1)
    white = np.where(lost(), 255, 0).astype(np.uint8)
    picture = open_image(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    see_through = np.dstack([np.full((HEIGHT, WIDTH, 3), 255, np.uint8), white])
    for mask in (white, encode(white, "png"), see_through, Image.fromarray(see_through)):
        np.testing.assert_array_equal(read_mask(mask, picture), lost())
