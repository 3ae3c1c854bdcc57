"""Batch number k: crops, augmentation and damage, as a pure function of (seed, k, rank)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pixelmend.data.augment import ColorJitter, shrink

if TYPE_CHECKING:
    from pixelmend.data.store import PictureStore
    from pixelmend.degradations import GaussianNoise


@dataclass(frozen=True)
class Batch:
    """One lesson: (N, 3, side, side) float32, channels last; the levels are (N,), sigma / 255."""

    clean: Tensor
    degraded: Tensor
    sigma01: Tensor


def batch_seed(seed: int, step: int, rank: int) -> int:
    """A 63-bit seed that is the same on every machine and differs for each (seed, step, rank)."""
    digest = hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@dataclass(frozen=True)
class DenoiseBatches:
    """Makes batches for learning to denoise.

    Attributes:
        store: Clean pictures on the device.
        noise: The damage.
        color: The colour augmentation.
        size: Pictures in a batch.
        side: Height and width of each, pixels.
        max_shrink: Half of each batch is cropped larger, by up to this factor, and scaled down.
        seed: First of the three numbers that a batch is a function of.
    """

    store: PictureStore
    noise: GaussianNoise
    color: ColorJitter
    size: int
    side: int
    max_shrink: float
    seed: int

    def __call__(self, step: int, rank: int = 0) -> Batch:
        """Make batch number ``step`` of process ``rank``; nothing is remembered from one call to the next."""
        seed = batch_seed(self.seed, step, rank)
        # What is drawn for a whole picture comes from the CPU and so is the same on every device.
        generator = torch.Generator().manual_seed(seed)
        device = self.store.device
        shrunk = self.size // 2 if self.max_shrink > 1 else 0
        factor = 1 + (self.max_shrink - 1) * float(torch.rand((), generator=generator))
        parts = [
            shrink(self._crops(count, side, generator), self.side)
            for count, side in ((self.size - shrunk, self.side), (shrunk, round(self.side * factor)))
            if count
        ]
        colors = self.color.sample(self.size, generator).to(device)
        sigma01 = self.noise.sample(self.size, generator).to(device, non_blocking=True)
        clean = self.color.apply(torch.cat(parts), colors).contiguous(memory_format=torch.channels_last)
        on_device = torch.Generator(device).manual_seed(seed)
        return Batch(clean, self.noise.apply(clean, sigma01, on_device, gray=colors.gray), sigma01)

    def _crops(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        return self.store.crop(self.store.plan(count, side, generator), side).float() / 255
