"""The pictures that choose: damaged the same way each time, scored by the plain formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pixelmend.data.validation import SIGMAS, ValidationSet, mean_scores
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


class Half(nn.Module):
    """Gives back half of what comes in, and notes the levels that it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[float] = []

    def forward(self, degraded: Tensor, noise_level: Tensor) -> Tensor:
        """Half of ``degraded``."""
        self.levels.append(255 * float(noise_level))
        return degraded / 2


def _psnr(pictures: ValidationSet, model: nn.Module, precision: torch.dtype = torch.float32) -> dict[str, float]:
    return mean_scores(pictures.score(model, ("noise_level",), precision=precision))["psnr"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name, shape in (("a.png", (35, 50, 3)), ("b.png", (16, 16, 3))):
        Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def test_scores_are_the_plain_formula(folder: Path) -> None:
    scores = _psnr(ValidationSet([folder], CPU, multiple_of=16), Half())
    assert list(scores) == ["σ15", "σ25", "σ50"]
    for sigma, score in zip(SIGMAS, scores.values(), strict=True):
        each = []
        for name, (height, width) in (("a.png", (32, 48)), ("b.png", (16, 16))):
            clean = np.asarray(Image.open(folder / name)).astype(np.float64)[:height, :width] / 255
            degraded = clean + gaussian_noise_for(name, clean.shape, sigma, seed=0)
            restored = np.round(np.clip(degraded / 2, 0, 1) * 255) / 255
            each.append(-10 * np.log10(np.mean((restored - clean) ** 2)))
        assert score == pytest.approx(np.mean(each), abs=1e-3)


def test_the_network_is_told_the_level(folder: Path) -> None:
    model = Half()
    _psnr(ValidationSet([folder], CPU, multiple_of=8), model)
    assert model.levels == pytest.approx([s for s in SIGMAS for _ in range(2)], rel=1e-5)


def test_it_is_the_same_each_time(folder: Path) -> None:
    first = ValidationSet([folder], CPU, multiple_of=8)
    scores = _psnr(first, Half())
    assert _psnr(first, Half()) == scores
    assert _psnr(ValidationSet([folder], CPU, multiple_of=8), Half()) == scores


def test_half_precision_is_close(folder: Path) -> None:
    pictures = ValidationSet([folder], CPU, multiple_of=8)
    model = nn.Conv2d(3, 3, 1)

    class Wrapped(nn.Module):
        def forward(self, degraded: Tensor, _: Tensor) -> Tensor:
            restored: Tensor = model(degraded)
            assert restored.dtype == (torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32)
            return restored

    exact, rounded = (_psnr(pictures, Wrapped(), t) for t in (torch.float32, torch.bfloat16))
    assert exact != rounded
    assert list(rounded.values()) == pytest.approx(list(exact.values()), abs=0.1)


def test_a_picture_that_is_too_small_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"b\.png is smaller than 32×32"):
        ValidationSet([folder], CPU, multiple_of=32)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        ValidationSet([tmp_path / "none"], CPU, multiple_of=8)
