"""SSIM against an implementation written here, scikit-image's own call, and its refusals."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import structural_similarity

from pixelmend.errors import DataError, MissingExtraError
from pixelmend.metrics import ssim

Array = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float64]


@pytest.fixture
def noisy(photo: Array) -> Array:
    rng = np.random.default_rng(6)
    return photo + rng.normal(0, 0.08, photo.shape).astype(np.float32)


def wang(first: Plane, second: Plane, data_range: float) -> float:
    """Equation 13 of the paper, with an explicit window slid over the valid region."""
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2

    def local_mean(plane: Plane) -> Plane:
        views = np.lib.stride_tricks.sliding_window_view(plane, (11, 11))
        return np.asarray(np.einsum("hwij,ij->hw", views, window))

    mean_1, mean_2 = local_mean(first), local_mean(second)
    var_1 = local_mean(first**2) - mean_1**2
    var_2 = local_mean(second**2) - mean_2**2
    cov = local_mean(first * second) - mean_1 * mean_2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    structure = (2 * cov + c2) / (var_1 + var_2 + c2)
    return float(np.mean(luminance * structure))


def test_equal_pictures_score_one(photo: Array) -> None:
    assert ssim(photo, photo.copy(), data_range=1.0) == pytest.approx(1.0, abs=1e-12)


def test_agrees_with_the_papers_equation_channel_by_channel(photo: Array, noisy: Array) -> None:
    planes = [wang(noisy[..., c].astype(float), photo[..., c].astype(float), 1.0) for c in range(3)]
    assert ssim(noisy, photo, data_range=1.0) == pytest.approx(np.mean(planes), abs=1e-9)
    gray = ssim(noisy[..., 0], photo[..., 0], data_range=1.0, color="gray")
    assert gray == pytest.approx(planes[0], abs=1e-9)


def test_agrees_with_scikit_image_on_the_whole_picture(photo: Array, noisy: Array) -> None:
    reference = structural_similarity(  # type: ignore[no-untyped-call]
        photo.astype(np.float64),
        noisy.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
    )
    assert ssim(noisy, photo, data_range=1.0) == pytest.approx(reference, abs=1e-12)


def test_the_scale_does_not_matter_when_it_is_named(photo: Array, noisy: Array) -> None:
    on_255 = ssim(noisy.astype(np.float64) * 255, photo.astype(np.float64) * 255, data_range=255)
    assert on_255 == pytest.approx(ssim(noisy, photo, data_range=1.0), abs=1e-9)


def test_a_flat_shift_gives_the_value_known_by_hand() -> None:
    dark, bright = np.full((16, 16), 0.4), np.full((16, 16), 0.6)
    expected = (2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4)
    assert ssim(bright, dark, data_range=1.0, color="gray") == pytest.approx(expected, abs=1e-9)


def test_luminance_is_taken_before_comparing(photo: Array, noisy: Array) -> None:
    weights = np.array([65.481, 128.553, 24.966])
    first, second = (16 + noisy.astype(float) @ weights) / 255, (16 + photo.astype(float) @ weights) / 255
    assert ssim(noisy, photo, data_range=1.0, color="y") == pytest.approx(wang(first, second, 1.0), abs=1e-9)


def test_a_picture_smaller_than_the_window_is_an_error(photo: Array) -> None:
    assert ssim(photo[:11, :11], photo[:11, :11], data_range=1.0) == pytest.approx(1.0)
    with pytest.raises(DataError, match="11×11"):
        ssim(photo[:10], photo[:10], data_range=1.0)


def test_shapes_that_differ_are_an_error(photo: Array) -> None:
    with pytest.raises(DataError, match="one shape"):
        ssim(photo[:-1], photo, data_range=1.0)


def test_without_scikit_image_the_extra_is_named(photo: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(MissingExtraError, match=r"pixelmend\[train\]"):
        ssim(photo, photo, data_range=1.0)
