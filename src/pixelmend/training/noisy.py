"""Someone's own noisy pictures: read, their noise level estimated, cut into crops with a tenth of them held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pixelmend.data.sources import NAMED, SUFFIXES, Fault, walk
from pixelmend.diagnosis import estimate_sigma
from pixelmend.errors import DataError, PictureError
from pixelmend.images import decode, to_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pixelmend.images import Picture, Pixels

MOST_PICTURES = 128
"""Of a larger folder so many are used, spread evenly over the sorted names."""
LARGEST_SIDE = 2048
"""Of a larger picture a part is used, this high and wide at most, from its middle; pixels."""
PIECE = 32
"""Pixels are held out in squares of this side."""
HELD_OUT = 0.1
"""Share of each picture's squares that are never learnt from."""


@dataclass(frozen=True, eq=False)
class NoisyPicture:
    """One noisy picture.

    Attributes:
        name: For messages.
        pixels: (H, W, C), C in {1, 3}, uint8, uint16 or float32 (white = 255, 65535 or 1).
        sigma: Noise level that `pixelmend restore` estimates for it, 0–255 scale.
    """

    name: str
    pixels: Pixels
    sigma: float

    @property
    def gray(self) -> bool:
        """Whether it has one channel."""
        return bool(self.pixels.shape[2] == 1)


@dataclass(frozen=True)
class Crops:
    """A batch of crops.

    Attributes:
        noisy: (N, 3, S, S) float32, white = 1; grey is replicated.
        held_out: (N, 1, S, S) bool, pixels to judge by; all others may be learnt from.
        level: (N, 1, 1, 1) float32, estimated sigma / 255 of the picture that each is from.
        gray: (N, 1, 1, 1) bool.
        picture: (N,) int64, number of that picture.
    """

    noisy: Tensor
    held_out: Tensor
    level: Tensor
    gray: Tensor
    picture: Tensor

    def split(self, count: int) -> list[Crops]:
        """Parts of so many crops."""
        parts = (self.noisy, self.held_out, self.level, self.gray, self.picture)
        return [Crops(*each) for each in zip(*(torch.split(part, count) for part in parts), strict=True)]


