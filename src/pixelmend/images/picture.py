"""What the restorer sees of a picture, wherever it came from: size, depth, and pieces on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    import numpy as np

Pixels = NDArray[Any]


class ColourSpace(Protocol):
    """What the numbers of a picture mean, where that is not sRGB; networks learnt from sRGB and are shown that."""

    def to_srgb(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (H, W, C), C in {1, 3}, on the [0, 1] scale, as sRGB; a new array, which may leave [0, 1]."""

    def from_srgb(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """The way back, a new array; what the picture's own space does not hold is clamped to it."""


class PictureLike(Protocol):
    """A picture that can be read piece by piece.

    Colour and transparency are apart: `channels`, `dtype` and `region` speak of colour alone.
    """

    @property
    def height(self) -> int:
        """Rows, in pixels, as stored (an EXIF orientation is not applied)."""

    @property
    def width(self) -> int:
        """Columns, in pixels, as stored."""

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32 (white = 255, 65535 or 1; float may leave [0, 1])."""

    @property
    def has_alpha(self) -> bool:
        """Whether transparency comes with it; it is carried over, never restored."""

    @property
    def format(self) -> str:
        """Where it came from: "jpeg", "png", "tiff", ..., "array" or "pil"."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be kept, one sentence each."""

    @property
    def space(self) -> ColourSpace | None:
        """What its numbers mean; None where that is sRGB, or nothing says otherwise."""

    def opacity(self, top: int, left: int, height: int, width: int) -> Pixels | None:
        """Transparency of a piece, (height, width, 1), in `dtype`, full scale where opaque; None where there is none.

        Raises:
            UnreadableError: The file is damaged there.
        """

    def region(self, top: int, left: int, height: int, width: int) -> Pixels:
        """A piece, (height, width, channels), in `dtype`; may be read-only, never to be written to.

        Raises:
            UnreadableError: The file is damaged there.
        """


@dataclass(frozen=True, eq=False)
class ArrayPicture:
    """A picture whose pixels a caller holds in memory; they are never modified.

    Attributes:
        pixels: (H, W, C), C in {1, 3}, uint8, uint16 or float32.
        alpha: (H, W, 1) of the same type, or None.
        original: What the caller gave (an array or a PIL image), so that the same kind can be given back.
        format: "array" or "pil".
        notes: What could not be kept.
        space: What the numbers mean: None for arrays, which are sRGB; for PIL images what their profile says.
    """

    pixels: Pixels
    alpha: Pixels | None
    original: Any
    format: str = "array"
    notes: tuple[str, ...] = ()
    space: ColourSpace | None = None

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 or 3."""
        return int(self.pixels.shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32."""
        return self.pixels.dtype

    @property
    def has_alpha(self) -> bool:
        """Whether an alpha plane came with it."""
        return self.alpha is not None

    def opacity(self, top: int, left: int, height: int, width: int) -> Pixels | None:
        """A view of a piece of the alpha plane, (height, width, 1), or None; not to be written to."""
        return None if self.alpha is None else self.alpha[top : top + height, left : left + width]

    def region(self, top: int, left: int, height: int, width: int) -> Pixels:
        """A view of a piece, (height, width, channels); not to be written to."""
        return self.pixels[top : top + height, left : left + width]
