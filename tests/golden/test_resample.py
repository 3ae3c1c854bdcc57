"""Bicubic enlargement of Set5, against the numbers that every paper on super-resolution opens its table with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pixelmend.degradations.resample import resize
from pixelmend.images import read_float
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

SET5 = {2: 33.66, 3: 30.39, 4: 28.42}
"""PSNR on Y of bicubic enlargement, dB (Dong et al. 2014, Kim et al. 2016)."""


def luminance(picture: np.ndarray) -> torch.Tensor:
    """MATLAB's ``rgb2ycbcr``, first plane, [0, 1]."""
    plane = (16 + picture @ np.array([65.481, 128.553, 24.966])) / 255
    return torch.from_numpy(plane)[None, None]


def rounded(picture: torch.Tensor) -> torch.Tensor:
    return (picture.clamp(0, 1) * 255).round() / 255


@pytest.mark.shared
@pytest.mark.parametrize("scale", SET5)
def test_bicubic_enlargement_of_set5(shared: Path, scale: int) -> None:
    """Pictures are turned to 8-bit Y first and resized then, as the code published with these numbers does."""
    scores = []
    for path in sorted((shared / "data" / "test" / "set5").glob("*.png")):
        picture = read_float(path, color="rgb").astype(np.float64)
        rows, columns = (side - side % scale for side in picture.shape[:2])
        clean = rounded(luminance(picture[:rows, :columns]))
        small = rounded(resize(clean, rows // scale, columns // scale))
        restored = rounded(resize(small, rows, columns))
        gray, wanted = restored[0, 0].numpy(), clean[0, 0].numpy()
        scores.append(psnr(gray, wanted, data_range=1.0, crop_border=scale, color="gray"))
    assert len(scores) == 5
    assert np.mean(scores) == pytest.approx(SET5[scale], abs=0.02)
