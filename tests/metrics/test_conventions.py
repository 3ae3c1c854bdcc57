"""Why every number carries its protocol: the same restored pixels, scored as others score them.

Each test shows one difference, on small pictures of the repository and, where they are, on Kodak24. The pixels are made
in a fixed, cheap way: noise of sigma 25, then a Gaussian blur of one pixel. That the other conventions are computed as
their programs compute them is tested here too, against MATLAB's language or against the program itself.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d, gaussian_filter
from torchmetrics.image import PeakSignalNoiseRatio

from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.images.decode import read_float
from pixelmend.metrics import as_displayed, psnr, ssim

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.float32]

GOLDEN = Path(__file__).parents[1] / "golden"
SIGMA = 25


@dataclass(frozen=True, eq=False)
class Case:
    """One picture: clean, with noise that is not clipped, and restored to [0, 1]."""

    clean: Pixels
    noisy: Pixels
    restored: Pixels

    def center(self, side: int) -> tuple[Pixels, Pixels]:
        """Restored and clean in a square in the middle: SSIM of whole photographs takes long."""
        height, width = (max(0, (length - side) // 2) for length in self.clean.shape[:2])
        inside = (slice(height, height + side), slice(width, width + side))
        return self.restored[inside], self.clean[inside]


@pytest.fixture(scope="module", params=["stored", pytest.param("kodak24", marks=pytest.mark.shared)])
def cases(request: pytest.FixtureRequest) -> list[Case]:
    """The pictures of one set, damaged and restored."""
    paths = [GOLDEN / "pictures" / f"{name}.png" for name in ("parrots", "motorcycles")]
    if request.param == "kodak24":
        paths = sorted((request.getfixturevalue("shared") / "data" / "test" / "kodak24").iterdir())
        assert len(paths) == 24
    found = []
    for path in paths:
        clean = read_float(path, color="rgb")
        noisy = clean + gaussian_noise_for(path.name, clean.shape, SIGMA, seed=0)
        found.append(Case(clean, noisy, np.clip(gaussian_filter(noisy, (1, 1, 0)), 0, 1)))
    return found


def _mean_psnr(cases: list[Case]) -> float:
    """As this project reports it: RGB, the mean over the pictures."""
    return float(np.mean([psnr(case.restored, case.clean, data_range=1.0) for case in cases]))


def _volume_ssim(restored: npt.NDArray[np.float64], clean: npt.NDArray[np.float64]) -> float:
    """SSIM on the scale [0, 1] where the 11-tap Gaussian also runs over the channels, edges repeated, all places."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

    def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        for axis in (0, 1, 2):
            values = correlate1d(values, taps / taps.sum(), axis=axis, mode="nearest")
        return values

    m_1, m_2 = mean(restored), mean(clean)
    variances = mean(restored**2) - m_1**2 + mean(clean**2) - m_2**2
    covariance = mean(restored * clean) - m_1 * m_2
    luminance = (2 * m_1 * m_2 + 1e-4) / (m_1**2 + m_2**2 + 1e-4)
    return float((luminance * (2 * covariance + 9e-4) / (variances + 9e-4)).mean())


def test_the_error_pooled_over_the_set_scores_lower(cases: list[Case]) -> None:
    """Torchmetrics' default: the pictures that went worst decide. Here 0.5 dB on Kodak24."""
    pooled = PeakSignalNoiseRatio(data_range=1.0)
    for case in cases:
        pooled.update(*(torch.from_numpy(pixels).double() for pixels in (case.restored, case.clean)))
    gap = float(pooled.compute()) - _mean_psnr(cases)
    assert -0.9 < gap < -0.1
    errors = [np.square(case.restored.astype(float) - case.clean).mean() for case in cases]
    by_hand = 10 * math.log10(np.exp(np.mean(np.log(errors))) / np.mean(errors))  # their geometric mean is ours
    assert gap == pytest.approx(by_hand, abs=1e-4)


def test_luminance_in_studio_range_scores_higher(cases: list[Case]) -> None:
    """MATLAB and BasicSR: 2 dB or more, for the noise of three channels averages out, and 219 levels are not 255."""
    luminance = np.mean([psnr(case.restored, case.clean, data_range=1.0, color="y") for case in cases])
    assert 1.5 < luminance - _mean_psnr(cases) < 4


def test_luminance_in_full_range_scores_lower_than_in_studio_range(cases: list[Case]) -> None:
    """OpenCV and pyiqa: always 20·log10(255/219) = 1.32 dB, whatever the pictures."""
    for case in cases:
        first, second = (pixels.astype(float) @ (0.299, 0.587, 0.114) for pixels in (case.restored, case.clean))
        full = -10 * math.log10(np.square(first - second).mean())
        studio = psnr(case.restored, case.clean, data_range=1.0, color="y")
        assert studio - full == pytest.approx(20 * math.log10(255 / 219), abs=1e-4)


def test_a_window_that_runs_over_the_channels_scores_higher(cases: list[Case]) -> None:
    """NAFNet, Restormer, and MATLAB's ``ssim`` of a colour picture: 0.15 higher or more."""
    squares = [case.center(128) for case in cases]
    ours = np.mean([ssim(restored, clean, data_range=1.0) for restored, clean in squares])
    volume = np.mean([_volume_ssim(restored.astype(float), clean.astype(float)) for restored, clean in squares])
    assert 0.1 < volume - ours < 0.3


def test_noise_that_is_clipped_scores_higher(cases: list[Case]) -> None:
    """A noisy input stored as an 8-bit picture lost the noise beyond black and white: about 0.2 dB."""
    unclipped = np.mean([psnr(case.noisy, case.clean, data_range=1.0) for case in cases])
    assert unclipped == pytest.approx(20 * math.log10(255 / SIGMA), abs=0.02)
    clipped = np.mean([psnr(as_displayed(case.noisy), case.clean, data_range=1.0) for case in cases])
    assert 0.1 < clipped - unclipped < 0.5
    if len(cases) == 24:
        assert unclipped == pytest.approx(20.173, abs=0.001)
        assert clipped == pytest.approx(20.434, abs=0.001)


@pytest.mark.parametrize("name", ["parrots_noise25", "motorcycles_blur_jpeg20"])
def test_the_window_over_the_channels_is_matlabs(name: str) -> None:
    expected = json.loads((GOLDEN / "matlab" / "expected.json").read_text())["scores"][name]
    paths = [GOLDEN / "pictures" / f"{picture}.png" for picture in (name, expected["clean"])]
    first, second = (np.rint(read_float(path, color="rgb").astype(float) * 255) / 255 for path in paths)
    assert _volume_ssim(first, second) == pytest.approx(expected["ssim_volume"], abs=1e-6)
