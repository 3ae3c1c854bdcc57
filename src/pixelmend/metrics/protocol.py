"""The conditions that a score was measured under: two scores may be compared only where these agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pixelmend.errors import UsageError
from pixelmend.metrics.pictures import Color, Picture, as_displayed

Rounding = Literal["8-bit", "none"]


@dataclass(frozen=True)
class Protocol:
    """How a number was measured, stored beside the number.

    Attributes:
        color: Channels that were compared: "rgb", "y" (BT.601 studio range) or "gray".
        dataset_checksum: SHA-256 of the pictures measured on.
        damage: What was done to the clean pictures, in words, without its strength: clipped or not, how it was drawn.
        told: What a method was told of the damage, in words.
        crop_border: Pixels left out at each side.
        rounding: "8-bit" where the restored picture was clamped and rounded to 8 bits before scoring, "none"
            where it was scored as the method gave it.
        aggregation: How the pictures' scores became the set's.
        seed: The seed of the damage.
        tile: Side of the pieces that pictures were cut into, in pixels; None for whole pictures.
        data_range: The value of white.
    """

    color: Color
    dataset_checksum: str
    damage: str
    told: str = "nothing"
    crop_border: int = 0
    rounding: Rounding = "8-bit"
    aggregation: Literal["mean over pictures"] = "mean over pictures"
    seed: int = 0
    tile: int | None = None
    data_range: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a rounding that nobody defined."""
        if self.rounding not in ("8-bit", "none"):
            raise UsageError(f"rounding is {self.rounding!r}: choose '8-bit' or 'none'")

    def to_dict(self) -> dict[str, Any]:
        """Every field under its name, ready for JSON."""
        return asdict(self)

    def as_scored(self, restored: Picture) -> Picture:
        """The restored picture in the form that is compared: rounded to 8 bits, or as it is."""
        return restored if self.rounding == "none" else as_displayed(restored, data_range=self.data_range)

    def in_words(self) -> str:
        """One line for the foot of a table, without the checksum."""
        rounding = "clamped and rounded to 8 bits" if self.rounding == "8-bit" else "neither clamped nor rounded"
        tile = "whole pictures" if self.tile is None else f"tiles of {self.tile} pixels"
        channels = {"rgb": "RGB", "y": "Y (BT.601, studio range)", "gray": "gray"}[self.color]
        return (
            f"{channels}, white = {self.data_range:g}, border of {self.crop_border} px left out, restored {rounding} "
            f"before scoring; {self.aggregation}; damage: {self.damage}, seed {self.seed}; methods are told "
            f"{self.told}; {tile}"
        )
