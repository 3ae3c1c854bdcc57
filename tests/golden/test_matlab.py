"""PSNR and SSIM against the published definitions in MATLAB's language, on pictures in the repository.

``matlab/expected.json`` is what ``matlab/ssim_psnr.m`` printed under the program that the file names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import correlate1d

from pixelmend.images.decode import read_float
from pixelmend.metrics import psnr, ssim

if TYPE_CHECKING:
    import numpy.typing as npt

HERE = Path(__file__).parent
EXPECTED: dict[str, dict[str, Any]] = json.loads((HERE / "matlab" / "expected.json").read_text())["scores"]
COLOUR = [name for name in EXPECTED if "psnr_y" in EXPECTED[name]]
DIGITS = 1e-6
"""The script prints six decimals, and both sides compute in float64."""

Scores = tuple[float, float]


def _pair(name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Restored and clean on the scale [0, 255]."""
    paths = [HERE / "pictures" / f"{picture}.png" for picture in (name, EXPECTED[name]["clean"])]
    first, second = (read_float(path, color="rgb" if name in COLOUR else "gray") for path in paths)
    return np.rint(first.astype(np.float64) * 255), np.rint(second.astype(np.float64) * 255)


def _scores(restored: npt.NDArray[np.float64], clean: npt.NDArray[np.float64], **how: Any) -> Scores:
    return psnr(restored, clean, data_range=255, **how), ssim(restored, clean, data_range=255, **how)


def _rounded_luminance(picture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Y of MATLAB's rgb2ycbcr on uint8: a whole number, halves away from zero."""
    luminance: npt.NDArray[np.float64] = 16 + picture @ np.array([65.481, 128.553, 24.966]) / 255
    return np.floor(luminance + 0.5)


def test_the_pictures_are_many_kinds() -> None:
    assert len(EXPECTED) >= 3
    assert 0 < len(COLOUR) < len(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_colour_and_gray(name: str) -> None:
    found = _scores(*_pair(name), color="rgb" if name in COLOUR else "gray")
    assert found == pytest.approx((EXPECTED[name]["psnr"], EXPECTED[name]["ssim"]), abs=DIGITS)


@pytest.mark.parametrize("name", COLOUR)
def test_luminance(name: str) -> None:
    found = _scores(*_pair(name), color="y")
    assert found == pytest.approx((EXPECTED[name]["psnr_y"], EXPECTED[name]["ssim_y"]), abs=DIGITS)


@pytest.mark.parametrize("name", COLOUR)
def test_luminance_rounded_as_matlab_rounds_8_bit_pictures(name: str) -> None:
    expected = (EXPECTED[name]["psnr_y_uint8"], EXPECTED[name]["ssim_y_uint8"])
    rounded = (_rounded_luminance(picture) for picture in _pair(name))
    assert _scores(*rounded, color="gray") == pytest.approx(expected, abs=DIGITS)
    ours = _scores(*_pair(name), color="y")
    assert ours[0] == pytest.approx(expected[0], abs=0.01)
    assert ours[1] == pytest.approx(expected[1], abs=0.0005)
    assert ours[0] > expected[0]  # rounding adds an error of its own


@pytest.mark.parametrize("name", EXPECTED)
def test_the_program_that_pads_gives_another_number(name: str) -> None:
    """MATLAB's own ``ssim`` is not its authors': it pads the picture with its edge, and scores the padding too."""
    restored, clean = (np.atleast_3d(picture) for picture in _pair(name))
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

    def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        for direction in (0, 1):
            values = correlate1d(values, axis / axis.sum(), axis=direction, mode="nearest")
        return values

    m_1, m_2 = mean(restored), mean(clean)
    variances = mean(restored**2) - m_1**2 + mean(clean**2) - m_2**2
    covariance = mean(restored * clean) - m_1 * m_2
    c1, c2 = 2.55**2, 7.65**2
    padded = (2 * m_1 * m_2 + c1) * (2 * covariance + c2) / ((m_1**2 + m_2**2 + c1) * (variances + c2))
    assert float(padded.mean()) == pytest.approx(EXPECTED[name]["ssim_replicate"], abs=DIGITS)
    ours = ssim(*_pair(name), data_range=255, color="rgb" if name in COLOUR else "gray")
    assert 0.001 < abs(EXPECTED[name]["ssim_replicate"] - ours) < 0.01
