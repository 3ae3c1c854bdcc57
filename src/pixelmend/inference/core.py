"""The stateless heart: one picture, one card, one engine, in; pixels and a report out.

`pixelmend.restore()`, the command line and whatever comes later all call `restore_picture`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.images import from_unit
from pixelmend.inference.anchor import anchor
from pixelmend.inference.canvas import as_lies, room, rounded
from pixelmend.inference.enlarge import as_given
from pixelmend.inference.level import seen_sigma
from pixelmend.inference.masks import read_mask
from pixelmend.inference.options import Options
from pixelmend.inference.pieces import Told, Wanted, read, run
from pixelmend.inference.region import Area, area_of
from pixelmend.inference.report import Report
from pixelmend.inference.tiles import plan_side, run_tiles
from pixelmend.memory import let_go, trim

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pixelmend.catalog import Card
    from pixelmend.images import PictureLike, Pixels
    from pixelmend.inference.engines import Engine
    from pixelmend.inference.tiles import Side

_USUAL = Options()
_STRIP = 2**19
"""So many pixels of the result are copied together, about, where nothing is restored."""


def restore_picture(
    picture: PictureLike,
    card: Card,
    engine: Engine,
    options: Options = _USUAL,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Pixels, Report]:
    """Restore one picture, piece by piece; neither the picture nor anything else is modified.

    Args:
        picture: From `pixelmend.images.decode` or `open_image`.
        card: What the model needs.
        engine: What runs it.
        options: Noise level, piece size and mask; how much of the change is taken, and where.
        progress: Called with (pieces done, pieces in all); not at all where there is nothing to compute.

    Returns:
        Pixels (H·scale, W·scale, C) of the picture's type and number of channels, memory-mapped above 24 MB, clamped
        to the type's range; and the report. What is not to be restored comes back exactly as it was: what a mask does
        not say is lost, what lies outside of a region, colour under full transparency (where nothing is enlarged).

    Raises:
        UsageError: The model has to be told what is lost and there is no mask, or the other way round; or the mask or
            the region does not fit the picture; or the model takes pieces of one size, and another was asked for.
        UnreadableError: The picture's file, or the mask's, is damaged.
        ModelError: The model failed.
    """
    _check_mask(card, options)
    start = time.perf_counter()
    work = _work(picture, card, options)
    trim()  # measuring the noise of a large picture took a lot
    anchors = options.anchor and options.strength > 0 and work.told.lost is None
    restored = room(picture, card.scale, fine=anchors)
    if options.strength == 0 or options.region is not None:
        _copy(picture, restored, card.scale)
    anchored = None
    if options.strength > 0:
        _restore(picture, work, engine, restored, progress)
    if anchors:
        anchored = anchor(picture, restored, work.wanted.area, card.scale)
        restored = rounded(restored, picture.dtype)
    return restored, _report(picture, work, engine, options, anchored, time.perf_counter() - start)


def _report(
    picture: PictureLike, work: _Work, engine: Engine, options: Options, anchored: float | None, seconds: float
) -> Report:
    """What was found and done."""
    rows, columns = work.sides
    told = work.told
    return Report(
        width=picture.width,
        height=picture.height,
        output_width=picture.width * work.card.scale,
        output_height=picture.height * work.card.scale,
        channels=picture.channels,
        depth=picture.dtype.name,
        format=picture.format,
        has_alpha=picture.has_alpha,
        model=work.card.name,
        sigma=told.sigma,
        sigma_estimated=told.sigma is not None and options.sigma is None,
        lost=None if told.lost is None else float(told.lost.mean()),
        strength=options.strength,
        keep_grain=work.wanted.grain,
        anchored=anchored,
        region=options.region,
        tile=(rows.tile, columns.tile),
        tiles=len(rows.origins) * len(columns.origins) if options.strength > 0 else 0,
        engine=engine.title,
        device=engine.device,
        precision=engine.precision,
        seconds=seconds,
        notes=(*picture.notes, *work.notes),
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """All that is settled before the first piece.

    Attributes:
        card: What the model needs.
        told: What it is told.
        wanted: What becomes of its result.
        window: What it has to see of the picture for that.
        sides: How height and width of the window are cut.
        notes: What is to be said about it.
    """

    card: Card
    told: Told
    wanted: Wanted
    window: Area
    sides: tuple[Side, Side]
    notes: tuple[str, ...]


def _work(picture: PictureLike, card: Card, options: Options) -> _Work:
    area = area_of(picture, options.region, fade=options.mask is None)
    # As far as the seam between two pieces is from the end of either, at least.
    window = area.with_context(picture, math.ceil(card.overlap / 2), card.multiple_of)
    sides = _plan(window, card, options)
    if options.strength == 0:
        notes = ("strength is 0: nothing was restored",)
        return _Work(card, Told(None, _lost(picture, options, area)), Wanted(0, 0, 0, area), window, sides, notes)
    told, more = _told(picture, card, options, area)
    wanted, still_more = _wanted(picture, told, options, area)
    return _Work(card, told, wanted, window, sides, (*more, *still_more))


def _restore(
    picture: PictureLike, work: _Work, engine: Engine, restored: Pixels, progress: Callable[[int, int], None]
) -> None:
    """Compute every piece and store it."""
    rows, columns = work.sides
    card, window = work.card, work.window
    size = (rows.tile, columns.tile)

    def piece(top: int, left: int) -> Callable[[int], NDArray[np.float32]]:
        where = (window.top + top, window.left + left, *size)
        known = read(picture, work.told, work.wanted, where, card.scale)
        return lambda left_over: run(known, engine, card, work.wanted, size, left_over)

    def store(top: int, left: int, part: NDArray[np.float32]) -> None:
        _store(picture, work, restored, (window.top * card.scale + top, window.left * card.scale + left), part)
        let_go(restored)

    run_tiles((rows, columns), piece, store, progress, scale=card.scale, lanes=engine.lanes)


def _store(
    picture: PictureLike, work: _Work, restored: Pixels, corner: tuple[int, int], part: NDArray[np.float32]
) -> None:
    """Put a finished rectangle in its place, as far as it lies within the area, but for what is to stay as it was."""
    area, scale = work.wanted.area, work.card.scale
    first = (max(corner[0], area.top * scale), max(corner[1], area.left * scale))
    last = (
        min(corner[0] + part.shape[0], area.bottom * scale),
        min(corner[1] + part.shape[1], area.right * scale),
    )
    if first[0] >= last[0] or first[1] >= last[1]:
        return
    place = (slice(first[0], last[0]), slice(first[1], last[1]))
    inside = tuple(slice(begin - at, end - at) for begin, end, at in zip(first, last, corner, strict=True))
    restored[place] = from_unit(part[inside], restored.dtype)
    if scale > 1:
        return
    where = (*first, last[0] - first[0], last[1] - first[1])
    if work.told.lost is not None:
        # what is known is not for a model to change
        np.copyto(restored[place], picture.region(*where), where=~work.told.lost[place][:, :, np.newaxis])
    if (opacity := picture.opacity(*where)) is not None and not opacity.all():
        np.copyto(restored[place], as_lies(picture.region(*where), restored.dtype), where=opacity <= 0)


def _copy(picture: PictureLike, restored: Pixels, scale: int) -> None:
    """Fill a result with what came in, at its size."""
    rows = max(1, _STRIP // (picture.width * scale**2))
    for top in range(0, picture.height, rows):
        height = min(rows, picture.height - top)
        given = as_given(picture, (top, 0, height, picture.width), scale)
        restored[top * scale : (top + height) * scale] = as_lies(given, restored.dtype)
        let_go(restored)


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


def _told(picture: PictureLike, card: Card, options: Options, area: Area) -> tuple[Told, list[str]]:
    """What the model is told, and what is to be said about it."""
    sigma: float | None = None
    notes: list[str] = []
    if "noise_level" in card.conditions:
        sigma, notes = _level(picture, card, options)
    elif options.sigma is not None:
        notes = [f"noise level {options.sigma:g} was given, {card.name} is told none: it was not used"]
    lost = _lost(picture, options, area)
    if lost is not None and not lost.any():
        where = "" if options.region is None else " in the region"
        notes.append(f"the mask has no white{where}: nothing is lost, and nothing was changed")
    return Told(sigma, lost), notes


def _lost(picture: PictureLike, options: Options, area: Area) -> NDArray[np.bool_] | None:
    """What is to be filled in: what the mask says is lost, within the region."""
    if options.mask is None:
        return None
    lost = read_mask(options.mask, picture)
    if options.region is None:
        return lost
    inside = np.zeros_like(lost)
    place = (slice(area.top, area.bottom), slice(area.left, area.right))
    inside[place] = lost[place]
    return inside


def _wanted(picture: PictureLike, told: Told, options: Options, area: Area) -> tuple[Wanted, list[str]]:
    """What becomes of the model's result, and what is to be said about it."""
    wanted = Wanted(options.strength, 0.0, 0.0, area)
    if not options.keep_grain:
        return wanted, []
    if told.lost is not None:
        return wanted, ["what is filled in had no grain that could be kept: keep_grain was not used"]
    sigma = seen_sigma(picture) if told.sigma is None else told.sigma
    return replace(wanted, grain=options.keep_grain, grain_sigma=sigma), []


def _level(picture: PictureLike, card: Card, options: Options) -> tuple[float, list[str]]:
    """The noise level that the model is told, and what is to be said about it."""
    low, high = card.sigma_range
    sigma = seen_sigma(picture) if options.sigma is None else float(options.sigma)
    if low <= sigma <= high:
        return sigma, []
    used = min(max(sigma, low), high)
    what = "estimated" if options.sigma is None else "given"
    return used, [f"noise level {sigma:.1f} was {what}, {card.name} knows {low:g} to {high:g}: {used:g} was used"]


def _plan(window: Area, card: Card, options: Options) -> tuple[Side, Side]:
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
    return side(window.height, height), side(window.width, width)
