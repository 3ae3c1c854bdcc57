"""Clean pictures, kept as uint8 on the device, and crops gathered from them in one operation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pixelmend.errors import DataError
from pixelmend.images import read_rgb8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIXES = frozenset({".avif", ".bmp", ".heic", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def list_pictures(folders: Sequence[Path]) -> list[Path]:
    """Every picture in these folders, sorted by name within each; deeper folders are read too.

    Raises:
        DataError: A folder is missing or holds no picture.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"no folder {folder}: set data.root to where the pictures are (--set data.root=DIR)")
        pictures = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not pictures:
            raise DataError(f"no pictures in {folder}: wanted files that end in {', '.join(sorted(SUFFIXES))}")
        found += pictures
    return found


@dataclass(frozen=True)
class CropPlan:
    """Where the crops of a batch come from; all (N,) int64 on one device."""

    picture: Tensor
    top: Tensor
    left: Tensor
    symmetry: Tensor
    """0–7: which of the square's eight rotations and reflections."""


BLOCK = 32
"""Side of the blocks whose detail decides where crops are drawn, pixels."""


def block_detail(picture: np.ndarray) -> np.ndarray:
    """How much happens in each block: (H // 32, W // 32) float32, mean absolute difference to the neighbours, 0–510."""
    green = picture[..., 1].astype(np.int16)
    change = np.abs(np.diff(green, axis=0, append=green[-1:])) + np.abs(np.diff(green, axis=1, append=green[:, -1:]))
    rows, columns = (side // BLOCK for side in green.shape)
    blocks = change[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    detail: np.ndarray = blocks.mean(axis=(1, 3), dtype=np.float32)
    return detail


class PictureStore:
    """Pictures of any size, packed as one (pixels, 3) uint8 tensor, so that a batch of crops is one gather.

    Crops are drawn around blocks, and a block is the likelier the more happens in it: most of a photograph is sky, wall
    and blurred background, and teaches little. Weight = (1 + detail)^``detail_power``.

    Args:
        pictures: uint8 arrays (H, W, 3), at least 32 pixels high and wide.
        device: Where they are to live.
        detail_power: 0 draws from everywhere alike.
    """

    def __init__(self, pictures: Sequence[np.ndarray], device: torch.device, *, detail_power: float = 0.0) -> None:
        details = [torch.from_numpy(block_detail(p)) for p in pictures]
        counts = torch.tensor([d.numel() for d in details])
        weights = torch.cat([d.flatten() for d in details]).double().add(1).pow(detail_power)
        self.block_ends = torch.cumsum(weights, 0)
        self.first_block = torch.cumsum(counts, 0) - counts
        self.block_columns = torch.tensor([d.shape[1] for d in details])
        sizes = torch.tensor([p.shape[:2] for p in pictures], dtype=torch.int64)
        areas = sizes.prod(dim=1)
        packed = np.concatenate([p.reshape(-1, 3) for p in pictures])
        self.pixels = torch.from_numpy(packed).to(device)
        # Sampling happens on the CPU, where it costs nothing and gives the same batch whatever the device.
        self.heights, self.widths = sizes[:, 0], sizes[:, 1]
        self.offsets = torch.cumsum(areas, 0) - areas
        self.device = device

    @classmethod
    def from_folders(
        cls, folders: Sequence[Path], device: torch.device, *, smallest: int, detail_power: float = 0.0
    ) -> PictureStore:
        """Decode every picture of these folders.

        Args:
            folders: Read with their subfolders.
            device: Where the pictures are to live.
            smallest: Height and width that a picture must have to give a crop, pixels.
            detail_power: See the class.

        Raises:
            DataError: A folder is missing or empty, or a picture is smaller than a crop.
            UnreadableError: A picture cannot be decoded.
        """
        paths = list_pictures(folders)
        with ThreadPoolExecutor() as pool:
            pictures = list(pool.map(read_rgb8, paths))
        for path, picture in zip(paths, pictures, strict=True):
            if min(picture.shape[:2]) < smallest:
                height, width = picture.shape[:2]
                raise DataError(
                    f"{path} is {width}×{height}: training crops {smallest}×{smallest}; remove it or lower data.patch"
                )
        return cls(pictures, device, detail_power=detail_power)

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.heights)

    def plan(self, crops: int, side: int, generator: torch.Generator) -> CropPlan:
        """Draw where crops come from: each is centred on a place in a drawn block, as far as the border allows."""
        draw = torch.rand(3, crops, generator=generator, dtype=torch.float64)
        block = torch.searchsorted(self.block_ends, draw[0] * self.block_ends[-1], right=True)
        picture = torch.searchsorted(self.first_block, block, right=True) - 1
        within = block - self.first_block[picture]
        row, column = within // self.block_columns[picture], within % self.block_columns[picture]
        top = ((row + draw[1]) * BLOCK - side / 2).long().clamp(min=0).minimum(self.heights[picture] - side)
        left = ((column + draw[2]) * BLOCK - side / 2).long().clamp(min=0).minimum(self.widths[picture] - side)
        return CropPlan(picture, top, left, torch.randint(8, (crops,), generator=generator))

    def crop(self, plan: CropPlan, side: int) -> Tensor:
        """Gather the crops: (N, 3, side, side) uint8, channels last in memory."""
        step = torch.arange(side)
        y, x = torch.meshgrid(step, step, indexing="ij")
        flip_y, flip_x, turn = ((plan.symmetry[:, None, None] >> bit & 1).bool() for bit in range(3))
        row = torch.where(flip_y, side - 1 - y, y)
        column = torch.where(flip_x, side - 1 - x, x)
        row, column = torch.where(turn, column, row), torch.where(turn, row, column)
        start = self.offsets[plan.picture] + plan.top * self.widths[plan.picture] + plan.left
        index = start[:, None, None] + row * self.widths[plan.picture][:, None, None] + column
        gathered = self.pixels[index.to(self.device, non_blocking=True)]
        return gathered.permute(0, 3, 1, 2)
