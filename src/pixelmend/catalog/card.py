"""What is known of a set of weights: its needs, where it comes from, and what it scored.

A card is stored as JSON beside its ONNX file and read strictly: a key too many, a key too few or a value of
another type is an error, so that a typo in a card is never a silent default. Only what cards of earlier versions did
not have may be absent; it has a default below.
"""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pixelmend.errors import ModelError

CONDITIONS = ("noise_level", "mask")
"""What a network may be told beside the picture."""
VARIANTS = ("faithful", "perceptual", "real", "pruned")
"""What a task may have weights for."""
STORAGES = ("float32", "float16", "int8")
"""How weights may lie in the ONNX file, whatever they are computed with in."""
PRECISIONS = ("float32", "int8")
"""What the convolutions of a file may compute in."""
_DOC = "see the fields of pixelmend.catalog.Card"


@dataclass(frozen=True)
class Source:
    """A collection of pictures that the weights were learned from.

    Attributes:
        name: What it is called.
        pictures: How many pictures of it were used.
        licence: What they may be used under.
    """

    name: str
    pictures: int
    licence: str


@dataclass(frozen=True)
class Training:
    """How the weights were learned.

    Attributes:
        data: The collections.
        mpx: Megapixels of damaged crops seen.
        minutes: Duration.
        device: The chip.
        recipe: The recipe's path in the repository, or its text.
        features: The pretrained features that pictures were compared by, in words; "" where there were none.
    """

    data: tuple[Source, ...]
    mpx: float
    minutes: float
    device: str
    recipe: str
    features: str = ""


@dataclass(frozen=True)
class Score:
    """One measured number pair.

    Attributes:
        dataset: The set measured on.
        case: The damage and its strength, as tables call it: "σ 25".
        psnr: dB.
        ssim: 0 to 1.
        protocol: The conditions, as `pixelmend.metrics` writes them.
    """

    dataset: str
    case: str
    psnr: float
    ssim: float
    protocol: dict[str, Any]


