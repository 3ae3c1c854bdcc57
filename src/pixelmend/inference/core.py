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
from pixelmend.errors import ModelError, UsageError
from pixelmend.images import from_unit, to_unit
from pixelmend.inference.masks import read_mask
from pixelmend.inference.sizes import pad
from pixelmend.inference.tiles import plan_side, run_tiles
from pixelmend.memory import let_go, trim

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pixelmend.catalog import Card
    from pixelmend.images import PictureLike, Pixels
    from pixelmend.inference.engines import Engine
    from pixelmend.inference.tiles import Side

# A larger result lies in a temporary file and is mapped, so that it need not fit into memory.
_SCRATCH_BYTES = 24 * 2**20


@dataclass(frozen=True, eq=False)
class Options:
    """How a picture is to be restored.

    Attributes:
        sigma: Noise level on the 0-255 scale; None estimates it where the model has to be told.
        tile: Side of the pieces in pixels, brought to a multiple of what the model needs; None takes the
            card's, as it must be for a model of one fixed size.
        mask: What is lost, for a model that fills it in: a bool array (H, W), true where lost; or a picture of the
            same size that is white there (see `pixelmend.inference.masks.read_mask`).

    Raises:
        UsageError: A level that is not within 0 to 255, a tile that is not positive.
    """

    sigma: float | None = None
    tile: int | None = None
    mask: Any = None

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
        width: Of the picture that came in, pixels.
        height: The same.
        output_width: Of the result, pixels.
        output_height: The same.
        channels: 1 or 3.
        depth: "uint8", "uint16" or "float32".
        format: Where it came from: "jpeg", "array", ...
        has_alpha: Whether transparency was carried over.
        model: The card's name.
        sigma: The noise level that was used, 0-255 scale; None where the model is told none.
        sigma_estimated: Whether it was estimated from the picture.
        lost: The share of the pixels that the mask says are lost; None where the model is told none.
        tile: (height, width) of the pieces, in the picture that came in.
        tiles: How many pieces.
        engine: What ran the model: "ONNX Runtime". Another gives a result whose last bits may differ.
        device: On which chip: "cpu".
        precision: What it computed in: "float32", "bfloat16" or "int8".
        seconds: From the first pixel read to the last one restored.
        notes: What could not be kept or done as asked, one sentence each.
    """

    width: int
    height: int
    output_width: int
    output_height: int
    channels: int
    depth: str
    format: str
    has_alpha: bool
    model: str
    sigma: float | None
    sigma_estimated: bool
    lost: float | None
    tile: tuple[int, int]
    tiles: int
    engine: str
    device: str
    precision: str
    seconds: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Every field under its name, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Told:
    """What the model is told beside the picture: a level (0-255), and bool (H, W), true where pixels are lost."""

    sigma: float | None
    lost: NDArray[np.bool_] | None


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
        options: Noise level, piece size and mask.
        progress: Called with (pieces done, pieces in all).

    Returns:
        Pixels (H·scale, W·scale, C) of the picture's type and number of channels, memory-mapped above 24 MB, clamped
        to the type's range (with a mask, what is not lost comes back exactly as it was); and the report.

    Raises:
        UsageError: The model has to be told what is lost and there is no mask, or the other way round; or the mask
            does not fit the picture; or the model takes pieces of one size, and another was asked for.
        UnreadableError: The picture's file, or the mask's, is damaged.
        ModelError: The model failed.
    """
    _check_mask(card, options)
    start = time.perf_counter()
    told, notes = _told(picture, card, options)
    trim()  # measuring the noise of a large picture took a lot
    rows, columns = _plan(picture, card, options)
    restored = _scratch(picture, card.scale)

    def piece(top: int, left: int) -> Callable[[int], NDArray[np.float32]]:
        known = _read(picture, told, (top, left, rows.tile, columns.tile))
        return lambda left_over: _run(known, engine, card, (rows.tile, columns.tile), left_over)

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        place = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
        if picture.channels == 1:
            part = part.mean(axis=2, keepdims=True)
        restored[place] = from_unit(part, picture.dtype)
        if told.lost is not None:
            # what is known is not for a model to change
            known = picture.region(top, left, *part.shape[:2])
            np.copyto(restored[place], known, where=~told.lost[place][:, :, np.newaxis])
        let_go(restored)

    run_tiles((rows, columns), piece, store, progress, scale=card.scale, lanes=engine.lanes)
    report = Report(
        width=picture.width,
        height=picture.height,
        output_width=restored.shape[1],
        output_height=restored.shape[0],
        channels=picture.channels,
        depth=picture.dtype.name,
        format=picture.format,
        has_alpha=picture.has_alpha,
        model=card.name,
        sigma=told.sigma,
        sigma_estimated=told.sigma is not None and options.sigma is None,
        lost=None if told.lost is None else float(told.lost.mean()),
        tile=(rows.tile, columns.tile),
        tiles=len(rows.origins) * len(columns.origins),
        engine=engine.title,
        device=engine.device,
        precision=engine.precision,
        seconds=time.perf_counter() - start,
        notes=(*picture.notes, *notes),
    )
    return restored, report


