"""Other sizes: MATLAB's ``imresize`` and its relatives, and the kinds of damage that change a picture's size."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pixelmend.degradations.base import Degradation
from pixelmend.degradations.declare import Amount, Choice, Drawn, amount, choice
from pixelmend.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from pixelmend.degradations.declare import Params, Value

METHODS = ("bicubic", "bilinear", "lanczos", "area", "nearest")
"""Bicubic (Keys 1981, a = -0.5), bilinear, Lanczos (3 lobes), mean over the pixel's area, nearest pixel."""

_BAND = 32
"""Lines computed by one product of matrices: few enough that most weights are not 0."""
_SIDE = 2**24


def resize(pictures: Tensor, height: int, width: int, *, method: str = "bicubic") -> Tensor:
    """Resample pictures to another size, as MATLAB's ``imresize(picture, [height width], method)`` does.

    The corners of both sizes coincide. Where a side shrinks, the kernel is widened by as much, so that nothing
    aliases ("nearest" excepted). Beyond the border the picture is mirrored, the outermost pixel included.
    "area" is MATLAB's "box" made exact: each pixel counts by how much of it is covered.

    Args:
        pictures: (..., H, W) of any float type, any values.
        height: Of the result.
        width: Of the result.
        method: One of ``METHODS``.

    Returns:
        (..., height, width); bicubic and Lanczos overshoot at edges, and so may leave the range of values.

    Raises:
        UsageError: A side is less than 1.
        UnknownNameError: There is no such method.
    """
    if min(height, width, *pictures.shape[-2:]) < 1:
        raise UsageError(f"cannot resize {tuple(pictures.shape)} to {height}×{width}: each side must be 1 or more")
    if method not in METHODS:
        raise UnknownNameError("method of resampling", method, METHODS)
    exact = pictures.dtype in (torch.float32, torch.float64)
    result = pictures if exact else pictures.float()
    # The side that shrinks more goes first: less is left for the other one.
    for dim, size in sorted(((-2, height), (-1, width)), key=lambda side: side[1] / pictures.shape[side[0]]):
        result = _along(result, dim, size, method)
    return result.to(pictures.dtype)


@dataclass(frozen=True)
class _Band:
    """Lines of the result from lines of the picture: (results, lines) weights, the first of the lines."""

    start: int
    weights: Tensor


def _along(pictures: Tensor, dim: int, size: int, method: str) -> Tensor:
    before = pictures.shape[dim]
    if size == before:
        return pictures
    if method == "nearest":
        return pictures.index_select(dim, _nearest(before, size).to(pictures.device))
    parts = []
    for band in _bands(before, size, method):
        weights = band.weights.to(pictures)
        lines = pictures.narrow(dim, band.start, weights.shape[1])
        parts.append(weights @ lines if dim == -2 else lines @ weights.T)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


@lru_cache(maxsize=256)
def _nearest(before: int, after: int) -> Tensor:
    return (2 * torch.arange(after) + 1) * before // (2 * after)


@lru_cache(maxsize=256)
def _bands(before: int, after: int, method: str) -> tuple[_Band, ...]:
    lines, weights = _taps(before, after, method)
    bands = []
    for first in range(0, after, _BAND):
        of = lines[first : first + _BAND]
        start, end = int(of.min()), int(of.max()) + 1
        matrix = torch.zeros(len(of), end - start, dtype=torch.float64)
        # A mirrored line is met twice, so weights are added up.
        matrix.scatter_add_(1, of - start, weights[first : first + _BAND])
        bands.append(_Band(start, matrix))
    return tuple(bands)


def _taps(before: int, after: int, method: str) -> tuple[Tensor, Tensor]:
    """For each line of the result, the lines that it is made of and their weights: (after, taps) each."""
    scale = after / before
    kernel, reach = _KERNELS[method]
    stretch = min(scale, 1.0)
    centre = (torch.arange(after, dtype=torch.float64) + 0.5) / scale - 0.5
    if method == "area":
        reach = 0.5 / scale + 0.5
        stretch = 1.0
    width = reach / stretch
    lines = (centre - width).floor().long()[:, None] + torch.arange(math.ceil(2 * width) + 2)
    distance = centre[:, None] - lines
    weights = _covered(distance, 1 / scale) if method == "area" else kernel(distance * stretch)
    weights = weights / weights.sum(1, keepdim=True)
    place = lines.remainder(2 * before)
    return torch.where(place < before, place, 2 * before - 1 - place), weights


def _cubic(x: Tensor) -> Tensor:
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, 0.0))


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _lanczos(x: Tensor) -> Tensor:
    return torch.sinc(x) * torch.sinc(x / 3) * (x.abs() < 3)


def _covered(distance: Tensor, side: float) -> Tensor:
    """How much of a pixel of side 1 an interval of this length covers, their centres this far apart."""
    right = (distance + side / 2).clamp(max=0.5)
    left = (distance - side / 2).clamp(min=-0.5)
    return (right - left).clamp(min=0)


_KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "bicubic": (_cubic, 2.0),
    "bilinear": (_triangle, 1.0),
    "lanczos": (_lanczos, 3.0),
    "area": (_triangle, 1.0),  # replaced by what is covered
}


