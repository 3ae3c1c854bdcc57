"""Networks, cards, colour spaces and pictures made up for tests: what goes on around a network, without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelmend.catalog import Card, Training
from pixelmend.images import ArrayPicture
from pixelmend.inference import Options, Report, restore_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelmend.images import ColourSpace

Values = NDArray[np.float32]


def made_card(scale: int = 1, conditions: tuple[str, ...] = (), **other: Any) -> Card:
    """The card of a network that there is no file of; pieces are small."""
    fields: dict[str, Any] = {"multiple_of": 8, "minimum": 16, "tile": 64, "overlap": 32, "sigma_range": (0.0, 75.0)}
    return Card(
        name="made-up", task="denoise", size="small", variant="faithful", file="none.onnx", sha256="0" * 64,
        parameters=1, scale=scale, conditions=conditions, licence="CC0", scores=(), macs_per_pixel=1.0,
        training=Training(data=(), mpx=0.0, minutes=0.0, device="none", recipe="none"), **{**fields, **other},
    )  # fmt: skip


class Working:
    """An engine that runs a function of (N, 3, H, W), and keeps what it was given."""

    title, device, precision = "made up", "cpu", "float32"

    def __init__(self, change: Callable[[Values], Values], scale: int = 1, *, lanes: int = 2) -> None:
        self.change = change
        self.lanes = lanes  # with one, it is given pieces in their order
        self.scale = scale
        self.calls: list[Values] = []

    def run(self, degraded: Values, conditions: Mapping[str, Values], *, left: int = 0) -> Values:
        """See ``Engine.run``."""
        self.calls.append(degraded.copy())
        larger = degraded.repeat(self.scale, axis=2).repeat(self.scale, axis=3)
        return self.change(larger).astype(np.float32)


def smooth(planes: Values) -> Values:
    """Means of 3×3; what lies beyond is black, so that cut edges show where pieces are put together carelessly."""
    padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = planes.shape[2:]
    total = np.zeros_like(planes)
    for y, x in np.ndindex(3, 3):
        total += padded[:, :, y : y + height, x : x + width] / np.float32(9)
    return total


def tinted(planes: Values) -> Values:
    """Smoothed, and of other colours."""
    cast = np.array([0.06, -0.04, 0.02], np.float32).reshape(1, 3, 1, 1)
    return smooth(planes) * np.float32(0.9) + cast


class Gamma:
    """A colour space that differs from sRGB by a power and a mix of channels, both of which can be undone."""

    def __init__(self, power: float = 1.3) -> None:
        self.power = power
        self.matrix = np.array([[1.3, -0.2, -0.1], [-0.05, 1.1, -0.05], [0.0, -0.1, 1.1]])

    def to_srgb(self, unit: Values) -> Values:
        """See ``ColourSpace``."""
        mixed = unit @ self.matrix.T if unit.shape[2] == 3 else unit
        powered: Values = (np.sign(mixed) * np.abs(mixed) ** self.power).astype(np.float32)
        return powered

    def from_srgb(self, unit: Values) -> Values:
        """See ``ColourSpace``."""
        mixed = np.sign(unit) * np.abs(unit) ** (1 / self.power)
        whole = mixed @ np.linalg.inv(self.matrix).T if unit.shape[2] == 3 else mixed
        clamped: Values = np.clip(whole, 0, 1).astype(np.float32)
        return clamped


def stored(unit: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Values on the [0, 1] scale as they are stored."""
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[np.dtype(dtype).name]
    return unit.astype(np.float32) if white == 1 else np.rint(np.clip(unit, 0, 1) * white).astype(dtype)


def picture_of(
    pixels: NDArray[Any], alpha: NDArray[Any] | None = None, space: ColourSpace | None = None
) -> ArrayPicture:
    """(H, W, C) and (H, W, 1) as a picture."""
    return ArrayPicture(pixels, alpha, pixels, space=space)


def restored(
    picture: ArrayPicture, change: Callable[[Values], Values], *, card: Card | None = None, **options: Any
) -> tuple[NDArray[Any], Report]:
    """What comes back, and the report."""
    card = made_card() if card is None else card
    return restore_picture(picture, card, Working(change, card.scale), Options(**options))
