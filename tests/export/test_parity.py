"""Measuring how far apart two forms of a network are: small differences are seen, and on what pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pixelmend.errors import ModelError
from pixelmend.export import measure_parity, onnx, parity
from pixelmend.export.parity import measure_rounding
from tests.export.networks import TINY, varied, woken

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    onnx._write(onnx._trace(woken(TINY)), path)
    return path


def test_equal_networks_are_equal(exported: Path) -> None:
    assert min(each.psnr for each in measure_parity(woken(TINY), exported)) > 100
    assert measure_rounding(woken(TINY), exported) > 100


def test_a_small_difference_is_seen(exported: Path) -> None:
    model = woken(TINY)
    with torch.no_grad():
        assert model.head.bias is not None
        model.head.bias.add_(0.01)
    assert [round(each.psnr) for each in measure_parity(model, exported)] == [40, 40, 40]
    assert round(measure_rounding(model, exported)) == 40


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="differs from PyTorch on 64×64"):
        onnx._refuse_worse([parity.Parity(64, 64, float("nan"))], 60, tmp_path)


def test_an_onnx_file_of_another_scale_is_told(exported: Path) -> None:
    other = woken(varied(widths=TINY.widths, scale=2))
    with pytest.raises(ModelError, match=r"gives \(1, 3, 64, 64\) where PyTorch gives \(1, 3, 128, 128\)"):
        measure_parity(other, exported)


def test_rounding_is_measured_on_smooth_parts_with_edges() -> None:
    pictures = [parity._photograph(np.random.default_rng(seed), 101, 75) for seed in (0, 0, 1)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    for picture in pictures:
        assert picture.shape == (101, 75, 3)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() < 0.2
        assert 0.8 < picture.max() <= 1
        steps = np.abs(np.diff(picture, axis=1))
        assert np.median(steps) < 0.05  # noise without structure has 0.29
        assert steps.max() > 0.3


def test_pictures_get_the_damage_that_a_network_is_told() -> None:
    clean = np.full((1, 3, 64, 64), 0.5, np.float32)
    level = np.full((1, 1, 64, 64), 0.1, np.float32)
    mask = np.zeros((1, 1, 64, 64), np.float32)
    mask[..., :32] = 1
    generator = np.random.default_rng(0)
    assert np.array_equal(parity._damaged(clean, {}, generator), clean)
    noisy = parity._damaged(clean, {"noise_level": level}, generator)
    assert noisy.std() == pytest.approx(0.1, rel=0.05)
    holed = parity._damaged(clean, {"mask": mask}, generator)
    assert not holed[..., :32].any()
    assert np.array_equal(holed[..., 32:], clean[..., 32:])
