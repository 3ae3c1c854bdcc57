"""Learning to denoise from noisy pictures alone: one pixel's noise says nothing of its neighbour's.

Neighbor2Neighbor (T. Huang, S. Li, X. Jia, H. Lu, J. Liu, "Neighbor2Neighbor: Self-Supervised Denoising from Single
Noisy Images", CVPR 2021): of each 2×2 cell two pixels that touch are drawn. The first ones make a picture of half the
size, the second ones another; both show nearly the same, each with noise of its own. A network that is to tell the
second from the first cannot tell its noise, so the best that it can do is to tell what both show.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Places in a cell: 0 1 above, 2 3 below. Every ordered pair that shares a side, none across.
_FIRST = (0, 0, 1, 1, 2, 2, 3, 3)
_SECOND = (1, 2, 0, 3, 0, 3, 1, 2)


@dataclass(frozen=True)
class Pairing:
    """Which two pixels of each cell are taken; both (N, 1, H/2, W/2), values 0–3."""

    first: Tensor
    second: Tensor

    def to(self, device: torch.device) -> Pairing:
        """The same pairing on a device."""
        return Pairing(self.first.to(device, non_blocking=True), self.second.to(device, non_blocking=True))


def draw_pairing(pictures: int, height: int, width: int, generator: torch.Generator) -> Pairing:
    """Draw a pairing for pictures of this height and width (even), on the generator's device."""
    way = torch.randint(len(_FIRST), (pictures, 1, height // 2, width // 2), generator=generator)
    return Pairing(torch.tensor(_FIRST)[way], torch.tensor(_SECOND)[way])


def take(pictures: Tensor, places: Tensor) -> Tensor:
    """One pixel of each cell.

    Args:
        pictures: (N, C, H, W), H and W even.
        places: (N, 1, H/2, W/2), 0–3, the same for all channels.

    Returns:
        (N, C, H/2, W/2) of the same type.
    """
    n, c, h, w = pictures.shape
    cells = pictures.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
    index = places[..., None].expand(n, c, -1, -1, 1)
    return cells.gather(-1, index)[..., 0]


def masked_error(restored: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of each picture over the pixels of a mask: (N,); 0 where the mask is empty.

    Args:
        restored: (N, C, H, W).
        other: The same shape.
        mask: (N, 1, H, W) bool.
    """
    each = F.mse_loss(restored, other, reduction="none").mean(1, keepdim=True)
    return (each * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)
