"""Thick lines as masks: which pixels lie within a radius of a segment, for many segments and pictures at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SURE_RADIUS = 0.7072
"""Pixels: a disc of this radius within the picture holds the centre of a pixel, wherever it lies."""
_AT_ONCE = 2**20
"""Pixels that are looked at together; bounds the memory, to some 40 MB."""
_PIECE = 6.0
"""Segments are cut to pieces no longer than this many times their radius, so that their boxes hold little else."""


@dataclass(frozen=True)
class Lines:
    """Segments with round ends.

    Attributes:
        picture: (M,) int64: the picture that each lies in.
        ends: (M, 4), y and x of one end and of the other, in pixels; the first pixel's centre is at 0.5.
        radius: (M,), pixels.
    """

    picture: Tensor
    ends: Tensor
    radius: Tensor


def draw(lines: Lines, pictures: int, size: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
    """Which pixels' centres lie within the radius of a segment: (pictures, 1, H, W) float32, 1 where they do.

    Only pixels in the box of a segment are looked at, so what it costs follows from the area that is drawn.

    Args:
        lines: On the CPU; parts outside the picture are left out.
        pictures: How many.
        size: (H, W).
        device: Of the result, and where it is made.
    """
    height, width = size
    mask = torch.zeros(pictures * height * width, device=device)
    lines = _cut(lines)
    top, left = (lines.ends[:, [0, 1]].minimum(lines.ends[:, [2, 3]]) - lines.radius[:, None]).floor().long().unbind(1)
    low, right = (lines.ends[:, [0, 1]].maximum(lines.ends[:, [2, 3]]) + lines.radius[:, None]).ceil().long().unbind(1)
    top, left, low, right = top.clamp(min=0), left.clamp(min=0), low.clamp(max=height), right.clamp(max=width)
    columns = (right - left).clamp(min=0)
    areas = (low - top).clamp(min=0) * columns
    values = torch.cat([lines.ends - torch.stack([top, left, top, left], dim=1) - 0.5, lines.radius[:, None]], dim=1)
    first = (lines.picture * height + top) * width + left
    for some in _batches(areas):
        numbers = torch.stack([areas[some], columns[some], first[some]]).to(device)
        _fill(mask, width, numbers, values[some].float().to(device))
    return mask.view(pictures, 1, height, width)


def _fill(mask: Tensor, width: int, numbers: Tensor, values: Tensor) -> None:
    """Set the pixels of each box that lie within the radius.

    Args:
        mask: All pictures' pixels in a row.
        width: Of a picture.
        numbers: (3, M): the box's area and width, and where its first pixel lies in ``mask``.
        values: (M, 5): both ends, from the centre of the box's first pixel, and the radius.
    """
    areas, columns, first = numbers
    owner = torch.repeat_interleave(torch.arange(len(areas), device=mask.device), areas)
    place = torch.arange(len(owner), device=mask.device) - (areas.cumsum(0) - areas)[owner]
    across = columns[owner]
    y = torch.div(place, across, rounding_mode="floor")
    x = place - y * across
    to = values[:, 2:4] - values[:, 0:2]
    pulled = to / to.square().sum(dim=1, keepdim=True).clamp(min=1e-12)
    y0, x0, dy, dx, py, px, reach = torch.cat(
        [values[:, 0:2], to, pulled, values[:, 4:].square()], dim=1
    ).T.contiguous()[:, owner]
    beside, above = x - x0, y - y0
    along = (above * py + beside * px).clamp(0, 1)
    near = (above - along * dy).square() + (beside - along * dx).square() <= reach
    mask[(first[owner] + y * width + x)[near]] = 1


def _cut(lines: Lines) -> Lines:
    """The same lines in pieces."""
    ends = lines.ends.double()
    length = (ends[:, 2:] - ends[:, :2]).norm(dim=1)
    pieces = (length / (_PIECE * lines.radius.clamp(min=1))).ceil().clamp(min=1).long()
    owner = torch.repeat_interleave(torch.arange(len(pieces)), pieces)
    place = torch.arange(len(owner)) - (pieces.cumsum(0) - pieces)[owner]
    start, step = ends[owner, :2], ((ends[:, 2:] - ends[:, :2]) / pieces[:, None])[owner]
    first = start + place[:, None] * step
    return Lines(lines.picture[owner], torch.cat([first, first + step], dim=1), lines.radius[owner].double())


def _batches(areas: Tensor) -> list[slice]:
    """Ranges of boxes whose areas together are bounded, or that are one box."""
    total = areas.cumsum(0)
    ranges, begin = [], 0
    while begin < len(areas):
        before = int(total[begin - 1]) if begin else 0
        end = max(int(torch.searchsorted(total, before + _AT_ONCE, right=True)), begin + 1)
        ranges.append(slice(begin, end))
        begin = end
    return ranges
