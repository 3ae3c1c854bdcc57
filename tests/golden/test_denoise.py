"""Published numbers, reproduced: the whole way from file to score is right, or these would not come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelmend.data.benchmarks import find_benchmark
from pixelmend.evaluation import Entry, Plan, Results, Setup, Trial, evaluate, make_methods
from pixelmend.evaluation.cases import Noise

if TYPE_CHECKING:
    from pathlib import Path


def measure(shared: Path, out: Path, weights: str, dataset: str, limit: int | None) -> Entry:
    """DnCNN with published weights on a set at sigma 25."""
    path = shared / "weights" / "peers" / weights
    if not path.is_file():
        pytest.skip(f"no published weights at {path}")
    setup = Setup(threads=2)
    methods = make_methods(["dncnn"], [("dncnn", str(path))], setup).methods
    benchmark = find_benchmark(shared / "data" / "test", dataset)
    plan = Plan((Trial(benchmark, Noise(25)),), methods, setup, limit=limit)
    return evaluate(plan, Results(out / "scores.json"))[0]


@pytest.mark.shared
def test_dncnn_gray_on_the_whole_of_bsd68(shared: Path, tmp_path: Path) -> None:
    """Zhang et al., 2017, table II: 29.23 dB at sigma 25; an independent measurement found SSIM 0.8279."""
    entry = measure(shared, tmp_path, "dncnn_gray_sigma25.safetensors", "bsd68", None)
    assert len(entry.pictures) == 68
    assert entry.mean("psnr") == pytest.approx(29.23, abs=0.02)
    assert entry.mean("ssim") == pytest.approx(0.8279, abs=0.001)


@pytest.mark.shared
def test_dncnn_colour_blind_on_a_few_of_cbsd68(shared: Path, tmp_path: Path) -> None:
    """The whole set gives 31.23 dB this way, published is 31.24; these are its first four pictures' share."""
    entry = measure(shared, tmp_path, "dncnn_color_blind.safetensors", "cbsd68", 4)
    assert list(entry.pictures) == ["101085", "101087", "102061", "103070"]
    assert entry.mean("psnr") == pytest.approx(31.315, abs=0.005)
    assert entry.mean("ssim") == pytest.approx(0.8844, abs=0.0005)
