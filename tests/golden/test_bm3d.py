"""BM3D as we call it gives what tables of the field print for it, and gives it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelmend.data.benchmarks import find_benchmark
from pixelmend.evaluation import Entry, Results
from pixelmend.evaluation.cases import Noise
from pixelmend.evaluation.methods.transform import Bm3d
from pixelmend.metrics import psnr

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "standard.json"
# As printed since K. Zhang and others, "Beyond a Gaussian Denoiser" (2017) and "FFDNet" (2018), sigma 25, dB.
PUBLISHED = {"bsd68": 28.57, "cbsd68": 30.71}


def stored(dataset: str) -> Entry:
    """What was measured on the whole set."""
    entries = Results(RESULTS).entries.values()
    return next(e for e in entries if (e.method, e.dataset, e.case) == ("bm3d", dataset, "σ 25"))


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_the_mean_of_a_whole_set_is_the_published_one(dataset: str) -> None:
    entry = stored(dataset)
    assert len(entry.pictures) == entry.expected == 68
    assert entry.mean("psnr") == pytest.approx(PUBLISHED[dataset], abs=0.15)


@pytest.mark.shared
def test_a_picture_scores_as_stored(shared: Path) -> None:
    """A gray one: colour takes four times as long."""
    benchmark = find_benchmark(shared / "data" / "test", "bsd68")
    clean, problem = Noise(25).make(benchmark, benchmark.items[2], 0)
    entry = stored("bsd68")
    score = psnr(entry.protocol.as_scored(Bm3d().restore(problem)), clean, data_range=1.0, color="gray")
    assert score == pytest.approx(entry.pictures[problem.name].psnr, abs=0.01)
