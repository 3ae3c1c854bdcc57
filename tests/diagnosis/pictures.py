"""Pictures for the tests of diagnosis, made here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyvips
from numpy.typing import NDArray

from pixelmend.images import ArrayPicture, read_float

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
Photo = NDArray[np.float32]


class Huge(ArrayPicture):
    """A picture of 20 gigapixels, of which only pieces are ever made."""

    def __init__(self, piece: Callable[[int, int, int, int], NDArray[np.uint8]]) -> None:
        one = np.zeros((1, 1, 3), np.uint8)
        super().__init__(one, None, one)
        object.__setattr__(self, "piece", piece)

    @property
    def height(self) -> int:
        """See ``PictureLike``."""
        return 200_000

    @property
    def width(self) -> int:
        """See ``PictureLike``."""
        return 100_003

    def region(self, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
        """See ``PictureLike``."""
        made: NDArray[np.uint8] = self.piece(top, left, height, width)  # type: ignore[attr-defined]
        return made


def photograph() -> Photo:
    """A clean photograph that comes with the documentation, (240, 240, 3) in [0, 1]."""
    return read_float(ROOT / "docs" / "damage" / "clean.webp", color="rgb")


def texture(side: int = 256, seed: int = 0) -> Photo:
    """Random clouds whose amplitude falls as 1 / frequency, as in photographs, (side, side, 3) in [0.1, 0.9]."""
    rng = np.random.default_rng(seed)
    distance = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None]) + 1 / side
    planes = [np.fft.ifft2(np.fft.fft2(rng.standard_normal((side, side))) / distance).real for _ in range(3)]
    common = planes[0]
    planes = [common + 0.2 * plane for plane in planes]
    stacked = np.stack([(plane - plane.min()) / np.ptp(plane) for plane in planes], axis=-1)
    return (0.1 + 0.8 * stacked).astype(np.float32)


def as_8_bits(picture: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Clipped and rounded."""
    pixels: NDArray[np.uint8] = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return pixels


def noisy(picture: Photo, sigma: float, seed: int = 0) -> Photo:
    """With white Gaussian noise, not clipped."""
    noise = np.random.default_rng(seed).normal(0, sigma / 255, picture.shape)
    return (picture + noise).astype(np.float32)


def jpeg_of(picture: NDArray[np.floating], quality: int) -> bytes:
    """The file that libjpeg makes of it."""
    data: bytes = pyvips.Image.new_from_array(as_8_bits(picture), interpretation="srgb").jpegsave_buffer(Q=quality)
    return data


def held(pixels: NDArray[np.generic]) -> ArrayPicture:
    """Pixels as a picture."""
    return ArrayPicture(pixels, None, pixels)
