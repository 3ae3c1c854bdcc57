"""Camera shake: a hand that shifts, tilts and rolls the camera, so that blur differs from place to place."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import torch

from pixelmend.degradations.base import Degradation
from pixelmend.degradations.convolve import LIGHTS, fast_size, in_light, padded
from pixelmend.degradations.declare import Amount, Choice, amount, choice
from pixelmend.degradations.kernels import splat, trajectories

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from torch import Tensor

    from pixelmend.degradations.declare import Params, Value

Cell = tuple[slice, slice]
"""Rows and columns."""

_CELL = 64
"""Pixels between places where the kernel is worked out ..."""
_LARGE_CELL = 128
"""... and in large pictures."""
_LARGE = 512
_TOGETHER = 16
"""Cells that an accelerator works on at once; a processor's caches hold one."""
_STEEPEST = 0.2
"""Radians that a camera rolls at most, also before a tiny picture."""


@dataclass(frozen=True)
class Poses:
    """Where the camera looks while the shutter is open.

    Attributes:
        shift: (N, T, 2) float64, how far a point in the middle is shifted, pixels, x and y.
        roll: (N, T) float64, radians.
        perspective: (N,) float64, the picture's longer side over the focal length.
    """

    shift: Tensor
    roll: Tensor
    perspective: Tensor

    def to(self, device: torch.device) -> Poses:
        """The same poses on a device."""
        return Poses(*(t.to(device, non_blocking=True) for t in (self.shift, self.roll, self.perspective)))

    def sources(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Where the light that falls on these points came from in the still picture, for each pose.

        With q from the picture's middle, f the focal length: R(roll) q - shift, over 1 + q · shift / f², which is the
        homography of a camera that turns by the small angles shift / f (Whyte et al. 2012, "Non-uniform deblurring for
        shaken images").

        Args:
            points: (P, 2) float64, pixels, x and y, 0 is the centre of the first pixel.
            size: Of the picture, (H, W).

        Returns:
            (N, P, T, 2) pixels.
        """
        middle = points.new_tensor([(size[1] - 1) / 2, (size[0] - 1) / 2])
        x, y = (points - middle)[None, :, None].unbind(-1)
        cos, sin = self.roll.cos()[:, None], self.roll.sin()[:, None]
        shift = self.shift[:, None]
        turned = torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
        bend = (self.perspective / max(size))[:, None, None] ** 2
        depth = 1 + (x * shift[..., 0] + y * shift[..., 1]) * bend
        # A tiny picture under a long path would be looked at from behind.
        return (turned - shift) / depth.clamp(0.5, 2)[..., None] + middle


def poses(params: Params, size: tuple[int, int]) -> Poses:
    """The poses of each picture, from its seed and its size (H, W); in the middle of the time it is as it was."""
    hand = (params["tremor"], params["exposure"], params["seed"])
    path = _from_middle(trajectories(*hand)) * params["extent"].double()[:, None, None]
    turn = _from_middle(trajectories(*hand, salt=1))[..., 0]
    turn = turn / (turn.amax(1) - turn.amin(1)).clamp(min=1e-9)[:, None]
    roll = params["roll"].double() * params["extent"].double() / (max(size) / 2)
    roll = turn * roll.clamp(max=_STEEPEST)[:, None]
    return Poses(path, roll, params["perspective"].double())


def _from_middle(paths: Tensor) -> Tensor:
    """Paths (N, T, 2), T even, from where each is in the middle of the time."""
    half = paths.shape[1] // 2
    return paths - paths[:, half - 1 : half + 1].mean(1, keepdim=True)


@dataclass(frozen=True)
class CameraShake(Degradation):
    """A shaking hand that shifts, tilts and rolls the camera.

    The picture is the mean of what the camera sees in each pose. That mean is taken by efficient
    filter flow (Hirsch et al. 2010): kernels at the corners of a grid of cells, and between them a bilinear mixture of
    the four blurred pictures. The path is that of ``trajectories``; where the camera is in the middle of the exposure,
    the sharp picture was taken, as the sharp frame of sets of real pairs is the middle one of those averaged (Nah et
    al. 2017). A kernel's centre of mass may lie elsewhere.

    Attributes:
        extent: Longer side of the box around the path of a point in the middle.
        roll: How far turning about the line of sight moves the middle of the shorter side, as a share of ``extent``:
            so a crop and a whole photograph shake alike. A camera that rolls as much as it pans gives about 0.5.
        perspective: Longer side of the picture over the focal length: 0 is a far telephoto lens or a small part of a
            picture, 1 a wide-angle lens; tilting then shifts the border more than the middle.
        tremor: 0 is an almost straight sweep, 1 a nervous hand.
        exposure: Share of the hand's walk that is seen: 0.1 is short, so that paths are nearly straight and even, as
            those of a video's frames are; 1 is long.
        light: What is mixed: a sensor adds up linear light; averages of video frames are often of display values.
    """

    kind: ClassVar[str] = "camera_shake"
    seeded: ClassVar[bool] = True

    extent: Amount = amount((3, 24), 0, 100, "pixels")
    roll: Amount = amount((0, 0.25), 0, 1, "share of extent")
    perspective: Amount = amount((0, 0.5), 0, 1.5, "longer side / focal length")
    tremor: Amount = amount((0, 1), 0, 1)
    exposure: Amount = amount(1, 0.01, 1)
    light: Choice = choice("linear", LIGHTS)

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:
        """Pictures blurred in the same light."""
        return params["light"]

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Blur by poses."""
        way = poses(params, (pictures.shape[2], pictures.shape[3]))
        return in_light(pictures, lambda values: blur_by_poses(values, way), LIGHTS[int(params["light"][0])])


def blur_by_poses(pictures: Tensor, way: Poses) -> Tensor:
    """The mean of what a moving camera sees, by efficient filter flow; mirrored at the border.

    Args:
        pictures: (N, C, H, W), any float type.
        way: Poses of each.
    """
    exact = pictures if pictures.dtype in (torch.float32, torch.float64) else pictures.float()
    size = (pictures.shape[2], pictures.shape[3])
    rows, columns = (_edges(side, max(size)) for side in size)
    cells = [(slice(*r), slice(*c)) for r in pairwise(rows) for c in pairwise(columns)]
    # Poses are double precision, which some accelerators lack.
    way = way.to(exact.device) if exact.device.type == "cuda" else way
    groups = _alike(cells, together=1 if exact.device.type == "cpu" else _TOGETHER)
    kernels = [cell_kernels(way, [cells[number] for number in group], size) for group in groups]
    margin = max(k.shape[-1] // 2 for k in kernels)
    border = padded(exact, margin)
    done: dict[int, Tensor] = {}
    for group, kernel in zip(groups, kernels, strict=True):
        reach = kernel.shape[-1] // 2
        pieces = torch.stack([_piece(border, cells[number], margin, reach) for number in group])
        blurred = _blend(pieces.flatten(0, 1), kernel.to(exact).flatten(0, 1))
        done |= zip(group, torch.split(blurred, len(pictures)), strict=True)
    across = len(columns) - 1
    lines = [torch.cat([done[n] for n in range(first, first + across)], 3) for first in range(0, len(done), across)]
    return torch.cat(lines, 2).to(pictures.dtype)


def _alike(cells: Sequence[Cell], *, together: int) -> list[list[int]]:
    """Numbers of cells of one size, at most so many in each list."""
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (row, column) in enumerate(cells):
        by_size[row.stop - row.start, column.stop - column.start].append(number)
    return [
        numbers[first : first + together] for numbers in by_size.values() for first in range(0, len(numbers), together)
    ]


def _piece(border: Tensor, cell: Cell, margin: int, reach: int) -> Tensor:
    """A cell and ``reach`` pixels around it, out of pictures with a border of ``margin``."""
    row, column = (slice(part.start + margin - reach, part.stop + margin + reach) for part in cell)
    return border[:, :, row, column]


def cell_kernels(way: Poses, cells: Sequence[Cell], size: tuple[int, int]) -> Tensor:
    """Kernels at the corners of cells: top left, top right, bottom left, bottom right.

    Args:
        way: Poses of each picture.
        cells: Rows and columns of each; the corners are those of its outermost pixels.
        size: Of the picture, (H, W).

    Returns:
        (cells, N, 4, k, k) float32, where the poses are.
    """
    corners = [
        (x, y)
        for row, column in cells
        for y in (row.start - 0.5, row.stop - 0.5)
        for x in (column.start - 0.5, column.stop - 0.5)
    ]
    points = way.shift.new_tensor(corners)
    # A kernel says where light goes, so it is the other way round.
    moved = points[None, :, None] - way.sources(points, size)
    kernels = splat(moved.flatten(0, 1))
    return kernels.reshape(len(moved), len(cells), 4, *kernels.shape[1:]).transpose(0, 1)


def _edges(side: int, longest: int) -> list[int]:
    count = math.ceil(side / (_CELL if longest <= _LARGE else _LARGE_CELL))
    return [round(number * side / count) for number in range(count + 1)]


def _blend(piece: Tensor, kernels: Tensor) -> Tensor:
    """Blur a cell with the kernel of each of its corners and mix them; ``piece`` is the cell and its border."""
    margin = kernels.shape[-1] - 1
    height, width = piece.shape[2] - margin, piece.shape[3] - margin
    padded_size = fast_size(piece.shape[2]), fast_size(piece.shape[3])
    spectrum = torch.fft.rfft2(piece, s=padded_size)
    down, right = ((torch.arange(n, device=piece.device, dtype=piece.dtype) + 0.5) / n for n in (height, width))
    result = piece.new_zeros(*piece.shape[:2], height, width)
    for corner in range(4):
        product = spectrum * torch.fft.rfft2(kernels[:, corner], s=padded_size)[:, None]
        blurred = torch.fft.irfft2(product, s=padded_size)[:, :, margin : margin + height, margin : margin + width]
        window = (down if corner // 2 else 1 - down)[:, None] * (right if corner % 2 else 1 - right)
        result = torch.addcmul(result, blurred, window)
    return result
