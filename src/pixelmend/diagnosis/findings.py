"""What diagnosis tells of a picture: one finding for each thing that may be wrong, and what matters most."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelmend.diagnosis.light import Brightness


@dataclass(frozen=True)
class Noise:
    """Noise.

    Attributes:
        confidence: That there is noise to speak of, 0–1.
        sigma: Its standard deviation, 0–255 scale; of a picture without noise what looks like some.
        kind: "white" (each pixel on its own, as `denoise` knows it), or "camera" (grain, or noise that depends on
            light, or that went through a camera's processing).
    """

    confidence: float
    sigma: float
    kind: str


@dataclass(frozen=True)
class Compression:
    """JPEG.

    Attributes:
        confidence: That compression shows, 0–1.
        quality: 1–100; None where no JPEG was found, or none of a quality that can be told.
        source: "file" (its own tables), "pixels", or "" where there is none.
    """

    confidence: float
    quality: int | None
    source: str


@dataclass(frozen=True)
class Blur:
    """Blur.

    Attributes:
        confidence: That all of the picture or a part of it is blurred, 0–1.
        extent: How far it reaches, pixels; None where there is none.
        kind: "motion" or "focus".
    """

    confidence: float
    extent: float | None
    kind: str


@dataclass(frozen=True)
class Resolution:
    """Resolution.

    Attributes:
        confidence: That the picture was enlarged from a smaller one, 0–1.
        factor: By how much; 1 where it was not.
        small: Whether the picture as it is has few pixels.
    """

    confidence: float
    factor: float
    small: bool


@dataclass(frozen=True)
class Darkness:
    """Too little light.

    Attributes:
        confidence: That the picture is darker than it should be, 0–1.
        brightness: Measured, 0–1.
    """

    confidence: float
    brightness: Brightness


@dataclass(frozen=True)
class Lost:
    """Pixels that are black or white where those around them are not.

    Attributes:
        confidence: 0–1.
        share: Of all pixels, 0–1.
    """

    confidence: float
    share: float


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a picture.

    Attributes:
        width, height, channels: Of the picture, as stored.
        format: What it came as ("jpeg", "png", "array", ...).
        main: What matters most: "nothing", "noise", "camera noise", "jpeg", "blur", "enlarged", "several" (blur, noise
            and compression together, as in pictures that went round), "dark" or "lost pixels".
        confidence: In ``main``, 0–1.
        noise, jpeg, blur, resolution, darkness, lost: Each on its own.
        judged: False where the picture is too small (below 32 pixels on a side) to tell more than brightness and the
            tables of its file.
    """

    width: int
    height: int
    channels: int
    format: str
    main: str
    confidence: float
    noise: Noise
    jpeg: Compression
    blur: Blur
    resolution: Resolution
    darkness: Darkness
    lost: Lost
    judged: bool

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON, numbers rounded to what they are worth."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value
