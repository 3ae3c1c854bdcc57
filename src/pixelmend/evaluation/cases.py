"""The damage that methods are measured under: each case makes a problem of a picture of a set, the same one anywhere.

What is drawn (noise, masks, shakes) is a function of (seed, picture's name).
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pixelmend.degradations import PRESETS
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError, PixelmendError, UsageError
from pixelmend.evaluation.damage import damaged, luminance8
from pixelmend.evaluation.problem import Problem
from pixelmend.evaluation.registration import registered_kernel

if TYPE_CHECKING:
    from pixelmend.data.benchmarks import Benchmark, Pair
    from pixelmend.data.layouts import Item
    from pixelmend.evaluation.problem import Pixels, Task
    from pixelmend.metrics import Color


@dataclass(frozen=True)
class Case(ABC):
    """One kind of damage of one strength.

    Attributes:
        damage: What it does, in words, without its strength.
        told: What a method is told of it, in words.
        scale: What a method is to enlarge by.
        crop_border: Pixels at each side that do not count.
    """

    damage: ClassVar[str] = ""
    told: ClassVar[str] = "nothing"
    scale: ClassVar[int] = 1
    crop_border: ClassVar[int] = 0

    @property
    @abstractmethod
    def task(self) -> Task:
        """What is to be done."""

    @property
    @abstractmethod
    def label(self) -> str:
        """How tables call it: "σ 25"."""

    def color(self, benchmark: Benchmark) -> Color:
        """Which channels are compared."""
        return benchmark.color

    def expected(self, benchmark: Benchmark) -> int:
        """How many pictures the whole set has."""
        return benchmark.expected

    @abstractmethod
    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """The clean picture as it is compared with, and the problem.

        Raises:
            PictureError: A file cannot be decoded.
            DataError: The pair does not fit together, or the picture is too small.
        """


@dataclass(frozen=True)
class Noise(Case):
    """White Gaussian noise of a level, which is told or not."""

    damage: ClassVar[str] = "white Gaussian noise, float, not clipped, PCG64 seeded by SHA-256 of seed/name"

    sigma: float
    blind: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no noise."""
        if not 0 < self.sigma <= 255:
            raise UsageError(f"sigma is {self.sigma:g}: give noise levels above 0 and up to 255")

    @property
    def task(self) -> Task:
        """See `Case`."""
        return "denoise"

    @property
    def label(self) -> str:
        """See `Case`."""
        return f"σ {self.sigma:g}{', blind' if self.blind else ''}"

    @property
    def told(self) -> str:  # type: ignore[override]  # a property where others have a constant
        """See `Case`."""
        return "nothing" if self.blind else "its level"

    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """See `Case`."""
        clean = _clean(benchmark, item)
        name = item.clean.name if item.clean else item.stem
        degraded = clean + gaussian_noise_for(name, clean.shape, self.sigma, seed)
        return clean, Problem("denoise", item.stem, degraded, None if self.blind else self.sigma, seed=seed)


@dataclass(frozen=True)
class Chain(Case):
    """Any damage in words, as ``pixelmend degrade`` takes them; what is lost is told where pixels are."""

    told: ClassVar[str] = "where pixels are missing"

    kind: Task
    name: str
    chain: str

    @property
    def task(self) -> Task:
        """See `Case`."""
        return self.kind

    @property
    def label(self) -> str:
        """See `Case`."""
        return self.name

    @property
    def damage(self) -> str:  # type: ignore[override]
        """See `Case`."""
        return f"{self.chain}, drawn by seed and name"

    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """See `Case`."""
        clean = _clean(benchmark, item)
        degraded, missing = damaged(clean, self.chain, item.stem, seed)
        if degraded.shape != clean.shape:
            raise UsageError(
                f"{self.chain} changes the size of pictures, so that nothing can be compared: measure those that were "
                "made smaller with --task super-resolve"
            )
        return clean, Problem(self.kind, item.stem, degraded, missing=missing, seed=seed)


