"""A picture as people see it: turned as its tag says, on white, enlarged in its place, the same in pieces as whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageOps

from pixelmend.errors import UsageError
from pixelmend.images import ArrayPicture, Upright, decode, encode, side_by_side

if TYPE_CHECKING:
    from pathlib import Path

Photo = np.ndarray[Any, Any]


def eight(photo: Photo) -> Photo:
    pixels: Photo = np.rint(photo * 255).astype(np.uint8)
    return pixels


@pytest.fixture(params=range(1, 9))
def turned(request: pytest.FixtureRequest, tmp_path: Path, photo: Photo) -> Path:
    """A file with each of EXIF's eight orientations."""
    exif = Image.Exif()
    exif[0x0112] = request.param
    path = tmp_path / "a.png"
    Image.fromarray(eight(photo)).save(path, exif=exif)
    return path


def test_it_is_turned_as_other_programs_turn_it(turned: Path) -> None:
    with Image.open(turned) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    got = Upright.of(decode(turned))
    assert (got.height, got.width) == wanted.shape[:2]
    np.testing.assert_array_equal(got.whole(), wanted)
    piece = got.region(20, 30, 40, 50)
    np.testing.assert_allclose(piece * 255, wanted[20:60, 30:80], atol=1e-3)


def test_pieces_of_what_is_enlarged_are_those_of_the_whole(turned: Path) -> None:
    small = Upright.of(decode(turned))
    large = small.enlarged_to(small.height * 3, small.width * 3)
    whole = large.region(0, 0, large.height, large.width)
    for top, left, height, width in [(0, 0, 50, 60), (101, 47, 80, 33), (large.height - 7, large.width - 5, 7, 5)]:
        piece = large.region(top, left, height, width)
        np.testing.assert_allclose(piece, whole[top : top + height, left : left + width], atol=1e-6)
    # in its place: the means over each old pixel are near to that pixel
    means = whole.reshape(small.height, 3, small.width, 3, 3).mean(axis=(1, 3))
    assert np.abs(means - small.region(0, 0, small.height, small.width)).mean() < 0.006


def test_transparency_is_laid_on_white(photo: Photo) -> None:
    opacity = np.zeros((96, 128, 1), np.uint8)
    opacity[:, :64] = 255
    opacity[:, 64:70] = 128
    file = pyvips.Image.new_from_array(np.concatenate([eight(photo), opacity], axis=2)).pngsave_buffer()
    seen = Upright.of(decode(file)).whole()
    np.testing.assert_array_equal(seen[:, :64], eight(photo)[:, :64])
    assert (seen[:, 70:] == 255).all()
    between = 255 - (255 - eight(photo)[:, 64:70].astype(float)) * 128 / 255
    assert np.abs(seen[:, 64:70] - between).max() <= 1


def test_a_result_has_the_transparency_and_the_way_up_of_what_it_was_made_from(photo: Photo) -> None:
    opacity = np.full((96, 128, 1), 255, np.uint8)
    opacity[:48] = 0
    image = pyvips.Image.new_from_array(np.concatenate([eight(photo), opacity], axis=2)).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    before = decode(image.pngsave_buffer())
    result = Upright.result(np.full((192, 256, 3), 100, np.uint8), before)
    assert (result.height, result.width) == (256, 192)
    seen = result.whole()
    assert (seen[:, :90] == 100).all()  # what was below is at the left once it is turned
    assert (seen[:, 102:] == 255).all()


@dataclass(frozen=True, eq=False)
class Halved:
    """A colour space whose numbers mean half of what they would in sRGB."""

    def to_srgb(self, unit: Photo) -> Photo:
        """See `ColourSpace`."""
        return unit / 2

    def from_srgb(self, unit: Photo) -> Photo:
        """See `ColourSpace`."""
        return unit * 2


def test_colours_are_those_of_srgb(photo: Photo) -> None:
    before = ArrayPicture(photo, None, photo, space=Halved())
    np.testing.assert_allclose(Upright.of(before).region(0, 0, 96, 128), photo / 2, atol=1e-6)
    np.testing.assert_allclose(Upright.result(photo, before).region(0, 0, 96, 128), photo / 2, atol=1e-6)


@pytest.mark.parametrize("limit", [{"max_side": 50}, {"max_pixels": 900}, {"max_side": 127}])
def test_reducing_keeps_to_the_limit_and_to_the_mean(limit: dict[str, int], photo: Photo) -> None:
    small = Upright.of(ArrayPicture(photo, None, photo)).whole(**limit)
    assert max(small.shape) <= limit.get("max_side", 128)
    assert small.shape[0] * small.shape[1] <= limit.get("max_pixels", 96 * 128) * 1.1
    assert small.shape[1] / small.shape[0] == pytest.approx(128 / 96, rel=0.1)
    assert np.abs(small.mean(axis=(0, 1)) - eight(photo).mean(axis=(0, 1))).max() < 2


def test_grey_16_bits_and_one_pixel_are_seen() -> None:
    grey = np.full((1, 1, 1), 32768, np.uint16)
    assert Upright.of(ArrayPicture(grey, None, grey)).whole().tolist() == [[[128, 128, 128]]]


def test_what_does_not_fit_is_refused(photo: Photo) -> None:
    picture = ArrayPicture(photo, None, photo)
    with pytest.raises(UsageError, match="got 200×96 pixels, wanted 128×96 or a whole multiple"):
        Upright.of(picture).enlarged_to(96, 200)
    with pytest.raises(UsageError, match="whole multiple"):
        Upright.result(photo[:-1], picture)


def test_side_by_side_takes_files_of_different_orientation(turned: Path) -> None:
    upright = Upright.of(decode(turned)).whole()
    both = side_by_side(decode(turned), decode(encode(upright, "png")))
    half = upright.shape[1]
    np.testing.assert_array_equal(both[:, :half], both[:, half + 8 :])
    np.testing.assert_array_equal(both[:, :half], upright)
