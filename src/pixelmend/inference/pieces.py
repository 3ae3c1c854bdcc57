"""One piece of a picture: read as stored, shown to a network as it learnt to see, its result made the picture's own.

Networks learnt from opaque sRGB. So a picture in another colour space is converted on the way in, and the change that
the network made is converted back: what it left alone stays what it was, to the last bit of a colour that sRGB has no
number for. And where a picture is transparent the network sees colour times opacity, so that nothing hidden bleeds into
what is seen, and the result is divided again. Noise fades with the colour, and so does the level that it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import ModelError
from pixelmend.images import to_unit
from pixelmend.inference.enlarge import at_scale, divided, opacity_of
from pixelmend.inference.grain import grain
from pixelmend.inference.sizes import pad

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.catalog import Card
    from pixelmend.images import ColourSpace, PictureLike, Pixels
    from pixelmend.inference.engines import Engine
    from pixelmend.inference.region import Area


@dataclass(frozen=True, eq=False)
class Told:
    """What a model is told beside the picture: a level (0-255), and bool (H, W), true where pixels are lost."""

    sigma: float | None
    lost: NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class Wanted:
    """What becomes of a model's result.

    Attributes:
        strength: The share of the change that is taken, above 0.
        grain: The share of the fine grain that is put back.
        grain_sigma: The noise that grain is limited to, 0-255 scale.
        area: Where the result counts, and how it fades in.
    """

    strength: float
    grain: float
    grain_sigma: float
    area: Area


@dataclass(frozen=True, eq=False)
class Piece:
    """What is known of one piece.

    Attributes:
        pixels: (H, W, 1 or 3) as stored.
        alpha: (H, W, 1), opacity from 0 to 1; None where all of it is opaque.
        space: What the pixels mean; None for sRGB.
        lost: (H, W), true where pixels are lost; None where the model is told nothing of that.
        sigma: A noise level, 0-255; None likewise.
        weight: (H·scale, W·scale, 1), how much of the change is taken, or one number for all.
    """

    pixels: Pixels
    alpha: NDArray[np.float32] | None
    space: ColourSpace | None
    lost: NDArray[np.bool_] | None
    sigma: float | None
    weight: NDArray[np.float32] | float


def read(picture: PictureLike, told: Told, wanted: Wanted, where: tuple[int, int, int, int], scale: int) -> Piece:
    """One piece at (top, left, height, width), as far as it lies within the picture.

    Raises:
        UnreadableError: The picture's file is damaged.
    """
    top, left, height, width = where
    inside = (top, left, min(height, picture.height - top), min(width, picture.width - left))
    weight = wanted.area.weight(inside, scale)
    return Piece(
        pixels=picture.region(*inside),
        alpha=opacity_of(picture, inside),
        space=picture.space,
        lost=None if told.lost is None else told.lost[top : top + inside[2], left : left + inside[3]],
        sigma=told.sigma,
        weight=wanted.strength if weight is None else weight * np.float32(wanted.strength),
    )


def run(
    piece: Piece, engine: Engine, card: Card, wanted: Wanted, size: tuple[int, int], left: int
) -> NDArray[np.float32]:
    """The result of one piece in the picture's own colours.

    Args:
        piece: What is known of it.
        engine: What runs the model.
        card: What the model needs.
        wanted: What becomes of its result.
        size: (height, width) that it is padded to.
        left: How many pieces are still to be begun.

    Returns:
        (H·scale, W·scale, C) on the [0, 1] scale, not clamped.

    Raises:
        ModelError: The model failed, or its result has another size than the card says.
    """
    unit = to_unit(piece.pixels)
    nothing_lost = piece.lost is not None and not piece.lost.any()
    nothing_seen = piece.alpha is not None and not piece.alpha.any()
    if nothing_lost or nothing_seen:
        return at_scale(unit, piece.alpha, card.scale)[0]
    shown = unit if piece.space is None else piece.space.to_srgb(unit)
    planes = engine.run(*_inputs(piece, shown, size), left=left)[0]
    restored: NDArray[np.float32] = planes.transpose(1, 2, 0)
    if restored.shape != (whole := (size[0] * card.scale, size[1] * card.scale, 3)):
        raise ModelError(f"{card.name} gave a piece of {restored.shape}, wanted {whole}: its card is not its own")
    restored = restored[: unit.shape[0] * card.scale, : unit.shape[1] * card.scale]
    if unit.shape[2] == 1:
        restored = _grey(restored)
    return _finished(piece, unit, restored, wanted, card.scale)


def _grey(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of three channels, (H, W, 1); where they are equal, just that number."""
    red, green, blue = (rgb[:, :, channel, np.newaxis] for channel in range(3))
    mean = green + ((red - green) + (blue - green)) / np.float32(3)
    return mean.astype(np.float32, copy=False)


def _inputs(
    piece: Piece, shown: NDArray[np.float32], size: tuple[int, int]
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """The picture and the conditions that an engine is given, padded to a size."""
    height, width = size
    conditions = {}
    if piece.alpha is not None:
        shown = shown * piece.alpha
    if piece.lost is not None:
        shown = np.where(piece.lost[:, :, np.newaxis], np.float32(0), shown)
        conditions["mask"] = _as_batch(pad(piece.lost[:, :, np.newaxis].astype(np.float32), height, width))
    if piece.sigma is not None:
        level = np.full((*shown.shape[:2], 1), piece.sigma / 255, np.float32)
        conditions["noise_level"] = _as_batch(pad(level if piece.alpha is None else level * piece.alpha, height, width))
    rgb = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
    return _as_batch(pad(rgb, height, width)), conditions


def _as_batch(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) as (1, C, H, W)."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])


def _finished(
    piece: Piece, unit: NDArray[np.float32], restored: NDArray[np.float32], wanted: Wanted, scale: int
) -> NDArray[np.float32]:
    """What a network made of a piece (sRGB, premultiplied), as it is wanted: in the picture's own colours.

    Args:
        piece: What is known of it.
        unit: (H, W, C), the piece in its own colours.
        restored: (H·scale, W·scale, C).
        wanted: What becomes of it.
        scale: Result over picture.
    """
    full = isinstance(piece.weight, float) and piece.weight == 1
    if full and piece.space is None and piece.alpha is None and not wanted.grain:
        return restored
    given, alpha = at_scale(unit, piece.alpha, scale)
    seen = given if piece.space is None else piece.space.to_srgb(given)
    if alpha is not None:
        restored = divided(restored, alpha, seen)
    if wanted.grain:
        source = seen if scale == 1 else (unit if piece.space is None else piece.space.to_srgb(unit))
        restored = restored + np.float32(wanted.grain) * grain(source, restored, sigma=wanted.grain_sigma, scale=scale)
    if piece.space is not None:
        restored = given + (piece.space.from_srgb(restored) - piece.space.from_srgb(seen))
    if not full:
        # The whole change is what would be stored.
        restored = given + piece.weight * (np.clip(restored, 0, 1) - given)
    return restored
