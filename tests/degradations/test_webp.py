"""WebP: what the codec itself makes of a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from pixelmend.degradations.webp import WebP
from pixelmend.errors import UnwritableError
from pixelmend.images import through_webp


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2)))


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_it_loses_what_pillow_loses(photo: np.ndarray, quality: int) -> None:
    pixels = np.round(photo * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=4)
    reference = np.asarray(Image.open(file).convert("RGB"))
    clean = torch.from_numpy(photo).permute(2, 0, 1)[None]
    out = WebP.apply(clean, {"quality": torch.tensor([quality])})[0]
    ours = (out * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    assert _psnr(ours, pixels) == pytest.approx(_psnr(reference, pixels), abs=0.1)
    assert torch.equal((out * 255).round() / 255, out)


def test_higher_quality_keeps_more(photo: np.ndarray) -> None:
    pixels = np.round(photo * 255).astype(np.uint8)
    kept = [_psnr(through_webp(pixels, quality), pixels) for quality in (0, 30, 60, 90, 100)]
    assert kept == sorted(kept)
    assert kept[-1] > kept[0] + 8


def test_the_callers_array_is_left_alone(photo: np.ndarray) -> None:
    pixels = np.round(photo * 255).astype(np.uint8)
    before = pixels.copy()
    through_webp(pixels, 3)
    assert np.array_equal(pixels, before)


def test_a_side_that_webp_cannot_hold_is_refused() -> None:
    with pytest.raises(UnwritableError, match="got 16384×1, WebP holds at most 16383 a side"):
        through_webp(np.zeros((1, 16384, 3), np.uint8), 50)
