"""JPEG on the device: what libjpeg makes of a picture, block by block for a whole batch, without a file.

G. K. Wallace, "The JPEG still picture compression standard" (1992), ITU-T T.81. Tables, their scaling with quality and
the places where values are rounded are those of the Independent JPEG Group's library. Entropy coding loses nothing and
is left out.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelmend.degradations.base import Degradation
from pixelmend.degradations.declare import Amount, Choice, amount, choice
from pixelmend.degradations.rounding import replaced, rounded, to_levels
from pixelmend.images import LUMA
from pixelmend.images.jpeg_tables import CHROMA_TABLE, LUMA_TABLE

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pixelmend.degradations.declare import Params, Value

SUBSAMPLINGS = ("420", "444")
# JFIF 1.02: RGB to YCbCr, full range; the inverse below is exact to rounding.
_TO_YCBCR = (LUMA, (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))


@dataclass(frozen=True)
class Jpeg(Degradation):
    """JPEG compression. Clips to [0, 1] and rounds to 8 bits, since a file does.

    Attributes:
        quality: The Independent JPEG Group's scale; higher is better.
        subsampling: 420 halves both sides of the colour planes, as most cameras and programs do; 444 keeps them.
        shift_x: Columns by which the block grid is moved, pixels: a second compression of a picture that was cropped.
        shift_y: The same for rows.
    """

    kind: ClassVar[str] = "jpeg"

    quality: Amount = amount((5, 95), 1, 100, "quality, higher is better", spread="integer")
    subsampling: Choice = choice(SUBSAMPLINGS, SUBSAMPLINGS)
    shift_x: Amount = amount(0, 0, 15, "pixels", spread="integer")
    shift_y: Amount = amount(0, 0, 15, "pixels", spread="integer")

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:
        """Colour planes of one size go together."""
        return params["subsampling"], bool(params["shift_x"] or params["shift_y"])

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Compress and decompress."""
        halved = (params["subsampling"] == SUBSAMPLINGS.index("420")).to(pictures.device)[:, None, None, None]
        height, width = pictures.shape[2:]
        shifts = params["shift_y"], params["shift_x"]
        shifted = any(bool(shift.any()) for shift in shifts)
        moved = _move(pictures, *(-shift for shift in shifts), size=(height + 15, width + 15)) if shifted else pictures
        results = [
            compress(moved, params["quality"], halve_colour=way) for way in (True, False) if bool((halved == way).any())
        ]
        result = results[0] if len(results) == 1 else torch.where(halved, results[0], results[1])
        return _move(result, *shifts, size=(height, width)) if shifted else result


def compress(pictures: Tensor, quality: Tensor, *, halve_colour: bool) -> Tensor:
    """JPEG and back.

    Args:
        pictures: (N, 3, H, W) float, clipped to [0, 1] and rounded to 8 bits first.
        quality: (N,), 1–100.
        halve_colour: 4:2:0 instead of 4:4:4.

    Returns:
        (N, 3, H, W), multiples of 1/255 in [0, 1].
    """
    height, width = pictures.shape[2:]
    planes = rounded(_mix(to_levels(pictures), _TO_YCBCR))  # Cb and Cr around 0, not 128
    luma, colour = planes[:, :1], planes[:, 1:]
    luma_table, colour_table = (quantization_table(t, quality).to(pictures) for t in (LUMA_TABLE, CHROMA_TABLE))
    luma = _through_blocks(luma - 128, luma_table).clamp(-128, 127) + 128
    if halve_colour:
        even = _pad(colour, height + height % 2, width + width % 2)
        # The library rounds up less in every other column, so that the mean stays.
        small = F.avg_pool2d(even, 2)
        small = _floored(small + _in_turn(small, 0.25, 0.5))
        small = _through_blocks(small, colour_table).clamp(-128, 127)
        smooth: Tensor = F.interpolate(small, scale_factor=2, mode="bilinear")[..., :height, :width]
        colour = _floored(smooth + _in_turn(smooth, 8 / 16, 7 / 16))
    else:
        colour = _through_blocks(colour, colour_table).clamp(-128, 127)
    return rounded(_mix(torch.cat([luma, colour], dim=1), _TO_RGB)).clamp(0, 255) / 255


def quantization_table(table: tuple[int, ...], quality: Tensor) -> Tensor:
    """A table of Annex K at each quality: (N, 64) float32 whole numbers, 1–255."""
    quality = quality.double().cpu()
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    scaled = (torch.tensor(table, dtype=torch.float64) * percent[:, None] + 50) / 100
    return scaled.floor().clamp(1, 255).float()


def _mix(planes: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    weight = torch.tensor(matrix, dtype=planes.dtype, device=planes.device)
    mixed: Tensor = torch.einsum("oc,nchw->nohw", weight, planes)
    return mixed


def _in_turn(like: Tensor, even: float, odd: float) -> Tensor:
    """Two numbers in turn for the columns of a picture."""
    columns = torch.arange(like.shape[3], device=like.device) % 2
    return torch.where(columns == 0, even, odd).to(like)


def _floored(values: Tensor) -> Tensor:
    return replaced(values, values.detach().floor())


def _through_blocks(planes: Tensor, table: Tensor) -> Tensor:
    """Cosine transform in blocks of 8×8, quantization and back: whole numbers in, whole numbers out."""
    pictures, channels, height, width = planes.shape
    rows, columns = -(-height // 8), -(-width // 8)
    padded = _pad(planes, 8 * rows, 8 * columns)
    blocks = padded.reshape(pictures, channels, rows, 8, columns, 8).transpose(3, 4).reshape(pictures, -1, 64)
    basis = _cosines().to(planes)
    step = table[:, None]
    # The library's transform is exact to an eighth, and halves are rounded away from 0.
    frequencies = rounded(8 * blocks @ basis.T) / (8 * step)
    values = replaced(frequencies, (frequencies.detach().abs() + 0.5).floor().copysign(frequencies)) * step @ basis
    values = values.reshape(pictures, channels, rows, columns, 8, 8).transpose(3, 4)
    return rounded(values.reshape(pictures, channels, 8 * rows, 8 * columns)[..., :height, :width])


@functools.cache
def _cosines() -> Tensor:
    """The orthonormal 8×8 cosine transform as one matrix: (64 frequencies, 64 pixels)."""
    place, frequency = torch.arange(8, dtype=torch.float64), torch.arange(8, dtype=torch.float64)[:, None]
    one = torch.cos((2 * place + 1) * frequency * math.pi / 16) / 2
    one[0] /= math.sqrt(2)
    return torch.kron(one, one).float()


def _pad(planes: Tensor, height: int, width: int) -> Tensor:
    """Repeat the last row and column up to a size, as the library does."""
    missing = (0, width - planes.shape[3], 0, height - planes.shape[2])
    return F.pad(planes, missing, mode="replicate") if any(missing) else planes


def _move(pictures: Tensor, down: Tensor, right: Tensor, *, size: tuple[int, int]) -> Tensor:
    """What is seen of each picture from a place (down, right) on, in a frame of another size; edges are repeated."""
    device = pictures.device
    index = [
        (start[:, None] + torch.arange(length)).clamp(0, side - 1).to(device)
        for start, length, side in zip((down, right), size, pictures.shape[2:], strict=True)
    ]
    picture = torch.arange(len(pictures), device=device)[:, None, None]
    return pictures[picture, :, index[0][:, :, None], index[1][:, None, :]].permute(0, 3, 1, 2)
