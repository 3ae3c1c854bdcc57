"""Batch number k: crops, augmentation and damage, as a pure function of (seed, k, rank)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pixelmend.data.augment import ColorJitter, shrink
from pixelmend.degradations import perform, white_noise_level

if TYPE_CHECKING:
    from pixelmend.data.store import PictureStore
    from pixelmend.degradations import Part


@dataclass(frozen=True)
class Batch:
    """One lesson.

    Attributes:
        clean: (N, 3, side, side) float32, channels last.
        degraded: The same, damaged; another size where the chain ends in one.
        sigma01: (N,) level of the white Gaussian noise, sigma / 255.
        missing: (N, 1, H, W) float32, 1 where pixels of ``degraded`` are lost; None where none are.
    """

    clean: Tensor
    degraded: Tensor
    sigma01: Tensor
    missing: Tensor | None = None


def batch_seed(seed: int, step: int, rank: int) -> int:
    """A 63-bit seed that is the same on every machine and differs for each (seed, step, rank)."""
    digest = hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@dataclass(frozen=True)
class Batches:
    """Makes batches: clean crops and what a chain of damage makes of them.

    Attributes:
        store: Clean pictures on the device.
        chain: The damage.
        color: The colour augmentation.
        size: Pictures in a batch.
        side: Height and width of each, pixels.
        max_shrink: Half of each batch is cropped larger, by up to this factor, and scaled down.
        seed: First of the three numbers that a batch is a function of.
    """

    store: PictureStore
    chain: Part
    color: ColorJitter
    size: int
    side: int
    max_shrink: float
    seed: int

    def __call__(self, step: int, rank: int = 0) -> Batch:
        """Make batch number ``step`` of process ``rank``; nothing is remembered from one call to the next."""
        # What is drawn for a whole picture comes from the CPU and so is the same on every device.
        generator = torch.Generator().manual_seed(batch_seed(self.seed, step, rank))
        device = self.store.device
        shrunk = self.size // 2 if self.max_shrink > 1 else 0
        factor = 1 + (self.max_shrink - 1) * float(torch.rand((), generator=generator))
        parts = [
            shrink(self._crops(count, side, generator), self.side)
            for count, side in ((self.size - shrunk, self.side), (shrunk, round(self.side * factor)))
            if count
        ]
        colors = self.color.sample(self.size, generator).to(device)
        clean = self.color.apply(torch.cat(parts), colors).contiguous(memory_format=torch.channels_last)
        degraded = perform(clean, self.chain.sample(self.size, generator), gray=colors.gray)
        sigma01 = white_noise_level(degraded.plans).to(device, non_blocking=True)
        pictures = degraded.pictures.contiguous(memory_format=torch.channels_last)
        return Batch(clean, pictures, sigma01, degraded.missing)

    def _crops(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        return self.store.crop(self.store.plan(count, side, generator), side).float() / 255
