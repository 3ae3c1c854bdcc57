"""A kernel is found again after it was turned and its picture shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import shift
from scipy.signal import fftconvolve

from pixelmend.data.benchmarks import find_benchmark
from pixelmend.evaluation.registration import registered_kernel

if TYPE_CHECKING:
    from pathlib import Path


def misfit(kernel: np.ndarray, clean: np.ndarray, blurred: np.ndarray) -> float:
    """Root mean square, 0–255 scale, inside."""
    found = fftconvolve(clean, kernel, mode="same") - blurred
    return float(np.sqrt(np.square(found[24:-24, 24:-24]).mean()) * 255)


@pytest.mark.parametrize("turned", [False, True])
def test_it_explains_the_pair(turned: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(1)
    clean = fftconvolve(rng.random((140, 150)), np.ones((3, 3)) / 9, mode="same")
    kernel = np.zeros((9, 9))
    kernel[1, 1:5] = 1
    kernel[1:8, 5] = 0.7
    kernel /= kernel.sum()
    blurred = shift(fftconvolve(clean, kernel, mode="same"), (2.4, -3.0), order=3, mode="nearest")
    published = kernel[::-1, ::-1] if turned else kernel
    found = registered_kernel(published.astype(np.float32), clean.astype(np.float32), blurred.astype(np.float32))
    assert found.shape == (29, 29)
    assert found.dtype == np.float32
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert found.min() >= 0
    before = misfit(np.pad(kernel, 10), clean, blurred)
    assert misfit(found, clean, blurred) < before / 5


@pytest.mark.shared
def test_published_pairs_are_explained_to_a_few_levels(shared: Path) -> None:
    benchmark = find_benchmark(shared / "data" / "test", "levin09")
    for item in benchmark.items[::5]:
        pair = benchmark.load_pair(item)
        assert pair.kernel is not None
        found = registered_kernel(pair.kernel, pair.clean, pair.degraded)
        assert misfit(found, pair.clean, pair.degraded) < 3
        assert misfit(found, pair.clean, pair.degraded) < misfit(pair.kernel, pair.clean, pair.degraded)