def read_noisy(folder: Path, *, smallest: int, tell: Callable[[str], None]) -> list[NoisyPicture]:
    """Every picture of a folder and those below it.

    Args:
        folder: Where they are.
        smallest: Height and width that a picture must have, pixels.
        tell: Takes one line: what was left out, and why.

    Returns:
        Sorted by name, one or more.

    Raises:
        DataError: There is no such folder, or no picture in it that can be used.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}: name the folder that your noisy pictures are in")
    paths = walk(folder, SUFFIXES)
    if not paths:
        raise DataError(f"no pictures in {folder}: wanted files that end in {', '.join(sorted(SUFFIXES))}")
    if len(paths) > MOST_PICTURES:
        tell(f"using {MOST_PICTURES} of {len(paths)} pictures: more would not make it better in minutes")
        paths = [paths[index * len(paths) // MOST_PICTURES] for index in range(MOST_PICTURES)]
    found: list[NoisyPicture] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            one = _read(decode(path), path.relative_to(folder).as_posix())
        except PictureError as error:
            faults.append(Fault(path, str(error)))
            continue
        if reason := _unfit(one, smallest):
            faults.append(Fault(path, f"{path} {reason}"))
        else:
            found.append(one)
    for fault in faults[:NAMED]:
        tell(f"left out: {fault.reason}")
    if len(faults) > NAMED:
        tell(f"left out: {len(faults) - NAMED} more")
    if not found:
        raise DataError(f"none of the {len(paths)} pictures in {folder} can be used ({faults[0].reason}): name others")
    return found


def _read(picture: Picture, name: str) -> NoisyPicture:
    sigma = estimate_sigma(picture)
    height, width = min(picture.height, LARGEST_SIDE), min(picture.width, LARGEST_SIDE)
    pixels = picture.region((picture.height - height) // 2, (picture.width - width) // 2, height, width)
    return NoisyPicture(name, pixels, sigma)


def _unfit(picture: NoisyPicture, smallest: int) -> str | None:
    height, width, _ = picture.pixels.shape
    if min(height, width) < smallest:
        return f"is {width}×{height}, wanted {smallest}×{smallest} or more"
    return "holds one value only" if picture.pixels.min() == picture.pixels.max() else None


class Cutter:
    """Cuts crops from pictures; a tenth of each picture, in small squares, is marked as held out.

    Held-out pixels are seen as surroundings of others, but nothing is ever compared with them in learning.

    Args:
        pictures: One or more, none smaller than ``side``.
        side: Of a crop, pixels, even.
        seed: Decides which squares are held out.
    """

    def __init__(self, pictures: Sequence[NoisyPicture], side: int, seed: int) -> None:
        self.pictures, self.side = pictures, side
        areas = np.array([each.pixels.shape[0] * each.pixels.shape[1] for each in pictures], dtype=np.float64)
        # Many small pictures beside a large one: each picture has a say, and each pixel has.
        self._chances = np.sqrt(areas) / np.sqrt(areas).sum()
        self._held_out = [_squares(each.pixels, (seed, index)) for index, each in enumerate(pictures)]

    def draw(self, count: int, generator: np.random.Generator) -> Crops:
        """Crops from anywhere, turned and mirrored in one of the eight ways."""
        numbers = generator.choice(len(self.pictures), count, p=self._chances)
        return self._stack([self._cut(int(number), generator) for number in numbers])

    def to_judge(self, most: int, generator: np.random.Generator) -> Crops:
        """Up to ``most`` upright crops, but one of each picture at least, each around a square that is held out."""
        crops = []
        for index in range(max(most, len(self.pictures))):
            number = index % len(self.pictures)
            row, column = generator.choice(np.argwhere(self._held_out[number])) * PIECE + (PIECE - self.side) // 2
            crops.append(self._at(number, int(row), int(column), 0))
        return self._stack(crops)

    def _cut(self, number: int, generator: np.random.Generator) -> tuple[Tensor, Tensor, int]:
        height, width, _ = self.pictures[number].pixels.shape
        top, left = (int(generator.integers(length - self.side + 1)) for length in (height, width))
        return self._at(number, top, left, int(generator.integers(8)))

    def _at(self, number: int, top: int, left: int, way: int) -> tuple[Tensor, Tensor, int]:
        pixels, squares = self.pictures[number].pixels, self._held_out[number]
        top, left = (min(max(at, 0), n - self.side) for at, n in zip((top, left), pixels.shape, strict=False))
        rows, columns = (np.arange(start, start + self.side) for start in (top, left))
        part = to_unit(pixels[top : top + self.side, left : left + self.side])
        held = squares[np.ix_(rows // PIECE, columns // PIECE)][..., None]
        turned = [np.rot90(each, way % 4) for each in (part, held)]
        if way >= 4:
            turned = [each[:, ::-1] for each in turned]
        noisy, mask = (torch.from_numpy(each.transpose(2, 0, 1).copy()) for each in turned)
        return noisy.expand(3, -1, -1), mask, number

    def _stack(self, crops: list[tuple[Tensor, Tensor, int]]) -> Crops:
        noisy, held_out = torch.stack([crop[0] for crop in crops]), torch.stack([crop[1] for crop in crops])
        numbers = [crop[2] for crop in crops]
        level = torch.tensor([self.pictures[n].sigma / 255 for n in numbers])[:, None, None, None]
        gray = torch.tensor([self.pictures[n].gray for n in numbers])[:, None, None, None]
        return Crops(noisy, held_out, level, gray, torch.tensor(numbers))


def _squares(pixels: Pixels, seed: tuple[int, int]) -> np.ndarray:
    """(rows, columns) bool: which squares of a picture are held out; one at least."""
    rows, columns = (-(-length // PIECE) for length in pixels.shape[:2])
    chosen = np.zeros(rows * columns, bool)
    order = np.random.default_rng(seed).permutation(rows * columns)
    chosen[order[: max(1, round(HELD_OUT * rows * columns))]] = True
    return chosen.reshape(rows, columns)
