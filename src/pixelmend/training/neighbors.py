"""Learning to denoise from noisy pictures alone, where one pixel's noise says nothing of its neighbour's.

Neighbor2Neighbor (T. Huang, S. Li, X. Jia, H. Lu, J. Liu, "Neighbor2Neighbor: Self-Supervised Denoising from Single
Noisy Images", CVPR 2021): of each 2×2 cell two pixels that touch are drawn. The first ones make a picture of half the
size, the second ones another; both show nearly the same, each with noise of its own. A network that is to tell the
second from the first cannot tell its noise, so the best that it can do is to tell what both show. The noise may be of
any kind, faint light included, where it is far from Gaussian.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Places in a cell: 0 1 above, 2 3 below. Every ordered pair that shares a side, none across.
_FIRST = (0, 0, 1, 1, 2, 2, 3, 3)
_SECOND = (1, 2, 0, 3, 0, 3, 1, 2)


def draw_pairing(height: int, width: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Which two pixels of each cell are taken from a picture of this height and width (even).

    Returns:
        Two of (H/2, W/2), values 0–3, on the generator's device.
    """
    way = torch.randint(len(_FIRST), (height // 2, width // 2), generator=generator)
    return torch.tensor(_FIRST)[way], torch.tensor(_SECOND)[way]


def take(picture: Tensor, places: Tensor) -> Tensor:
    """One pixel of each cell.

    Args:
        picture: (C, H, W), H and W even.
        places: (H/2, W/2), 0–3, the same for all channels.

    Returns:
        (C, H/2, W/2) of the same type.
    """
    c, h, w = picture.shape
    cells = picture.reshape(c, h // 2, 2, w // 2, 2).transpose(2, 3).reshape(c, h // 2, w // 2, 4)
    return cells.gather(-1, places[None, :, :, None].expand(c, -1, -1, 1))[..., 0]
