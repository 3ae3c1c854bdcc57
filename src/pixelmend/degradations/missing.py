"""Missing parts: pixels, boxes and regions that are lost, black in all channels, and told by a mask."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelmend.degradations.base import Degradation, column, generators, uniform
from pixelmend.degradations.declare import Amount, amount

if TYPE_CHECKING:
    from pixelmend.degradations.declare import Params

_MOST_BOXES = 32
_SAMPLED = 2**16
"""Pixels that a share is measured on."""


@dataclass(frozen=True)
class Lost(Degradation):
    """A kind that loses pixels. They become 0 (black) in all channels, whatever they were; ``missing`` says where."""

    seeded: ClassVar[bool] = True

    @classmethod
    def missing(cls, pictures: Tensor, params: Params) -> Tensor:
        """Where pixels are lost: (N, 1, H, W) in the pictures' type, 1 lost and 0 kept; at least one is."""
        lost = cls.mask(pictures, params).to(pictures)
        lost[:, :, pictures.shape[2] // 2, pictures.shape[3] // 2] += lost.amax(dim=(2, 3)) == 0
        return lost

    @classmethod
    @abstractmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """As ``missing``, of any type, and possibly empty. Of the pictures only the shape and the device count."""

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Lose them."""
        return pictures.masked_fill(cls.missing(pictures, params) > 0, 0)


@dataclass(frozen=True)
class MissingPixels(Lost):
    """Single pixels, each lost or not on its own.

    Attributes:
        share: Of pixels that are lost.
    """

    kind: ClassVar[str] = "missing_pixels"

    share: Amount = amount((0.1, 0.9), 0, 1, "share of pixels")

    @classmethod
    def missing(cls, pictures: Tensor, params: Params) -> Tensor:
        """As said there, but none where the share is 0."""
        return cls.mask(pictures, params).to(pictures)

    @classmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """Each pixel on its own, and where the share is above 0 at least one."""
        places = uniform(pictures, params["seed"], channels=1)
        share = column(params["share"], pictures)
        least = (places == places.amin(dim=(2, 3), keepdim=True)) & (share > 0)
        return (places < share) | least


@dataclass(frozen=True)
class MissingBoxes(Lost):
    """Rectangles, wholly within the picture.

    Attributes:
        count: How many.
        size: Of a square of a box's area, its side as a share of the picture's shorter side. Each box is up to twice
            as long one way or the other.
    """

    kind: ClassVar[str] = "missing_boxes"

    count: Amount = amount((1, 4), 1, _MOST_BOXES, "boxes", spread="integer")
    size: Amount = amount((0.1, 0.4), 0.01, 1, "share of the shorter side", spread="log")

    @classmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """Rows and columns of each box, multiplied."""
        height, width = pictures.shape[2:]
        form, down, right = drawn(params["seed"], 3 * _MOST_BOXES).view(-1, 3, _MOST_BOXES).unbind(1)
        side = params["size"][:, None] * min(height, width)
        rows = (side * 2 ** (form - 0.5)).round().clamp(1, height)
        columns = (side * 2 ** (0.5 - form)).round().clamp(1, width)
        top, left = (down * (height - rows + 1)).floor(), (right * (width - columns + 1)).floor()
        there = torch.arange(_MOST_BOXES) < params["count"][:, None]
        high = _between(top, top + rows, height) & there[..., None]
        wide = _between(left, left + columns, width)
        return torch.bmm(high.transpose(1, 2).to(pictures), wide.to(pictures))[:, None] > 0


@dataclass(frozen=True)
class Blobs(Lost):
    """Thick irregular regions: where smooth noise is highest.

    Attributes:
        share: Of pixels that are lost; within 0.03 of it, for regions that are small against the picture.
        size: How far the smooth noise reaches, as a share of the picture's shorter side.
    """

    kind: ClassVar[str] = "blobs"

    share: Amount = amount((0.1, 0.4), 0, 1, "share of pixels")
    size: Amount = amount((0.1, 0.3), 0.01, 0.5, "share of the shorter side", spread="log")

    @classmethod
    def missing(cls, pictures: Tensor, params: Params) -> Tensor:
        """As said there, but none where the share is 0."""
        asked = column(params["share"], pictures) > 0
        return torch.where(asked, super().missing(pictures, params), 0)

    @classmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """Noise of two sizes, cut where the share is met."""
        height, width = pictures.shape[2:]
        every = max(1, int((height * width / _SAMPLED) ** 0.5))
        masks = []
        for generator, share, size in zip(
            generators(params["seed"]), params["share"].tolist(), params["size"].tolist(), strict=True
        ):
            cell = max(1, round(size * min(height, width)))
            field = _smooth(generator, cell, pictures) + 0.35 * _smooth(generator, max(1, cell // 3), pictures)
            some = field[::every, ::every].flatten()
            masks.append(field >= some.topk(max(1, round(share * len(some)))).values[-1])
        return torch.stack(masks)[:, None]


def drawn(seeds: Tensor, count: int, *, salt: int = 0) -> Tensor:
    """Uniform numbers in [0, 1) from each picture's own seed: (N, count) float64, on the CPU."""
    return torch.stack([torch.rand(count, generator=g, dtype=torch.float64) for g in generators(seeds, salt=salt)])


def _between(first: Tensor, end: Tensor, length: int) -> Tensor:
    """(N, K) ends of ranges as (N, K, length) bool."""
    places = torch.arange(length)
    return (places >= first[..., None]) & (places < end[..., None])


def _smooth(generator: torch.Generator, cell: int, pictures: Tensor) -> Tensor:
    """Normal noise on a grid of cells that lies anywhere, cubic between: (H, W)."""
    height, width = pictures.shape[2:]
    grid = torch.randn(1, 1, height // cell + 3, width // cell + 3, generator=generator).to(pictures)
    field = F.interpolate(grid, scale_factor=float(cell), mode="bicubic", align_corners=False)
    top, left = (cell + int(torch.randint(cell, (1,), generator=generator)) for _ in range(2))
    return field[0, 0, top : top + height, left : left + width]
