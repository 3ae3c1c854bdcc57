"""Batch number k: crops, augmentation and damage, as a pure function of (seed, k, rank)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pixelmend.data.augment import ColorJitter, ColorPlan, Rotation, shrink
from pixelmend.degradations import Sequence, average_frames, perform, white_noise_level
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pixelmend.data.frames import FrameStore
    from pixelmend.data.pairs import PairStore
    from pixelmend.data.store import PictureStore, Store
    from pixelmend.degradations import Part
    from pixelmend.degradations.plan import Plan


NO_DAMAGE: Part = Sequence(())
"""A chain of nothing: that of pairs and frames that are damaged enough."""


@dataclass(frozen=True)
class Batch:
    """One lesson.

    Attributes:
        clean: (N, 3, side, side) float32, channels last.
        degraded: The same, damaged; another size where the chain ends in one.
        sigma01: (N,) level of the white Gaussian noise that was added, sigma / 255.
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
class Lessons:
    """What every maker of batches has.

    Attributes:
        chain: The damage; after that of the pairs or frames themselves.
        color: The colour augmentation.
        size: Pictures in a batch.
        side: Height and width of each, pixels.
        seed: First of the three numbers that a batch is a function of.
    """

    chain: Part
    color: ColorJitter
    size: int
    side: int
    seed: int

    def generator(self, step: int, rank: int) -> torch.Generator:
        """What everything of a batch is drawn from: on the CPU, and so the same on every device."""
        return torch.Generator().manual_seed(batch_seed(self.seed, step, rank))

    def damaged(self, clean: Tensor, degraded: Tensor, colors: ColorPlan, generator: torch.Generator) -> Batch:
        """Damage as the chain draws it, added to what ``degraded`` has suffered already."""
        result = perform(degraded, self.chain.sample(self.size, generator), gray=colors.gray)
        return Batch(
            clean.contiguous(memory_format=torch.channels_last),
            result.pictures.contiguous(memory_format=torch.channels_last),
            white_noise_level(result.plans).to(clean.device, non_blocking=True),
            result.missing,
        )


@dataclass(frozen=True)
class Batches(Lessons):
    """Makes batches of clean crops and what the chain makes of them.

    Attributes:
        store: Clean pictures on the device.
        max_shrink: Half of each batch is cropped larger, by up to this factor, and scaled down.
        rotation: That half is turned as well.
        kept: What clean pictures suffer too, since it is not to be undone; it keeps their size.
    """

    store: Store[PictureStore]
    max_shrink: float = 1.0
    rotation: Rotation = field(default_factory=Rotation)
    kept: Part = NO_DAMAGE

    def __call__(self, step: int, rank: int = 0) -> Batch:
        """Make batch number ``step`` of process ``rank``; nothing is remembered from one call to the next."""
        generator, store = self.generator(step, rank), self.store.at(step)
        shrunk = self.size // 2 if self.max_shrink > 1 else 0
        large = round(self.side * (1 + (self.max_shrink - 1) * float(torch.rand((), generator=generator))))
        parts = []
        if self.size > shrunk:
            parts.append(_crops(store, self.size - shrunk, self.side, generator))
        if shrunk:
            parts.append(self._reduced(_crops(store, shrunk, large, generator), generator))
        colors = self.color.sample(self.size, generator).to(store.device)
        clean = self.color.apply(torch.cat(parts), colors)
        clean = with_what_is_kept(clean, self.kept.sample(self.size, generator), gray=colors.gray)
        return self.damaged(clean, clean, colors, generator)

    def _reduced(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        if not self.rotation.max_rotation:
            return shrink(crops, self.side)
        plan = self.rotation.sample(len(crops), crops.shape[-1], self.side, generator)
        return self.rotation.apply(crops, plan.to(crops.device), self.side)


@dataclass(frozen=True)
class PairBatches(Lessons):
    """Makes batches of real pairs: crops of both at one place, their colours changed alike.

    Attributes:
        store: Pairs on the device.
    """

    store: Store[PairStore]

    def __call__(self, step: int, rank: int = 0) -> Batch:
        """Make batch number ``step`` of process ``rank``."""
        generator, store = self.generator(step, rank), self.store.at(step)
        pair = store.crop_pair(store.plan(self.size, self.side, generator), self.side)
        colors = self.color.sample(self.size, generator).to(store.device)
        clean, degraded = _alike(self.color, colors, *(crops.float() / 255 for crops in pair))
        return self.damaged(clean, degraded, colors, generator)


@dataclass(frozen=True)
class FrameBatches(Lessons):
    """Makes batches of true motion blur: the average of consecutive frames, in linear light; clean is the middle one.

    Attributes:
        store: Sequences of frames on the device.
        least_frames: Fewest frames that are averaged, odd.
        most_frames: Most, odd; each picture draws an odd number between.
    """

    store: Store[FrameStore]
    least_frames: int = 7
    most_frames: int = 13

    def __call__(self, step: int, rank: int = 0) -> Batch:
        """Make batch number ``step`` of process ``rank``."""
        generator, store = self.generator(step, rank), self.store.at(step)
        choices = (self.most_frames - self.least_frames) // 2 + 1
        counts = self.least_frames + 2 * torch.randint(choices, (self.size,), generator=generator)
        frames = store.crop_frames(store.plan_frames(self.size, self.side, self.most_frames, generator), self.side)
        blurred, middle = average_frames(frames.float() / 255, count=counts)
        colors = self.color.sample(self.size, generator).to(store.device)
        clean, degraded = _alike(self.color, colors, middle, blurred)
        return self.damaged(clean, degraded, colors, generator)


def with_what_is_kept(clean: Tensor, plans: list[Plan], *, gray: Tensor | None = None) -> Tensor:
    """Give clean pictures what is not to be undone, each by its own plan: (N, 3, H, W) in and out.

    Raises:
        UsageError: It changes their size or loses pixels.
    """
    done = perform(clean, plans, gray=gray)
    if done.pictures.shape != clean.shape or done.missing is not None:
        raise UsageError("damage.kept changes the size of clean pictures or loses pixels of them: wanted neither")
    return done.pictures.contiguous(memory_format=torch.channels_last)


def _crops(store: PictureStore, count: int, side: int, generator: torch.Generator) -> Tensor:
    return store.crop(store.plan(count, side, generator), side).float() / 255


def _alike(color: ColorJitter, plan: ColorPlan, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Change the colours of two batches by the very same gains, which are limited by the brightest pixel of both."""
    flat = color.apply(torch.cat([batch.flatten(2) for batch in (one, other)], dim=2)[:, :, None], plan)[:, :, 0]
    place = one[0, 0].numel()
    return flat[..., :place].reshape(one.shape), flat[..., place:].reshape(other.shape)