def _check_mask(card: Card, options: Options) -> None:
    if "mask" not in card.conditions:
        if options.mask is not None:
            raise UsageError(f"got a mask, but {card.name} fills nothing in: leave it out, or name the task inpaint")
        return
    if options.mask is None:
        raise UsageError(
            f"{card.name} has to be told what is lost: give a mask, a picture of the same size that is white where "
            "pixels are lost and black elsewhere (--mask FILE, or mask= in Python)"
        )
    if card.scale != 1:
        raise UsageError(f"{card.name} fills in and enlarges at once, which cannot be run: wanted a model of scale 1")


def _told(picture: PictureLike, card: Card, options: Options) -> tuple[_Told, list[str]]:
    """What the model is told, and what is to be said about it."""
    sigma: float | None = None
    notes: list[str] = []
    if "noise_level" in card.conditions:
        sigma, notes = _level(picture, card, options)
    elif options.sigma is not None:
        notes = [f"noise level {options.sigma:g} was given, {card.name} is told none: it was not used"]
    lost = None
    if options.mask is not None:
        lost = read_mask(options.mask, picture)
        if not lost.any():
            notes.append("the mask has no white: nothing is lost, and nothing was changed")
    return _Told(sigma, lost), notes


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
    if card.fixed and options.tile is not None:
        size = f"{card.fixed[0]}×{card.fixed[1]}"
        raise UsageError(f"got tile {options.tile}, but {card.name} takes pieces of {size} only: leave it out")
    if options.tile is not None:
        # Smaller pieces would be mostly overlap, and with less of it they would not give what the whole gives.
        least = max(card.minimum, 2 * overlap)
        tile = math.ceil(max(options.tile, least) / multiple) * multiple

    def side(length: int, fixed: int | None) -> Side:
        size, least = (tile, card.minimum) if fixed is None else (fixed, fixed)
        return plan_side(length, tile=size, overlap=overlap, multiple_of=multiple, minimum=least)

    height, width = card.fixed or (None, None)
    return side(picture.height, height), side(picture.width, width)


@dataclass(frozen=True, eq=False)
class _Piece:
    """What is known of one piece: pixels (H, W, 1 or 3) as stored, and what is lost, (H, W); a level, 0-255."""

    pixels: Pixels
    lost: NDArray[np.bool_] | None
    sigma: float | None


def _read(picture: PictureLike, told: _Told, where: tuple[int, int, int, int]) -> _Piece:
    """One piece at (top, left, height, width), as far as it lies within the picture."""
    top, left, height, width = where
    inside = (min(height, picture.height - top), min(width, picture.width - left))
    lost = None if told.lost is None else told.lost[top : top + inside[0], left : left + inside[1]]
    return _Piece(picture.region(top, left, *inside), lost, told.sigma)


def _run(piece: _Piece, engine: Engine, card: Card, size: tuple[int, int], left: int) -> NDArray[np.float32]:
    """The result of one piece, (height·scale, width·scale, 3), padded to a size; `left` are still to be begun.

    Raises:
        ModelError: The model failed, or its result has another size than the card says.
    """
    height, width = size
    if piece.lost is not None and not piece.lost.any():
        # all of it comes back as it was
        return np.zeros((height, width, 3), np.float32)
    planes = engine.run(*_inputs(piece, size), left=left)[0]
    restored: NDArray[np.float32] = planes.transpose(1, 2, 0)
    if restored.shape != (wanted := (height * card.scale, width * card.scale, 3)):
        raise ModelError(f"{card.name} gave a piece of {restored.shape}, wanted {wanted}: its card is not its own")
    return restored


def _inputs(piece: _Piece, size: tuple[int, int]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """The picture and the conditions that an engine is given, padded to a size."""
    height, width = size
    unit = to_unit(piece.pixels)
    conditions = {}
    if piece.lost is not None:
        unit[piece.lost] = 0
        conditions["mask"] = _as_batch(pad(piece.lost[:, :, np.newaxis].astype(np.float32), height, width))
    if piece.sigma is not None:
        conditions["noise_level"] = np.full((1, 1, height, width), piece.sigma / 255, np.float32)
    rgb = np.repeat(unit, 3, axis=2) if unit.shape[2] == 1 else unit
    return _as_batch(pad(rgb, height, width)), conditions


def _as_batch(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) as (1, C, H, W)."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])


def _scratch(picture: PictureLike, scale: int) -> Pixels:
    """Room for the result: memory, or an unnamed temporary file where that is much."""
    shape = (picture.height * scale, picture.width * scale, picture.channels)
    if math.prod(shape) * picture.dtype.itemsize <= _SCRATCH_BYTES:
        return np.empty(shape, picture.dtype)
    with tempfile.TemporaryFile(prefix="pixelmend-") as file:
        return np.memmap(file, dtype=picture.dtype, mode="w+", shape=shape)