@dataclass(frozen=True)
class Smaller(Case):
    """MATLAB's bicubic by a whole factor, rounded to 8 bits; compared on Y, as super-resolution is."""

    damage: ClassVar[str] = "RGB made smaller by MATLAB's bicubic (antialiased), rounded to 8 bits"
    told: ClassVar[str] = "the scale"

    factor: int

    def __post_init__(self) -> None:
        """Refuse what no table has."""
        if self.factor not in (2, 3, 4):
            raise UsageError(f"the scale is {self.factor}: choose 2, 3 or 4")

    @property
    def task(self) -> Task:
        """See `Case`."""
        return "super-resolve"

    @property
    def label(self) -> str:
        """See `Case`."""
        return f"×{self.factor}"

    @property
    def scale(self) -> int:  # type: ignore[override]
        """See `Case`."""
        return self.factor

    @property
    def crop_border(self) -> int:  # type: ignore[override]
        """See `Case`."""
        return self.factor

    def color(self, benchmark: Benchmark) -> Color:
        """See `Case`."""
        return "gray" if benchmark.color == "gray" else "y"

    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """See `Case`."""
        whole = _clean(benchmark, item)
        height, width = (side // self.factor * self.factor for side in whole.shape[:2])
        if not height or not width:
            raise DataError(f"{item.stem} is smaller than {self.factor}×{self.factor} pixels: measure on larger ones")
        clean = whole[:height, :width]
        degraded, _ = damaged(clean, PRESETS[f"bicubic-x{self.factor}"], item.stem, seed)
        return clean, Problem("super-resolve", item.stem, degraded, scale=self.factor, seed=seed)


@dataclass(frozen=True)
class JpegQuality(Case):
    """libjpeg's compression; gray pictures, Y of colour ones, or colour with 4:2:0."""

    told: ClassVar[str] = "nothing"

    quality: int
    gray: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no quality."""
        if not 1 <= self.quality <= 100:
            raise UsageError(f"the quality is {self.quality}: give 1 to 100")

    @property
    def task(self) -> Task:
        """See `Case`."""
        return "dejpeg"

    @property
    def label(self) -> str:
        """See `Case`."""
        return f"QF {self.quality}{', Y' if self.gray else ''}"

    @property
    def damage(self) -> str:  # type: ignore[override]
        """See `Case`."""
        return "JPEG of Y (MATLAB's rgb2ycbcr, 8 bits)" if self.gray else "JPEG, colour with 4:2:0"

    def color(self, benchmark: Benchmark) -> Color:
        """See `Case`."""
        return "gray" if self.gray else benchmark.color

    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """See `Case`."""
        clean = _clean(benchmark, item)
        if self.gray and clean.ndim == 3:
            clean = luminance8(clean)
        degraded, _ = damaged(clean, f"jpeg(quality={self.quality}, subsampling=420)", item.stem, seed)
        return clean, Problem("dejpeg", item.stem, degraded, seed=seed)


@dataclass(frozen=True)
class MaskFile(Case):
    """Holes as published masks have them (white is kept), each picture under one chosen by seed and name."""

    told: ClassVar[str] = "where pixels are missing"

    name: str
    masks: Benchmark

    @property
    def task(self) -> Task:
        """See `Case`."""
        return "inpaint"

    @property
    def label(self) -> str:
        """See `Case`."""
        return f"RePaint {self.name}"

    @property
    def damage(self) -> str:  # type: ignore[override]
        """See `Case`."""
        return (
            "masks of RePaint, one for each picture by SHA-256 of seed/name, enlarged to it without interpolation; "
            f"masks {self.masks.checksum[:12]}"
        )

    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """See `Case`."""
        clean = _clean(benchmark, item)
        choices = [path for path in self.masks.paths if path.stem.startswith(f"{self.name}_")]
        if not choices:
            raise DataError(f"{self.masks.title} hold none of {self.name}: wanted {self.name}_000000 and so on")
        digest = hashlib.sha256(f"{seed}/{item.stem}".encode()).digest()
        kept = self.masks.load(choices[int.from_bytes(digest[:8], "little") % len(choices)]) > 0.5
        rows, columns = (np.arange(n) * m // n for n, m in zip(clean.shape[:2], kept.shape, strict=True))
        missing = ~kept[np.ix_(rows, columns)]
        degraded = np.where(missing[..., np.newaxis] if clean.ndim == 3 else missing, np.float32(0), clean)
        return clean, Problem("inpaint", item.stem, degraded, missing=missing, seed=seed)


@dataclass(frozen=True)
class AsGiven(Case):
    """The set's own damaged pictures: real noise, camera shake, or blur by a kernel that is told."""

    kind: Task
    name: str = "as given"
    factor: int = 1

    @property
    def task(self) -> Task:
        """See `Case`."""
        return self.kind

    @property
    def label(self) -> str:
        """See `Case`."""
        return self.name

    @property
    def damage(self) -> str:  # type: ignore[override]
        """See `Case`."""
        return "the set's own"

    @property
    def told(self) -> str:  # type: ignore[override]
        """See `Case`."""
        if self.kind != "deconvolve":
            return "nothing"
        return "the kernel as published, turned and shifted to where it explains the pair best"

    def expected(self, benchmark: Benchmark) -> int:
        """Every clean picture comes with every kernel."""
        kernels = {item.variant for item in benchmark.items} if self.kind == "deconvolve" else {""}
        return benchmark.expected * len(kernels)

    @property
    def crop_border(self) -> int:  # type: ignore[override]
        """Half a kernel, near which a blurred picture tells of what lies outside; of enlarged ones the scale."""
        return 16 if self.kind == "deconvolve" else self.scale if self.scale > 1 else 0

    @property
    def scale(self) -> int:  # type: ignore[override]
        """See `Case`."""
        return self.factor

    def color(self, benchmark: Benchmark) -> Color:
        """See `Case`."""
        return "y" if self.scale > 1 and benchmark.color == "rgb" else benchmark.color

    def make(self, benchmark: Benchmark, item: Item, seed: int) -> tuple[Pixels, Problem]:
        """See `Case`."""
        pair = _pair(benchmark, item)
        name = f"{item.stem} {item.variant}" if self.kind == "deconvolve" else item.stem
        height, width, *channels = pair.degraded.shape
        if pair.clean.shape != (height * self.scale, width * self.scale, *channels):
            raise DataError(
                f"{name}: the clean picture is {_size(pair.clean)} and the damaged one {_size(pair.degraded)}: "
                + ("wanted two of one size" if self.scale == 1 else f"wanted {self.scale} times as high and wide")
            )
        kernel = pair.kernel
        if self.kind == "deconvolve":
            if kernel is None:
                raise DataError(f"{name} comes without a kernel, which deconvolution needs")
            kernel = registered_kernel(kernel, pair.clean, pair.degraded)
        return pair.clean, Problem(self.kind, name, pair.degraded, scale=self.scale, kernel=kernel, seed=seed)


def scale_of(benchmark: Benchmark) -> int:
    """How much larger the clean picture of the first pair is that can be read; 1 where none can.

    Raises:
        UsageError: It is more than 4 times.
    """
    for item in benchmark.items:
        try:
            pair = benchmark.load_pair(item)
        except PixelmendError:
            continue
        scale: int = round(pair.clean.shape[0] / pair.degraded.shape[0])
        if scale > 4:
            raise UsageError(f"{item.stem} is {scale} times as high as its damaged half: wanted up to 4 times")
        return max(1, scale)
    return 1


def problem_name(case: Case, item: Item) -> str:
    """What a picture is called under a case, unique in its set, without opening it."""
    return f"{item.stem} {item.variant}" if case.task == "deconvolve" else item.stem


def _clean(benchmark: Benchmark, item: Item) -> Pixels:
    if item.clean is None:
        raise DataError(f"{item.stem} has no clean picture, which scores are measured against")
    try:
        return benchmark.load(item.clean)
    except UsageError as error:  # it was there a moment ago
        raise DataError(str(error)) from error


def _pair(benchmark: Benchmark, item: Item) -> Pair:
    try:
        return benchmark.load_pair(item)
    except UsageError as error:  # it was there a moment ago
        raise DataError(str(error)) from error


def _size(picture: Pixels) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}{' gray' if picture.ndim == 2 else ''}"
