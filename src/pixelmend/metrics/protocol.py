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
        crop_border: Pixels left out at each side.
        rounding: "8-bit" where the restored picture was clamped and rounded to 8 bits before scoring, "none"
            where it was scored as the method gave it.
        aggregation: How the pictures' scores became the set's.
        noise: How the noise was drawn.
        noise_clipping: What was done to degraded values outside [0, 1].
        seed: The seed of the noise.
        tile: Side of the pieces that pictures were cut into, in pixels; None for whole pictures.
        data_range: The value of white.
    """

    color: Color
    dataset_checksum: str
    crop_border: int = 0
    rounding: Rounding = "8-bit"
    aggregation: Literal["mean over pictures"] = "mean over pictures"
    noise: str = "gaussian, PCG64 seeded by SHA-256 of seed/name"
    noise_clipping: Literal["none"] = "none"
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
        clipping = "not clipped" if self.noise_clipping == "none" else self.noise_clipping
        tile = "whole pictures" if self.tile is None else f"tiles of {self.tile} pixels"
        return (
            f"{self.color} PSNR and SSIM with white = {self.data_range:g}, border {self.crop_border} px, "
            f"restored {rounding} before scoring; {self.aggregation}; "
            f"noise: {self.noise}, seed {self.seed}, float, {clipping}; {tile}"
        )
