"""Strokes of a brush and scratches of a film: long missing parts, drawn as lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pixelmend.degradations.declare import Amount, amount
from pixelmend.degradations.missing import Lost, drawn
from pixelmend.degradations.raster import SURE_RADIUS, Lines, draw

if TYPE_CHECKING:
    from pixelmend.degradations.declare import Params

_MOST = 32
"""Strokes or scratches in a picture."""
_BENDS = 32
"""Straight parts of a stroke."""
_PARTS = 16
"""Straight parts of a scratch."""


@dataclass(frozen=True)
class Strokes(Lost):
    """Strokes of a wandering brush, as the masks of DeepFill v2 (Yu et al. 2019) and LaMa (Suvorov et al. 2022).

    A stroke starts anywhere, in any direction, turns as it goes, and turns back at the picture's border.

    Attributes:
        count: How many.
        thickness: Of the brush, as a share of the picture's shorter side: 0.01 is a pen, 0.1 and more LaMa's thick
            masks. Each stroke has from half of it to all of it.
        length: Of a stroke, as a share of the shorter side. Each has from half of it to all of it.
    """

    kind: ClassVar[str] = "strokes"

    count: Amount = amount((1, 6), 1, _MOST, "strokes", spread="integer")
    thickness: Amount = amount((0.02, 0.15), 0.002, 0.5, "share of the shorter side", spread="log")
    length: Amount = amount((0.4, 2), 0.01, 10, "share of the shorter side", spread="log")

    @classmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """Draw them."""
        size = (pictures.shape[2], pictures.shape[3])
        numbers = drawn(params["seed"], _MOST * (5 + _BENDS)).view(-1, _MOST, 5 + _BENDS)
        start = numbers[..., :2] * torch.tensor(size)
        # Turns that follow on each other make bows; independent ones would make a scribble.
        turns = (numbers[..., 5:] - 0.5) * 1.7
        bend = turns[..., :1].clone()
        bends = [bend := 0.6 * bend + turns[..., part : part + 1] for part in range(_BENDS)]
        heading = 2 * math.pi * numbers[..., 2:3] + torch.cat(bends, dim=-1).cumsum(-1)
        step = min(size) * params["length"][:, None, None] * (0.5 + numbers[..., 3:4] / 2) / _BENDS
        moves = torch.stack([heading.sin(), heading.cos()], dim=-1) * step[..., None]
        points = torch.cat([start[:, :, None], start[:, :, None] + moves.cumsum(2)], dim=2)
        radius = min(size) * params["thickness"][:, None] * (0.5 + numbers[..., 4] / 2) / 2
        lines = _polylines(_folded(points, size), radius.clamp(min=SURE_RADIUS), params["count"])
        return draw(lines, len(pictures), size, pictures.device)


@dataclass(frozen=True)
class Scratches(Lost):
    """Scratches as on film: long, thin, slightly curved, mostly upright, here and there interrupted.

    Attributes:
        count: How many.
        thickness: Pixels. Each has from half of it to all of it, at least 1.
        length: As a share of the picture's height. Each has from half of it to all of it.
        tilt: Degrees that a scratch may lean, to either side.
    """

    kind: ClassVar[str] = "scratches"

    count: Amount = amount((1, 8), 1, _MOST, "scratches", spread="integer")
    thickness: Amount = amount((1, 4), 1, 50, "pixels", spread="log")
    length: Amount = amount((0.4, 2), 0.05, 4, "share of the height", spread="log")
    tilt: Amount = amount((0, 15), 0, 90, "degrees")

    @classmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """Draw them."""
        size = (pictures.shape[2], pictures.shape[3])
        numbers = drawn(params["seed"], _MOST * (6 + 2 * _PARTS)).view(-1, _MOST, 6 + 2 * _PARTS)
        middle = numbers[..., :2] * torch.tensor(size)
        length = size[0] * params["length"][:, None] * (0.5 + numbers[..., 2] / 2)
        lean = torch.deg2rad(params["tilt"])[:, None] * (2 * numbers[..., 3] - 1)
        along = torch.linspace(-0.5, 0.5, _PARTS + 1, dtype=torch.float64)
        bow = 0.1 * (2 * numbers[..., 4:5] - 1) * (along.square() - 1 / 12)
        # A needle that trembles: its path is a sum of small steps.
        tremble = 0.004 * (numbers[..., 6 : 6 + _PARTS] - 0.5).cumsum(-1)
        aside = bow + torch.cat([torch.zeros_like(bow[..., :1]), tremble], dim=-1)
        heading = torch.stack([lean.cos(), lean.sin()], dim=-1)[:, :, None]
        across = torch.stack([-lean.sin(), lean.cos()], dim=-1)[:, :, None]
        points = along[:, None] * heading + aside[..., None] * across
        points = middle[:, :, None] + points * length[:, :, None, None]
        radius = (params["thickness"][:, None] * (0.5 + numbers[..., 5] / 2)).clamp(min=1) / 2
        whole = numbers[..., 6 + _PARTS :] > 0.07
        return draw(_polylines(points, radius, params["count"], whole), len(pictures), size, pictures.device)


def _polylines(points: Tensor, radius: Tensor, count: Tensor, whole: Tensor | None = None) -> Lines:
    """The segments of the first ``count`` polylines of each picture.

    Args:
        points: (N, K, P + 1, 2), y and x.
        radius: (N, K).
        count: (N,).
        whole: (N, K, P) bool: segments that are drawn; all if not given.
    """
    ends = torch.cat([points[:, :, :-1], points[:, :, 1:]], dim=-1)
    chosen = (torch.arange(points.shape[1]) < count[:, None])[..., None].expand(ends.shape[:3])
    chosen = chosen if whole is None else chosen & whole
    picture = torch.arange(len(points))[:, None, None].expand(ends.shape[:3])
    return Lines(picture[chosen], ends[chosen], radius[..., None].expand(ends.shape[:3])[chosen])


def _folded(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Points outside the picture mirrored into it, as often as needed."""
    twice = 2 * torch.tensor(size, dtype=points.dtype)
    inside = points.remainder(twice)
    return torch.minimum(inside, twice - inside)
