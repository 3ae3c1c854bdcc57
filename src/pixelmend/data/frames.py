"""Sequences of frames: the same place in consecutive frames, whose average is true motion blur.

Frames of a fast camera are averaged in linear light over 7–13 (Nah et al., CVPR 2017, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pixelmend.data.store import CropPlan, Entry, PictureStore
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


@dataclass(frozen=True)
class FramePlan(CropPlan):
    """A ``CropPlan`` through time; ``picture`` is the number of the sequence."""

    first: Tensor
    """(N,) int64, number of the first frame."""
    frames: int


class FrameStore(PictureStore):
    """Sequences of frames of one size each.

    A sequence is drawn the more often the more frames it has. Its middle frame says where much happens.

    Args:
        sequences: uint8 (frames, H, W, 3).
        device: Where they are to live.
        detail_power: See ``PictureStore``.

    Attributes:
        lengths: (sequences,) int64, frames of each.
    """

    def __init__(self, sequences: Sequence[np.ndarray], device: torch.device, *, detail_power: float = 0.0) -> None:
        self._pack([list(sequence) for sequence in sequences], device, detail_power)

    @staticmethod
    def leading(entry: Entry) -> int:
        """The middle frame."""
        return len(entry.sizes) // 2

    def _place(
        self, pixels: Tensor, entries: Sequence[Entry], details: Sequence[np.ndarray], detail_power: float
    ) -> None:
        super()._place(pixels, entries, details, detail_power)
        self.lengths = torch.tensor([len(entry.sizes) for entry in entries])

    def _share(self, entry: Entry) -> float:
        return float(len(entry.sizes))

    def plan_frames(self, crops: int, side: int, frames: int, generator: torch.Generator) -> FramePlan:
        """Draw places as ``plan`` does, and the first of ``frames`` consecutive frames, each alike.

        Raises:
            UsageError: A sequence is shorter than ``frames``.
        """
        shortest = int(self.lengths.min())
        if frames > shortest:
            raise UsageError(f"{frames} frames of sequences of {shortest}: draw fewer, or leave the short ones out")
        plan = self.plan(crops, side, generator)
        starts = self.lengths[plan.picture] - frames + 1
        first = (torch.rand(crops, generator=generator, dtype=torch.float64) * starts).long()
        return FramePlan(plan.picture, plan.top, plan.left, plan.symmetry, first, frames)

    def crop_frames(self, plan: FramePlan, side: int) -> Tensor:
        """Gather (N, frames, 3, side, side) uint8: one place, one symmetry, consecutive frames."""
        width = self.widths[plan.picture]
        area = self.heights[plan.picture] * width
        number = plan.first[:, None] + torch.arange(plan.frames)
        start = (self.offsets[plan.picture] + plan.top * width + plan.left)[:, None] + number * area[:, None]
        widths, symmetries = (values.repeat_interleave(plan.frames) for values in (width, plan.symmetry))
        crops = self.gather(start.flatten(), widths, symmetries, side)
        return crops.reshape(-1, plan.frames, 3, side, side)
