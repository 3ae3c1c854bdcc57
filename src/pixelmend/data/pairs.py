"""Pairs of one scene, degraded and clean: crops of both at the same place, turned alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pixelmend.data.store import CropPlan, Entry, PictureStore
from pixelmend.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from torch import Tensor


class PairStore(PictureStore):
    """Clean pictures and their degraded ones, of equal size or smaller by a whole number.

    ``crop`` gives the clean crops alone, ``crop_pair`` both.

    Args:
        pairs: (clean, degraded), uint8 (H, W, 3) and (H / scale, W / scale, 3), one scale for all.
        device: Where they are to live.
        detail_power: See ``PictureStore``; the clean picture's detail counts.

    Attributes:
        scale: Size of a clean picture divided by that of its degraded one.

    Raises:
        DataError: Sizes do not fit each other.
    """

    def __init__(
        self, pairs: Sequence[tuple[np.ndarray, np.ndarray]], device: torch.device, *, detail_power: float = 0.0
    ) -> None:
        self._pack(pairs, device, detail_power)

    def _place(
        self, pixels: Tensor, entries: Sequence[Entry], details: Sequence[np.ndarray], detail_power: float
    ) -> None:
        super()._place(pixels, entries, details, detail_power)
        self.scale = entries[0].sizes[0][0] // entries[0].sizes[1][0]
        for entry in entries:
            clean, degraded = entry.sizes
            if clean != (degraded[0] * self.scale, degraded[1] * self.scale):
                raise DataError(f"{entry.name} is {clean} clean and {degraded} degraded: wanted {self.scale} to 1")
        self.degraded_offsets = self.offsets + self.heights * self.widths

    def plan(self, crops: int, side: int, generator: torch.Generator) -> CropPlan:
        """As ``PictureStore.plan``, at places that are whole pixels of the degraded picture too.

        Raises:
            UsageError: ``side`` is no multiple of the scale.
        """
        if side % self.scale:
            raise UsageError(f"a crop of {side} pixels at scale {self.scale}: wanted a multiple of the scale")
        plan = super().plan(crops, side, generator)
        return dataclasses.replace(plan, top=plan.top - plan.top % self.scale, left=plan.left - plan.left % self.scale)

    def crop_pair(self, plan: CropPlan, side: int) -> tuple[Tensor, Tensor]:
        """Gather both: clean (N, 3, side, side) and degraded (N, 3, side / scale, side / scale), uint8."""
        width = self.widths[plan.picture] // self.scale
        start = self.degraded_offsets[plan.picture] + plan.top // self.scale * width + plan.left // self.scale
        return self.crop(plan, side), self.gather(start, width, plan.symmetry, side // self.scale)
