"""The kinds that a caller may hand over come back as the same kind, and are never modified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelmend.errors import UsageError
from pixelmend.images import encode, give_back, open_image

if TYPE_CHECKING:
    from pathlib import Path

Photo = NDArray[np.float32]
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}


def through(image: object) -> Any:
    """In and out, each value inverted on the way, so that a copy of the input would be noticed."""
    picture = open_image(image)
    pixels = picture.region(0, 0, picture.height, picture.width)
    return give_back(picture, (WHITE[pixels.dtype.name] - pixels).astype(pixels.dtype))


def drawn(dtype: type, bands: int) -> NDArray[Any]:
    """A picture of random values, 11×13; without a third axis for 0 bands."""
    shape = (11, 13, bands) if bands else (11, 13)
    array: NDArray[Any] = np.random.default_rng(0).random(shape) * WHITE[np.dtype(dtype).name]
    return array.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("bands", [0, 1, 2, 3, 4])
def test_arrays_keep_shape_type_and_alpha(dtype: type, bands: int) -> None:
    array = drawn(dtype, bands)
    white = WHITE[array.dtype.name]
    before = array.copy()
    result = through(array)
    assert (result.shape, result.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(array, before)
    colours = {2: 1, 4: 3}.get(bands, bands)
    if bands in {2, 4}:
        np.testing.assert_array_equal(result[..., -1], array[..., -1])
    np.testing.assert_array_equal(
        result[..., :colours] if bands else result, white - (array[..., :colours] if bands else array)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("bands", [0, 1, 2, 3, 4])
def test_a_larger_result_comes_back_with_alpha_as_large(dtype: type, bands: int) -> None:
    array = drawn(dtype, bands)
    white = WHITE[array.dtype.name]
    picture = open_image(array)
    larger: NDArray[Any] = np.full((33, 39, picture.channels), white // 2, dtype)
    result = give_back(picture, larger)
    assert (result.shape, result.dtype) == ((33, 39, *array.shape[2:]), array.dtype)
    if bands in {2, 4}:
        np.testing.assert_array_equal(result[..., :-1], larger)
        alpha = result[..., -1].astype(float)
        assert 0 <= alpha.min() <= alpha.max() <= white
        # pixel (1, 1) of three by three lies where the old pixel lies
        assert np.abs(alpha[1::3, 1::3] - array[..., -1]).max() < 0.01 * white
        with pytest.raises(UsageError, match="whole multiple"):
            give_back(picture, larger[:-1])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pil_images_keep_mode_and_info(photo: Photo, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray((photo[:, :, 0] * 65535).astype(np.uint16))
    else:
        image = Image.fromarray(np.rint(photo * 255).astype(np.uint8)).convert(mode)
    image.info["dpi"] = (300, 300)
    before = image.copy()
    result = through(image)
    assert isinstance(result, Image.Image)
    assert (result.mode, result.size, result.info["dpi"]) == (mode, image.size, (300, 300))
    assert image.tobytes() == before.tobytes()
    assert result.tobytes() != image.tobytes()


def test_a_pil_palette_becomes_colour_and_says_so(photo: Photo) -> None:
    image = Image.fromarray(np.rint(photo * 255).astype(np.uint8)).quantize(32)
    assert open_image(image).notes == ("PIL mode P became RGB",)
    assert through(image).mode == "RGB"


def test_bytes_keep_their_format(photo: Photo) -> None:
    data = encode(np.rint(photo * 255).astype(np.uint8), "tiff")
    result = through(data)
    assert isinstance(result, bytes)
    assert open_image(result).format == "tiff"


def test_float_values_outside_the_range_come_in_unclipped(photo: Photo) -> None:
    noisy = photo + np.float32(0.6)
    assert open_image(noisy).region(0, 0, *photo.shape[:2]).max() == noisy.max() > 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.float64),
        np.zeros((4, 4), np.int32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        3.5,
        None,
        Image.new("F", (4, 4)),
    ],
)
def test_other_things_are_refused_with_what_was_wanted(image: object) -> None:
    with pytest.raises(UsageError, match=r"got .* wanted"):
        open_image(image)


@pytest.mark.parametrize(("value", "why"), [(np.nan, "NaN"), (np.inf, "NaN or infinite"), (200.0, "0, 1")])
def test_float_arrays_that_are_no_pictures(value: float, why: str) -> None:
    array = np.zeros((4, 4, 3), np.float32)
    array[1, 2, 0] = value
    with pytest.raises(UsageError, match=why):
        open_image(array)


def test_a_path_is_decoded(tmp_path: Path, photo: Photo) -> None:
    Image.fromarray(np.rint(photo * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert open_image(str(tmp_path / "a.png")).format == "png"
