"""What is told of a picture that was restored: what was found, what was done, with what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
        strength: The share of the change that was taken, 0 to 1.
        keep_grain: The share of the fine grain that was put back, 0 to 1.
        anchored: The greatest shift of colour that was taken back anywhere, in levels of 255; None where colours were
            not held.
        region: (left, top, width, height) of what was restored, in pixels of the input as it is shown; None is all of
            it.
        tile: (height, width) of the pieces, in the picture that came in.
        tiles: How many pieces.
        engine: What ran the model: "ONNX Runtime". Another gives a result whose last bits may differ.
        device: On which chip: "cpu".
        precision: What it computed in: "float32", "bfloat16" or "int8".
        seconds: From the first pixel read to the last one restored.
        notes: What could not be kept or done as asked, one sentence each.
        advice: Why this was done, where it was not the user who said what to do (`--task auto`); else "".
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
    strength: float
    keep_grain: float
    anchored: float | None
    region: tuple[int, int, int, int] | None
    tile: tuple[int, int]
    tiles: int
    engine: str
    device: str
    precision: str
    seconds: float
    notes: tuple[str, ...]
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Every field under its name, ready for JSON."""
        return asdict(self)
