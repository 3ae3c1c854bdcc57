"""The pictures that choose: damaged once, the same way each time, and scored on whole pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pixelmend.data.sources import list_pictures
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError
from pixelmend.images import read_float

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIGMAS = (15.0, 25.0, 50.0)
"""Noise levels of the field's tables, 0–255 scale."""


class ValidationSet:
    """Clean pictures and their noise, float32 on a device.

    Args:
        folders: Where the pictures are, colour; each is cropped to a multiple of ``multiple_of``, pixels.
        device: Where they are to live.
        multiple_of: What the network asks of height and width.

    Raises:
        DataError: A folder is missing, empty, or holds a picture smaller than ``multiple_of``.
    """

    def __init__(self, folders: Sequence[Path], device: torch.device, *, multiple_of: int) -> None:
        self.pairs: list[tuple[Tensor, Tensor]] = []
        for path in list_pictures(folders):
            clean = read_float(path, color="rgb")
            height, width = (side // multiple_of * multiple_of for side in clean.shape[:2])
            if not height or not width:
                raise DataError(
                    f"{path} is smaller than {multiple_of}×{multiple_of} pixels: validate on larger pictures"
                )
            clean = clean[:height, :width]
            noise = gaussian_noise_for(path.name, clean.shape, 255.0, seed=0)
            self.pairs.append((_batch(clean, device), _batch(noise, device)))

    @torch.inference_mode()
    def psnr(self, model: nn.Module, *, precision: torch.dtype) -> dict[float, float]:
        """Mean PSNR in dB over the pictures at each of ``SIGMAS``: RGB, whole picture, clamped, rounded to 8 bits."""
        scores: dict[float, float] = {}
        for sigma in SIGMAS:
            each = []
            for clean, noise in self.pairs:
                level = torch.full((1, 1, 1, 1), sigma / 255, device=clean.device)
                with torch.autocast(clean.device.type, precision, enabled=precision != torch.float32):
                    restored = model(clean + noise * (sigma / 255), level)
                rounded = (restored.float().clamp(0, 1) * 255).round() / 255
                each.append(-10 * torch.log10((rounded - clean).square().mean()))
            scores[sigma] = float(torch.stack(each).mean())
        return scores


def _batch(pixels: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    return tensor.to(device).contiguous(memory_format=torch.channels_last)