@dataclass(frozen=True)
class Card:
    """A set of weights that can be run.

    Attributes:
        name: Task and size, "denoise-small".
        task: What it does, "denoise".
        size: "nano", "small" or "base".
        file: Name of the ONNX file in the card's own folder.
        sha256: Of that file, 64 hexadecimal digits.
        parameters: How many numbers were learned.
        scale: Output size over input size; 1 for denoising.
        conditions: Inputs beside the picture, of (N, 1, H, W): "noise_level" is sigma / 255, "mask" is 1 where
            pixels are lost.
        multiple_of: Height and width must be multiples of this, in pixels.
        minimum: Height and width must be at least this, in pixels.
        tile: Side of the pieces that large pictures are cut into, in pixels.
        overlap: How far neighbouring pieces overlap, in pixels.
        sigma_range: Lowest and highest noise level learned, 0-255 scale; all of it where no level is told.
        licence: What the weights may be used under.
        training: How they were learned.
        scores: What they scored.
        macs_per_pixel: Multiplications with an addition each, for each pixel that goes in; 0 where not counted.
        variant: Which of a task's weights: "faithful" (as near to the truth as can be), "perceptual" (what looks real)
            "real" (for pictures as they are found, not made by one known damage) or "pruned" (faithful ones, smaller).
        storage: How the weights lie in the file: "float32", "float16" or "int8".
        precision: What the file computes in: "float32" whatever the storage; or "int8", where it quantizes what flows
            between its convolutions (which it also names the scales of, so that it can be run in float32 too).
        fixed: (height, width) of the only pieces that the file takes, one at a time, in pixels; empty where any size
            goes.
        folder: Where the card lies; not part of the JSON.
    """

    name: str
    task: str
    size: str
    file: str
    sha256: str
    parameters: int
    scale: int
    conditions: tuple[str, ...]
    multiple_of: int
    minimum: int
    tile: int
    overlap: int
    sigma_range: tuple[float, float]
    licence: str
    training: Training
    scores: tuple[Score, ...]
    macs_per_pixel: float = 0.0
    variant: str = "faithful"
    storage: str = "float32"
    precision: str = "float32"
    fixed: tuple[int, ...] = ()
    folder: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        """Refuse what could not be run.

        Raises:
            ModelError: A size that fits no tiling, a range upside down, a file outside the folder.
        """
        low, high = self.sigma_range
        faults = {
            "multiple_of, minimum, scale and parameters must be at least 1": min(
                self.multiple_of, self.minimum, self.scale, self.parameters
            )
            >= 1,
            "overlap must be at least 0 and less than tile": 0 <= self.overlap < self.tile,
            "tile and overlap must be multiples of multiple_of": self.multiple_of >= 1
            and self.tile % self.multiple_of == self.overlap % self.multiple_of == 0,
            "tile must be at least minimum": self.tile >= self.minimum,
            "fixed must be empty, or a height and a width that fit multiple_of, minimum and overlap": not self.fixed
            or (len(self.fixed) == 2 and all(self._takes(side) for side in self.fixed)),
            "sigma_range must rise, inside 0 to 255": 0 <= low < high <= 255,
            f"conditions may hold only {' and '.join(CONDITIONS)}": set(self.conditions) <= set(CONDITIONS),
            f"variant must be one of {', '.join(VARIANTS)}": self.variant in VARIANTS,
            f"storage must be one of {', '.join(STORAGES)}": self.storage in STORAGES,
            f"precision must be one of {', '.join(PRECISIONS)}": self.precision in PRECISIONS,
            "file must be the bare name of an .onnx file": Path(self.file).name == self.file
            and self.file.endswith(".onnx"),
            "sha256 must be 64 lower-case hexadecimal digits": len(self.sha256) == 64
            and set(self.sha256) <= set("0123456789abcdef"),
        }
        for rule, kept in faults.items():
            if not kept:
                raise ModelError(f"the card {self.name!r} is not valid: {rule}")

    def _takes(self, side: int) -> bool:
        return side % self.multiple_of == 0 and side > self.overlap and side >= self.minimum

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.folder / self.file

    def to_json(self) -> str:
        """The card as indented JSON with a final newline."""
        values = asdict(self)
        del values["folder"]
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, folder: Path = Path()) -> Card:
        """Read a card.

        Args:
            text: What `to_json` wrote.
            folder: Where the ONNX file lies.

        Raises:
            ModelError: Not JSON, a key too many or too few, a value of the wrong type, or sizes that do not
                fit.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelError(f"a model's card is not JSON: {error}") from None
        got = _checked(values, cls, "the card")
        training = _checked(got["training"], Training, "the card's training")
        sources = [Source(**_checked(each, Source, "the card's training.data")) for each in training["data"]]
        scores = [Score(**_checked(each, Score, "the card's scores")) for each in got["scores"]]
        got["training"] = Training(**{**training, "data": tuple(sources)})
        got["scores"] = tuple(scores)
        got["conditions"] = tuple(_items(got["conditions"], str, "the card's conditions"))
        got["fixed"] = tuple(_items(got["fixed"], int, "the card's fixed"))
        low_high = _items(got["sigma_range"], float, "the card's sigma_range")
        if len(low_high) != 2:
            raise ModelError(f"the card's sigma_range holds {len(low_high)} numbers, wanted 2 (lowest, highest)")
        got["sigma_range"] = (low_high[0], low_high[1])
        return cls(**got, folder=folder)


# What each annotation of the dataclasses above is in JSON.
_JSON_TYPES: dict[str, type] = {
    "str": str,
    "int": int,
    "float": float,
    "Training": dict,
    "dict[str, Any]": dict,
}


def _checked(values: object, kind: type[Any], where: str) -> dict[str, Any]:
    """The values of one JSON object, with exactly the keys and types of a dataclass; one with a default may lack."""
    if not isinstance(values, dict):
        raise ModelError(f"{where} is {type(values).__name__}, wanted an object ({_DOC})")
    wanted = {each.name: str(each.type) for each in fields(kind) if each.name != "folder"}
    usual = {each.name: each.default for each in fields(kind) if each.default is not MISSING and each.name in wanted}
    usual = {name: list(value) if isinstance(value, tuple) else value for name, value in usual.items()}  # as in JSON
    if unknown := sorted(set(values) - set(wanted)):
        raise ModelError(f"{where} has unknown keys: {', '.join(unknown)} ({_DOC})")
    if missing := sorted(set(wanted) - set(values) - set(usual)):
        raise ModelError(f"{where} lacks keys: {', '.join(missing)} ({_DOC})")
    values = {**usual, **values}
    return {key: _typed(values[key], _JSON_TYPES.get(wanted[key], list), f"{where}: {key}") for key in wanted}


def _typed(value: object, kind: type, where: str) -> Any:
    # bool is an int to Python, and JSON writes 25.0 as 25 in some programs
    good = type(value) in {int, float} if kind is float else type(value) is kind
    if not good or (isinstance(value, float) and not math.isfinite(value)):
        raise ModelError(f"{where} is {value!r}, wanted {kind.__name__} ({_DOC})")
    return kind(value)


def _items(values: list[Any], kind: type, where: str) -> list[Any]:
    return [_typed(each, kind, where) for each in values]