class Resizing(Degradation):
    """A kind that changes the size; pictures that come to one size in one way are worked on together."""

    settled: ClassVar[Mapping[str, Drawn]] = {"height": Drawn(1, _SIDE), "width": Drawn(1, _SIDE)}

    @classmethod
    @abstractmethod
    def after(cls, params: Mapping[str, Value], size: tuple[int, int], original: tuple[int, int]) -> Iterable[int]:
        """Height and width of the result."""

    @classmethod
    def settle(cls, params: dict[str, Value], size: tuple[int, int], original: tuple[int, int]) -> dict[str, Value]:
        """Add the size after."""
        height, width = cls.after(params, size, original)
        return {**params, "height": height, "width": width}

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:
        """Pictures that come to one size in one way."""
        return params["height"], params["width"], params["method"]

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Resample."""
        height, width = int(params["height"][0]), int(params["width"][0])
        return resize(pictures, height, width, method=METHODS[int(params["method"][0])])


@dataclass(frozen=True)
class Downscale(Resizing):
    """Fewer pixels by the convention of super-resolution: cropped to a multiple, then resampled.

    A side of H pixels becomes floor(H / scale), at least 1, from its first H - H mod scale pixels (for a scale that is
    not whole: from the whole number of pixels nearest to scale · floor(H / scale)), as in the protocol of Set5 and its
    successors (Timofte et al. 2013, Dong et al. 2014). Bicubic and Lanczos may leave [0, 1] at edges.

    Attributes:
        scale: Size before over size after.
        method: See ``METHODS``.
    """

    kind: ClassVar[str] = "downscale"

    scale: Amount = amount(4, 1, 8, "times smaller")
    method: Choice = choice("bicubic", METHODS)

    @classmethod
    def after(cls, params: Mapping[str, Value], size: tuple[int, int], original: tuple[int, int]) -> Iterable[int]:  # noqa: ARG003
        """Height and width of the result."""
        return (_divided(side, float(params["scale"])) for side in size)

    @classmethod
    def group(cls, params: Mapping[str, Value]) -> Hashable:
        """Pictures of one size that shrink alike."""
        return params["scale"], params["method"]

    @classmethod
    def apply(cls, pictures: Tensor, params: Params) -> Tensor:
        """Crop and resample."""
        scale, after = float(params["scale"][0]), (int(params["height"][0]), int(params["width"][0]))
        rows, columns = (
            min(side, max(1, round(short * scale))) for side, short in zip(pictures.shape[2:], after, strict=True)
        )
        return resize(pictures[:, :, :rows, :columns], *after, method=METHODS[int(params["method"][0])])


@dataclass(frozen=True)
class Resize(Resizing):
    """More or fewer pixels. Bicubic and Lanczos may leave [0, 1] at edges.

    Attributes:
        factor: Size after over size before; a side is rounded, to at least 1.
        method: See ``METHODS``; Real-ESRGAN (Wang et al. 2021) draws from area, bilinear and bicubic.
        variety: How many different factors and methods a batch has at most: pictures that agree in both are worked on
            together.
    """

    kind: ClassVar[str] = "resize"

    factor: Amount = amount((0.5, 1.5), 0.1, 4, "size after / size before")
    method: Choice = choice(("area", "bilinear", "bicubic"), METHODS)
    variety: Amount = amount(4, 1, 64, "different factors in a batch", spread="integer")

    def sample(self, pictures: int, generator: torch.Generator) -> Params:
        """Draw for each picture; then those after the first few take over what the first few have."""
        drawn = super().sample(pictures, generator)
        if pictures:
            rows = torch.arange(pictures) % drawn["variety"][0]
            drawn = {name: values[rows] for name, values in drawn.items()}
            drawn["variety"][:] = drawn["variety"][0]
        return drawn

    @classmethod
    def after(cls, params: Mapping[str, Value], size: tuple[int, int], original: tuple[int, int]) -> Iterable[int]:  # noqa: ARG003
        """Height and width of the result."""
        return (max(1, round(side * float(params["factor"]))) for side in size)


@dataclass(frozen=True)
class Fit(Resizing):
    """The size that the chain began with, divided by a scale: what a chain of resizings ends with.

    A side of H pixels at the start becomes floor(H / scale), at least 1. Bicubic and Lanczos may leave [0, 1] at edges.

    Attributes:
        scale: Size at the start over size after.
        method: See ``METHODS``.
    """

    kind: ClassVar[str] = "fit"

    scale: Amount = amount(1, 1, 16, "times smaller than at the start")
    method: Choice = choice("bicubic", METHODS)

    @classmethod
    def after(cls, params: Mapping[str, Value], size: tuple[int, int], original: tuple[int, int]) -> Iterable[int]:  # noqa: ARG003
        """Height and width of the result."""
        return (_divided(side, float(params["scale"])) for side in original)


def _divided(side: int, scale: float) -> int:
    return max(1, math.floor(side / scale + 1e-9))  # 1e-9: 42 / 1.4 is 30, whatever a float makes of it
