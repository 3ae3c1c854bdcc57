"""BM3D as we call it gives what its authors published, and gives it again.

``bm3d_sigma25.json`` holds the PSNR of each picture with noise of sigma 25, seed 0, not clipped, the restored picture
rounded to 8 bits. A whole set takes an hour on one processor, so a picture of each is measured again here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from pixelmend.data.benchmarks import find_benchmark
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.evaluation.methods.transform import Bm3d
from pixelmend.evaluation.problem import Problem
from pixelmend.metrics import as_displayed, psnr

SIGMA = 25.0
STORED: dict[str, dict[str, float]] = json.loads(Path(__file__).with_name("bm3d_sigma25.json").read_text())


@pytest.mark.shared
@pytest.mark.parametrize(("dataset", "name"), [("bsd68", "test003"), ("cbsd68", "102061")])
def test_a_picture_scores_as_stored(shared: Path, dataset: Literal["bsd68", "cbsd68"], name: str) -> None:
    benchmark = find_benchmark(shared / "data" / "test", dataset)
    path = next(path for path in benchmark.paths if path.stem == name)
    clean = benchmark.load(path)
    degraded = clean + gaussian_noise_for(path.name, clean.shape, SIGMA, 0)
    restored = as_displayed(Bm3d().restore(Problem("denoise", name, degraded, sigma=SIGMA)), data_range=1.0)
    score = psnr(restored, clean, data_range=1.0, color=benchmark.color)
    assert score == pytest.approx(STORED[dataset][name], abs=0.05)


@pytest.mark.parametrize(("dataset", "published"), [("bsd68", 28.57), ("cbsd68", 30.71)])
def test_the_mean_of_a_whole_set_is_the_published_one(dataset: str, published: float) -> None:
    """As Zhang et al., 2017 and 2018 (DnCNN table II, FFDNet table V) give it for BM3D and CBM3D."""
    scores = list(STORED[dataset].values())
    if len(scores) < 68:
        pytest.skip(f"{dataset} has the scores of {len(scores)} pictures of 68: a part of a set has no published mean")
    assert np.mean(scores) == pytest.approx(published, abs=0.15)
