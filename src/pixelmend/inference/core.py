"""The stateless heart: one picture, one card, one engine, in; pixels and a report out.

`pixelmend.restore()`, the command line and whatever comes later all call `restore_picture`.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.diagnosis import estimate_sigma
from pixelmend.errors import UsageError
from pixelmend.images import from_unit, to_unit
from pixelmend.inference.sizes import pad
from pixelmend.inference.tiles import plan_side, run_tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pixelmend.catalog import Card
    from pixelmend.images import PictureLike, Pixels
    from pixelmend.inference.engines import Engine
    from pixelmend.inference.tiles import Side

# A larger result lies in a temporary file and is mapped, so that it need not fit into memory.
_SCRATCH_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Options:
    """How a picture is to be restored.

    Attributes:
        sigma: Noise level on the 0-255 scale; None estimates it.
        tile: Side of the pieces in pixels, brought to a multiple of what the model needs; None takes the
            card's.

    Raises:
        UsageError: A level that is not within 0 to 255, a tile that is not positive.
    """

    sigma: float | None = None
    tile: int | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if self.sigma is not None and not 0 <= self.sigma <= 255:  # NaN compares false
            raise UsageError(f"got sigma {self.sigma:g}, wanted a noise level from 0 to 255, or 'auto' to estimate it")
        if self.tile is not None and self.tile < 1:
            raise UsageError(f"got tile {self.tile}, wanted a side in pixels, 1 or more")


@dataclass(frozen=True)
class Report:
    """What was found and done.

    Attributes:
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        channels: 1 or 3.
        depth: "uint8", "uint16" or "float32".
        format: Where it came from: "jpeg", "array", ...
        has_alpha: Whether transparency was carried over.
        model: The card's name.
        sigma: The noise level that was used, 0-255 scale.
        sigma_estimated: Whether it was estimated from the picture.
        tile: (height, width) of the pieces.
        tiles: How many pieces.
        seconds: From the first pixel read to the last one restored.
        notes: What could not be kept or done as asked, one sentence each.
    """

    width: int
    height: int
    channels: int
    depth: str
    format: str
    has_alpha: bool
    model: str
    sigma: float
    sigma_estimated: bool
    tile: tuple[int, int]
    tiles: int
    seconds: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Every field under its name, ready for JSON."""
        return asdict(self)


def restore_picture(
    picture: PictureLike,
    card: Card,
    engine: Engine,
    options: Options = Options(),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Pixels, Report]:
    """Restore one picture, piece by piece; neither the picture nor anything else is modified.

    Args:
        picture: From `pixelmend.images.decode` or `open_image`.
        card: What the model needs.
        engine: What runs it.
        options: Noise level and piece size.
        progress: Called with (pieces done, pieces in all).

    Returns:
        Pixels (H, W, C) of the picture's type and number of channels, memory-mapped above 64 MB, clamped to
        the type's range; and the report.

    Raises:
        UsageError: The card's model enlarges, or has to be told more than a noise level (not supported here).
        UnreadableError: The picture's file is damaged.
        ModelError: The model failed.
    """
    _check_supported(card)
    start = time.perf_counter()
    sigma, notes = _level(picture, card, options)
    rows, columns = _plan(picture, card, options)
    restored = _scratch(picture)

    def piece(top: int, left: int) -> NDArray[np.float32]:
        return _run(picture, engine, card, sigma, (top, left, rows.tile, columns.tile))

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        if picture.channels == 1:
            part = part.mean(axis=2, keepdims=True)
        restored[top : top + part.shape[0], left : left + part.shape[1]] = from_unit(part, picture.dtype)

    run_tiles(rows, columns, piece, store, progress)
    report = Report(
        width=picture.width,
        height=picture.height,
        channels=picture.channels,
        depth=picture.dtype.name,
        format=picture.format,
        has_alpha=picture.has_alpha,
        model=card.name,
        sigma=sigma,
        sigma_estimated=options.sigma is None,
        tile=(rows.tile, columns.tile),
        tiles=len(rows.origins) * len(columns.origins),
        seconds=time.perf_counter() - start,
        notes=(*picture.notes, *notes),
    )
    return restored, report


def _check_supported(card: Card) -> None:
    if card.scale != 1:
        raise UsageError(f"the model {card.name} enlarges by {card.scale}: only models of scale 1 can be run so far")
    if unknown := [name for name in card.conditions if name != "noise_level"]:
        raise UsageError(
            f"the model {card.name} has to be told {' and '.join(unknown)}: only models that are told a noise level, "
            "or nothing, can be run so far"
        )


def _level(picture: PictureLike, card: Card, options: Options) -> tuple[float, list[str]]:
    """The noise level that the model is told, and what is to be said about it."""
    low, high = card.sigma_range
    sigma = estimate_sigma(picture) if options.sigma is None else float(options.sigma)
    if low <= sigma <= high:
        return sigma, []
    used = min(max(sigma, low), high)
    what = "estimated" if options.sigma is None else "given"
    return used, [f"noise level {sigma:.1f} was {what}, {card.name} knows {low:g} to {high:g}: {used:g} was used"]


def _plan(picture: PictureLike, card: Card, options: Options) -> tuple[Side, Side]:
    multiple = card.multiple_of
    tile = card.tile
    overlap = card.overlap
    if options.tile is not None:
        least = max(card.minimum, multiple)
        tile = math.ceil(max(options.tile, least) / multiple) * multiple
        # at most half of a piece, or small pieces would be mostly overlap
        overlap = min(overlap, tile // 2 // multiple * multiple)

    def side(length: int) -> Side:
        return plan_side(length, tile=tile, overlap=overlap, multiple_of=multiple, minimum=card.minimum)

    return side(picture.height), side(picture.width)


def _run(
    picture: PictureLike, engine: Engine, card: Card, sigma: float, where: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    """One piece, (height, width, 3), padded where it reaches past the picture."""
    top, left, height, width = where
    inside = (min(height, picture.height - top), min(width, picture.width - left))
    unit = pad(to_unit(picture.region(top, left, *inside)), height, width)
    rgb = np.repeat(unit, 3, axis=2) if picture.channels == 1 else unit
    degraded = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])
    level = np.full((1, 1, height, width), sigma / 255, np.float32)
    conditions = {"noise_level": level} if "noise_level" in card.conditions else {}
    restored: NDArray[np.float32] = engine.run(degraded, conditions)[0].transpose(1, 2, 0)
    return restored


def _scratch(picture: PictureLike) -> Pixels:
    """Room for the result: memory, or an unnamed temporary file where that is much."""
    shape = (picture.height, picture.width, picture.channels)
    if math.prod(shape) * picture.dtype.itemsize <= _SCRATCH_BYTES:
        return np.empty(shape, picture.dtype)
    with tempfile.TemporaryFile(prefix="pixelmend-") as file:
        return np.memmap(file, dtype=picture.dtype, mode="w+", shape=shape)
