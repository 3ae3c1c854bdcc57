"""PSNR against its formula, scikit-image, values known by hand, and its refusals."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import peak_signal_noise_ratio as skimage_psnr

from pixelmend.errors import DataError, UnknownNameError, UsageError
from pixelmend.metrics import as_displayed, psnr

Array = npt.NDArray[np.float32]


@pytest.fixture
def noisy(photo: Array) -> Array:
    rng = np.random.default_rng(5)
    return photo + rng.normal(0, 0.1, photo.shape).astype(np.float32)


def test_equal_pictures_are_infinitely_near(photo: Array) -> None:
    assert psnr(photo, photo.copy(), data_range=1.0) == math.inf


@pytest.mark.parametrize(("error", "decibels"), [(0.1, 20.0), (0.01, 40.0), (1.0, 0.0)])
def test_a_constant_error_gives_the_value_known_by_hand(error: float, decibels: float) -> None:
    clean = np.zeros((5, 7, 3))
    assert psnr(clean + error, clean, data_range=1.0) == pytest.approx(decibels, abs=1e-9)


def test_agrees_with_the_formula_and_with_scikit_image(photo: Array, noisy: Array) -> None:
    value = psnr(noisy, photo, data_range=1.0)
    reference = skimage_psnr(photo, noisy, data_range=1.0)  # type: ignore[no-untyped-call]
    difference = noisy.astype(np.float64) - photo.astype(np.float64)
    assert value == pytest.approx(-10 * np.log10((difference**2).sum() / difference.size), abs=1e-9)
    assert value == pytest.approx(float(reference), abs=1e-4)


def test_the_scale_does_not_matter_when_it_is_named(photo: Array, noisy: Array) -> None:
    on_255 = psnr(noisy.astype(np.float64) * 255, photo.astype(np.float64) * 255, data_range=255)
    assert on_255 == pytest.approx(psnr(noisy, photo, data_range=1.0), abs=1e-9)


def test_8_bit_arrays_do_not_wrap_around() -> None:
    clean = np.full((4, 4, 3), 250, dtype=np.uint8)
    restored = np.full((4, 4, 3), 5, dtype=np.uint8)
    assert psnr(restored, clean, data_range=255) == pytest.approx(20 * math.log10(255 / 245), abs=1e-9)


def test_the_frame_is_left_out(photo: Array) -> None:
    spoiled = photo.copy()
    spoiled[:3] = spoiled[-3:] = 0
    spoiled[:, :3] = spoiled[:, -3:] = 0
    assert psnr(spoiled, photo, data_range=1.0, crop_border=3) == math.inf
    assert psnr(spoiled, photo, data_range=1.0, crop_border=2) < 60


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_luminance_is_studio_range_bt601(photo: Array, noisy: Array, data_range: float) -> None:
    weights = np.array([65.481, 128.553, 24.966]) / 255  # a white of 1 spans 219 of 255 levels
    error = (noisy.astype(np.float64) - photo.astype(np.float64)) @ weights
    expected = -10 * np.log10(np.mean(error**2))
    value = psnr(
        noisy.astype(np.float64) * data_range,
        photo.astype(np.float64) * data_range,
        data_range=data_range,
        color="y",
    )
    assert value == pytest.approx(expected, abs=1e-6)


def test_gray_takes_one_channel_with_or_without_its_axis(photo: Array, noisy: Array) -> None:
    flat = psnr(noisy[..., 0], photo[..., 0], data_range=1.0, color="gray")
    assert flat == psnr(noisy[..., :1], photo[..., :1], data_range=1.0, color="gray")
    reference = skimage_psnr(photo[..., 0], noisy[..., 0], data_range=1.0)  # type: ignore[no-untyped-call]
    assert flat == pytest.approx(float(reference), abs=1e-4)


def test_the_range_is_required(photo: Array) -> None:
    with pytest.raises(TypeError, match="data_range"):
        psnr(photo, photo)  # type: ignore[call-arg]


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.nan, math.inf])
def test_a_range_that_is_none_is_misuse(photo: Array, data_range: float) -> None:
    with pytest.raises(UsageError, match="data_range"):
        psnr(photo, photo, data_range=data_range)


def test_shapes_that_differ_are_an_error_and_never_broadcast(photo: Array) -> None:
    with pytest.raises(DataError, match="one shape"):
        psnr(photo[:1], photo, data_range=1.0)


def test_a_shape_that_does_not_fit_the_colour_is_an_error(photo: Array) -> None:
    with pytest.raises(DataError, match="gray"):
        psnr(photo, photo, data_range=1.0, color="gray")
    with pytest.raises(DataError, match="rgb"):
        psnr(photo[..., 0], photo[..., 0], data_range=1.0)


def test_other_misuse_is_named(photo: Array) -> None:
    with pytest.raises(UnknownNameError, match="color"):
        psnr(photo, photo, data_range=1.0, color="grey")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="crop_border"):
        psnr(photo, photo, data_range=1.0, crop_border=-1)
    with pytest.raises(DataError, match="inside a border"):
        psnr(photo, photo, data_range=1.0, crop_border=48)


def test_a_value_that_is_not_finite_gets_no_score(photo: Array) -> None:
    broken = photo.copy()
    broken[3, 4, 1] = np.nan
    with pytest.raises(DataError, match="restored"):
        psnr(broken, photo, data_range=1.0)
    with pytest.raises(DataError, match="clean"):
        psnr(photo, broken, data_range=1.0)


def test_as_displayed_clamps_and_rounds_and_leaves_the_original() -> None:
    restored = np.array([[-0.5, 0.1004, 0.5, 1.7]], dtype=np.float32)
    before = restored.copy()
    assert np.allclose(as_displayed(restored) * 255, [[0, 26, 128, 255]], atol=1e-9)
    assert np.allclose(as_displayed(restored * 255, data_range=255), [[0, 26, 128, 255]], atol=1e-9)
    assert np.array_equal(restored, before)


def test_as_displayed_refuses_what_is_not_finite() -> None:
    with pytest.raises(DataError, match="not finite"):
        as_displayed(np.array([[0.0, np.inf]]))
