"""WebP compression, by the codec itself: its prediction from neighbouring blocks cannot be batched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from pixelmend.degradations.base import Degradation
from pixelmend.degradations.declare import Amount, amount
from pixelmend.degradations.rounding import replaced, to_levels
from pixelmend.images import through_webp

if TYPE_CHECKING:
    from torch import Tensor

    from pixelmend.degradations.declare import Params


@dataclass(frozen=True)
class WebP(Degradation):
    """Lossy WebP (VP8 intra frames, 4:2:0). Clips to [0, 1] and rounds to 8 bits; the gradient passes unchanged.

    Pictures go through the processor's memory, whatever the device.

    Attributes:
        quality: The encoder's scale; higher is better.
    """

    kind: ClassVar[str] = "webp"

    quality: Amount = amount((5, 95), 0, 100, "quality, higher is better", spread="integer")

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Encode and decode each picture, several at a time."""
        levels = to_levels(pictures)
        pixels = levels.detach().to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        with ThreadPoolExecutor() as pool:
            decoded = list(pool.map(through_webp, pixels, params["quality"].tolist()))
        result = torch.stack([torch.from_numpy(one) for one in decoded]).permute(0, 3, 1, 2)
        return replaced(levels, result.to(levels)) / 255
