"""How a picture is to be restored: every wish in one object, refused at once where it cannot be met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixelmend.errors import UsageError


@dataclass(frozen=True, eq=False)
class Options:
    """How a picture is to be restored.

    Attributes:
        sigma: Noise level on the 0-255 scale; None estimates it where the model has to be told.
        tile: Side of the pieces in pixels, brought to a multiple of what the model needs; None takes the
            card's, as it must be for a model of one fixed size.
        mask: What is lost, for a model that fills it in: a bool array (H, W), true where lost; or a picture of the
            same size that is white there (see `pixelmend.inference.masks.read_mask`).
        strength: How much of the change is taken, 0 to 1: input + strength · (restored - input). Where the model
            enlarges, the input is its bicubic enlargement. At 0 the model is not run, and pixels come back as they are.
        keep_grain: How much of the fine grain that the model took away is put back, 0 to 1 (see
            `pixelmend.inference.grain`).
        anchor: Whether the colours of the input are held: what the model changed over large areas, all alike, is
            taken back (see `pixelmend.inference.anchor`). Not where a mask says what is lost.
        region: (left, top, width, height) of what is restored, in pixels of the input as it is shown (a file's EXIF
            orientation is applied); None is all of it. Everything else comes back as it was; enlarged bicubically,
            where the model enlarges.

    Raises:
        UsageError: A level that is not within 0 to 255, a tile that is not positive, a share that is not within 0 to
            1, a region that is none.
    """

    sigma: float | None = None
    tile: int | None = None
    mask: Any = None
    strength: float = 1.0
    keep_grain: float = 0.0
    anchor: bool = True
    region: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if self.sigma is not None and not 0 <= self.sigma <= 255:  # NaN compares false
            raise UsageError(f"got sigma {self.sigma:g}, wanted a noise level from 0 to 255, or 'auto' to estimate it")
        if self.tile is not None and self.tile < 1:
            raise UsageError(f"got tile {self.tile}, wanted a side in pixels, 1 or more")
        if not 0 <= self.strength <= 1:
            raise UsageError(f"got strength {self.strength:g}, wanted 0 (as it was) to 1 (fully restored)")
        if not 0 <= self.keep_grain <= 1:
            raise UsageError(f"got keep_grain {self.keep_grain:g}, wanted 0 (none) to 1 (all of the fine grain)")
        if self.region is not None:
            _check_region(self.region)


def _check_region(region: tuple[int, int, int, int]) -> None:
    wanted = "wanted left,top,width,height in whole pixels: left and top from 0, width and height from 1"
    if len(region) != 4:
        raise UsageError(f"got a region of {len(region)} numbers, {wanted}")
    left, top, width, height = region
    if min(left, top) < 0 or min(width, height) < 1:
        raise UsageError(f"got region {left},{top},{width},{height}, {wanted}")
