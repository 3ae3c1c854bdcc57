"""Our network as a method: a model that ships, an exported one, or a checkpoint, through any engine that runs it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelmend import catalog
from pixelmend.diagnosis.noise import estimate_sigma
from pixelmend.errors import ModelError, UsageError
from pixelmend.evaluation.method import Method, as_color
from pixelmend.evaluation.problem import Problem, to_task
from pixelmend.inference.engines import OnnxEngine
from pixelmend.inference.sizes import crop, pad, padded_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelmend.evaluation.method import Setup
    from pixelmend.evaluation.problem import Pixels, Task
    from pixelmend.inference.engines import Engine


@dataclass(frozen=True)
class Shape:
    """What goes into a network and what comes out.

    Attributes:
        multiple_of: Height and width of what goes in are multiples of this, pixels.
        minimum: And at least this.
        scale: Height and width of the result over those of what goes in.
        conditions: Names of the maps beside the picture, in order.
        macs_per_pixel: Multiplications with an addition each, for each pixel that goes in; 0 where not known.
        square: Whether height and width must be equal.
    """

    multiple_of: int
    minimum: int = 1
    scale: int = 1
    conditions: tuple[str, ...] = ("noise_level",)
    macs_per_pixel: float = 0.0
    square: bool = False

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """What a picture of this size is padded to."""
        needs = {"multiple_of": self.multiple_of, "minimum": self.minimum}
        if self.square:
            height = width = max(height, width)
        return padded_length(height, **needs), padded_length(width, **needs)

    def macs(self, problem: Problem) -> int | None:
        """For the whole of a picture, padding included."""
        height, width = self.padded(*problem.degraded.shape[:2])
        return round(self.macs_per_pixel * height * width) or None


def tasks_of(task: str) -> frozenset[Task]:
    """What a network that learnt a task is asked to do: a denoiser also gets noise whose level nobody told."""
    return frozenset({to_task("denoise"), to_task("photo")}) if task == "denoise" else frozenset({to_task(task)})


def condition_maps(names: Sequence[str], problem: Problem, height: int, width: int) -> dict[str, Pixels]:
    """What a network is told of a picture beside it, each (1, 1, height, width).

    A noise level that the problem does not tell is estimated from the picture, as ``restore`` does.
    """
    maps: dict[str, Pixels] = {}
    if "noise_level" in names:
        sigma = estimate_sigma(problem.degraded) if problem.sigma is None else problem.sigma
        maps["noise_level"] = np.full((1, 1, height, width), sigma / 255, np.float32)
    if "mask" in names:
        if problem.missing is None:
            maps["mask"] = np.zeros((1, 1, height, width), np.float32)
        else:
            lost = problem.missing.astype(np.float32)[..., np.newaxis]
            maps["mask"] = pad(lost, height, width)[np.newaxis, ..., 0][np.newaxis]
    return maps


class Pixelmend(Method):
    """Our network for one task; whole pictures, never tiles.

    A gray picture goes through as RGB with three equal channels, whose results are averaged.

    Args:
        engine: What runs it.
        shape: What it needs.
        task: What it learnt, as its card or recipe says.
        parameters: How many numbers were learnt.
        weights: SHA-256 of its file.
    """

    name = "pixelmend"

    def __init__(self, engine: Engine, shape: Shape, *, task: str, parameters: int, weights: str) -> None:
        self.label = self.name
        self.tasks = tasks_of(task)
        self.scales = frozenset({shape.scale})
        self.parameters = parameters
        self.weights = weights
        self._engine, self._shape = engine, shape

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``. Where pixels are missing, all others stay as they are."""
        height, width = self._shape.padded(*problem.degraded.shape[:2])
        conditions = condition_maps(self._shape.conditions, problem, height, width)

        def run(pixels: Pixels) -> Pixels:
            batch = np.ascontiguousarray(pad(pixels, height, width).transpose(2, 0, 1)[np.newaxis])
            try:
                planes = self._engine.run(batch, conditions)[0]
            except MemoryError as error:
                size = f"{pixels.shape[0]}×{pixels.shape[1]}"
                raise ModelError(f"a whole picture of {size} does not fit into memory ({error})") from error
            return crop(planes.transpose(1, 2, 0), *problem.wanted_shape[:2])

        restored = as_color(run, problem.degraded)
        if problem.missing is None:
            return restored
        missing = problem.missing if problem.is_gray else problem.missing[..., np.newaxis]
        return np.where(missing, restored, problem.degraded)

    def count_macs(self, problem: Problem) -> int | None:
        """See ``Method.count_macs``."""
        return self._shape.macs(problem)


def from_card(card: catalog.Card, setup: Setup, precision: str = "auto") -> Pixelmend:
    """A model in an ONNX file, as its card describes it, computed in a precision of `OnnxEngine`.

    Raises:
        ModelError: The file is damaged or is not the card's.
        UsageError: It takes pictures of one size only.
    """
    if card.fixed:
        size = f"{card.fixed[0]}×{card.fixed[1]}"
        raise UsageError(f"{card.name} takes {size} only, and whole pictures are measured: name what it was made from")
    catalog.verify(card)
    shape = Shape(card.multiple_of, card.minimum, card.scale, card.conditions, card.macs_per_pixel)
    engine = OnnxEngine(card.path, device=setup.device, threads=setup.threads, precision=precision)
    return Pixelmend(engine, shape, task=card.task, parameters=card.parameters, weights=card.sha256)


def shipped(setup: Setup) -> tuple[Pixelmend, ...]:
    """The faithful small model of every task and scale that ships, each for its own task.

    A denoiser is asked about real noise only where no model learnt that. All other weights are measured where they are
    named.
    """
    cards = [catalog.by_name(name) for name in catalog.names()]
    usual = [card for card in cards if (card.size, card.variant) == ("small", "faithful")]
    learnt = {card.task for card in usual}
    methods = []
    for card in usual:
        method = from_card(card, setup)
        method.tasks = frozenset(task for task in method.tasks if task == card.task or task not in learnt)
        methods.append(method)
    return tuple(methods)


def find_card(weights: str) -> catalog.Card:
    """The card that ``--weights pixelmend=…`` names.

    Raises:
        UsageError: It is neither a model that ships nor an exported one.
        ModelError: The card beside it is missing, broken, or that of another file.
    """
    if weights in catalog.names():
        return catalog.by_name(weights)
    if Path(weights).suffix in (".onnx", ".json"):
        return catalog.beside(weights)
    raise UsageError(
        f"got {weights!r} as weights of pixelmend, wanted an .onnx file with its card beside it, "
        f"a .safetensors checkpoint, or one of: {', '.join(catalog.names())}"
    )


def checksum(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path} ({error.strerror}): name a weights file") from error
