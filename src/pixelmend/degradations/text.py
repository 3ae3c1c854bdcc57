"""Text over a picture: rows of letters, whose strokes are missing parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pixelmend.degradations.base import generators
from pixelmend.degradations.declare import Amount, amount
from pixelmend.degradations.glyphs import segments
from pixelmend.degradations.missing import Lost
from pixelmend.degradations.raster import SURE_RADIUS, Lines, draw

if TYPE_CHECKING:
    from pixelmend.degradations.declare import Params

_ADVANCE, _PITCH = 0.95, 1.6
"""From letter to letter and from row to row, in heights of a letter."""
_SPACE = 0.18
"""Share of spaces."""


@dataclass(frozen=True)
class Text(Lost):
    """Rows of random capital letters and digits, such as captions and marks printed over a picture.

    Attributes:
        height: Of a letter, as a share of the picture's shorter side; at least 4 pixels.
        weight: Thickness of its strokes, as a share of its height.
        lines: Rows of text; those that do not fit are left out.
        tilt: Degrees that all rows rise to the right; below 0 they fall.
    """

    kind: ClassVar[str] = "text"

    height: Amount = amount((0.05, 0.15), 0.01, 1, "share of the shorter side", spread="log")
    weight: Amount = amount((0.1, 0.2), 0.02, 0.5, "share of a letter's height")
    lines: Amount = amount((1, 8), 1, 60, "rows", spread="integer")
    tilt: Amount = amount((-10, 10), -90, 90, "degrees")

    @classmethod
    def mask(cls, pictures: Tensor, params: Params) -> Tensor:
        """Write it."""
        size = (pictures.shape[2], pictures.shape[3])
        heights = (params["height"] * min(size)).clamp(min=4).tolist()
        texts = []
        for row, generator in enumerate(generators(params["seed"])):
            ends = _page(generator, size, heights[row], int(params["lines"][row]))
            ends = _turned(ends, size, float(params["tilt"][row]))
            thickness = torch.full((len(ends),), max(float(params["weight"][row]) * heights[row] / 2, SURE_RADIUS))
            texts.append(Lines(torch.full((len(ends),), row), ends, thickness))
        whole = Lines(*(torch.cat([getattr(t, name) for t in texts]) for name in ("picture", "ends", "radius")))
        return draw(whole, len(pictures), size, pictures.device)


def _page(generator: torch.Generator, size: tuple[int, int], height: float, lines: int) -> Tensor:
    """Strokes of a page of text: (M, 4), y, x, y, x in pixels.

    Args:
        generator: What letters, words and places are drawn from.
        size: (H, W) of the picture.
        height: Of a letter, pixels.
        lines: Rows.
    """
    rows = max(1, min(lines, int(size[0] / (_PITCH * height))))
    columns = max(1, int(size[1] / (_ADVANCE * height)))
    glyphs, there = segments()
    letters = torch.randint(len(glyphs), (rows, columns), generator=generator)
    spaces = torch.rand(rows, columns, generator=generator) < _SPACE
    place = torch.rand(2 * rows + 1, generator=generator, dtype=torch.float64)
    # A row fills from half of the width to all of it, and lies anywhere in it.
    used = (columns * (0.5 + 0.5 * place[:rows])).ceil()
    left = (size[1] - used * _ADVANCE * height).clamp(min=0) * place[rows : 2 * rows]
    top = max(0.0, size[0] - rows * _PITCH * height) * float(place[-1]) + 0.3 * height
    column = torch.arange(columns)
    spaces |= column >= used[:, None]
    spaces[:, 0] = False
    corner = torch.stack(
        [
            (top + _PITCH * height * torch.arange(rows))[:, None].expand(rows, columns),
            left[:, None] + (column + 0.15) * _ADVANCE * height,
        ],
        dim=-1,
    )
    ends = glyphs[letters] * height + torch.cat([corner, corner], dim=-1)[:, :, None]
    return ends[there[letters] & ~spaces[..., None]]


def _turned(ends: Tensor, size: tuple[int, int], degrees: float) -> Tensor:
    """Strokes turned about the picture's centre."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    centre = torch.tensor(size, dtype=torch.float64) / 2
    y, x = (ends.view(-1, 2, 2) - centre).unbind(-1)
    turned = torch.stack([y * angle.cos() - x * angle.sin(), y * angle.sin() + x * angle.cos()], dim=-1)
    return (turned + centre).view(-1, 4)
