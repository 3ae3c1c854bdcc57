"""JPEG as papers measure it: Classic5, grey, against the numbers that they print for the compressed pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pixelmend.degradations.jpeg import compress
from pixelmend.images import read_float
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

# J. Jiang, K. Zhang and R. Timofte, "Towards flexible blind JPEG artifacts removal" (2021), column JPEG.
PUBLISHED = {10: 27.82, 20: 30.12, 30: 31.48, 40: 32.43}


@pytest.mark.shared
@pytest.mark.parametrize("quality", PUBLISHED)
def test_classic5_loses_what_papers_say(shared: Path, quality: int) -> None:
    scores = []
    for path in sorted((shared / "data/test/classic5").iterdir()):
        clean = read_float(path, color="gray")
        tensor = torch.from_numpy(clean)[None, None].expand(1, 3, -1, -1)
        degraded = compress(tensor, torch.tensor([quality]), halve_colour=True)[0, 0].numpy()
        scores.append(psnr(degraded, clean, data_range=1.0, color="gray"))
    assert len(scores) == 5
    assert sum(scores) / 5 == pytest.approx(PUBLISHED[quality], abs=0.05)
