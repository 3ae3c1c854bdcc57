"""What can be measured: every method behind one interface, made by an explicit list of factories."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from pixelmend import catalog
from pixelmend.errors import MissingExtraError, ModelError, UnknownNameError, UsageError
from pixelmend.inference.engines import OnnxEngine
from pixelmend.inference.sizes import crop, pad, padded_length

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from pixelmend.inference.engines import Engine

Pixels = npt.NDArray[np.float32]
GRAY, RGB = frozenset({"gray"}), frozenset({"rgb"})


@dataclass(frozen=True)
class Setup:
    """What methods run on.

    Attributes:
        threads: Processor threads, 1 or more.
        device: "cpu", or another that ONNX Runtime and PyTorch both know by that name ("cuda").
    """

    threads: int
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse a number of threads that cannot be."""
        if self.threads < 1:
            raise UsageError(f"threads is {self.threads}: give 1 or more")


class Method(Protocol):
    """Something that restores pictures, and says what it is.

    Attributes:
        name: A key of ``METHODS``.
        label: How tables call it.
        parameters: Learned parameters; None where there are none.
        weights: SHA-256 of the weights file; "" where there is none.
        colors: Which pictures it takes: "rgb", "gray" or both.
    """

    name: str
    label: str
    parameters: int | None
    weights: str
    colors: frozenset[str]

    def restore(self, degraded: Pixels, sigma: float) -> Pixels:
        """Restore one whole picture.

        Args:
            degraded: Float32 (H, W, 3) or (H, W), on the scale [0, 1], which noise may leave. Not changed.
            sigma: The level of its noise on the 0–255 scale, known exactly.

        Returns:
            Float32 of the same shape and scale; neither clamped nor rounded.

        Raises:
            ModelError: The network failed on this picture.
        """


class Noisy:
    """The degraded picture itself: what a method has to be better than."""

    name = label = "noisy"
    parameters: int | None = None
    weights = ""
    colors = RGB | GRAY

    def restore(self, degraded: Pixels, sigma: float) -> Pixels:  # noqa: ARG002  (the level does not matter)
        """Give back the input; see ``Method.restore``."""
        return degraded


@dataclass(frozen=True)
class Needs:
    """What a network needs of its input: multiples and least length of its sides in pixels; conditions."""

    multiple_of: int
    minimum: int = 1
    noise_level: bool = True


def is_told_noise(name: str, scale: int, conditions: Sequence[str]) -> bool:
    """Whether a network is told the noise level.

    Raises:
        UsageError: It enlarges, or has to be told something else: that is not measured here.
    """
    if scale != 1 or not set(conditions) <= {"noise_level"}:
        raise UsageError(
            f"{name} enlarges by {scale} and is told {', '.join(conditions) or 'nothing'}: measure networks of scale 1 "
            "that are told a noise level or nothing"
        )
    return "noise_level" in conditions


class Pixelmend:
    """Our network, through any engine that runs it; whole pictures, never tiles.

    A gray picture goes through as RGB with three equal channels, whose results are averaged.
    """

    name = "pixelmend"
    colors = RGB | GRAY

    def __init__(self, engine: Engine, needs: Needs, *, parameters: int, weights: str) -> None:
        self.label = self.name
        self.parameters: int | None = parameters
        self.weights = weights
        self._engine = engine
        self._needs = needs

    def restore(self, degraded: Pixels, sigma: float) -> Pixels:
        """Restore one whole picture; see ``Method.restore``."""
        gray = degraded.ndim == 2
        pixels = np.repeat(degraded[..., np.newaxis], 3, axis=2) if gray else degraded
        height, width = pixels.shape[:2]
        needs = {"multiple_of": self._needs.multiple_of, "minimum": self._needs.minimum}
        padded = pad(pixels, padded_length(height, **needs), padded_length(width, **needs))
        batch = np.ascontiguousarray(padded.transpose(2, 0, 1)[np.newaxis])
        conditions = {}
        if self._needs.noise_level:
            conditions["noise_level"] = np.full((1, 1, *batch.shape[2:]), sigma / 255, np.float32)
        try:
            planes = self._engine.run(batch, conditions)[0]
        except MemoryError as error:
            raise ModelError(f"a whole picture of {height}×{width} does not fit into memory ({error})") from error
        restored = crop(planes.transpose(1, 2, 0), height, width)
        return restored.mean(axis=2, dtype=np.float32) if gray else restored


def _make_noisy(weights: str | None, setup: Setup) -> Method:  # noqa: ARG001  (one signature for all)
    if weights is not None:
        raise UsageError(f"noisy is the input itself and takes no weights, got {weights}")
    return Noisy()


def _make_pixelmend(weights: str | None, setup: Setup) -> Method:
    """The default model, a shipped one by name, an exported one (.onnx or its card), or a checkpoint."""
    if weights is not None and Path(weights).suffix == ".safetensors":
        engine, needs, parameters = _networks().hybrid_engine(Path(weights), setup)
        return Pixelmend(engine, needs, parameters=parameters, weights=checksum(Path(weights)))
    card = _card(weights)
    catalog.verify(card)
    needs = Needs(card.multiple_of, card.minimum, is_told_noise(card.name, card.scale, card.conditions))
    onnx_engine = OnnxEngine(card.path, device=setup.device, threads=setup.threads)
    return Pixelmend(onnx_engine, needs, parameters=card.parameters, weights=card.sha256)


def _card(weights: str | None) -> catalog.Card:
    if weights is None:
        return catalog.find("denoise")
    if weights in catalog.names():
        task, size = weights.rsplit("-", 1)
        return catalog.find(task, size)
    if Path(weights).suffix in (".onnx", ".json"):
        return catalog.load(Path(weights).with_suffix(".json"))
    raise UsageError(
        f"got {weights!r} as weights of pixelmend, wanted an .onnx file with its card beside it, "
        f"a .safetensors checkpoint, or one of: {', '.join(catalog.names())}"
    )


def _make_dncnn(weights: str | None, setup: Setup) -> Method:
    if weights is None:
        raise UsageError("dncnn comes without weights: name a file with --weights dncnn=FILE")
    method: Method = _networks().DnCNNMethod(Path(weights), setup, checksum(Path(weights)))
    return method


METHODS: dict[str, Callable[[str | None, Setup], Method]] = {
    "pixelmend": _make_pixelmend,
    "dncnn": _make_dncnn,
    "noisy": _make_noisy,
}


def make_methods(names: Sequence[str], weights: Sequence[tuple[str, str]], setup: Setup) -> tuple[Method, ...]:
    """Build the methods that were asked for.

    Args:
        names: Keys of ``METHODS``, in the order of the table.
        weights: Pairs of a method's name and a weights file or shipped model. A name may come several times,
            and is then measured with each, under a label that names the file.
        setup: What they run on.

    Raises:
        UnknownNameError: There is no such method.
        UsageError: Weights for a method that was not asked for, of the wrong kind, or missing.
        ModelError: A weights file is missing or broken.
        MissingExtraError: A method needs the learn half, which is not installed.
    """
    for name in names:
        if name not in METHODS:
            raise UnknownNameError("method", name, METHODS)
    for name, _ in weights:
        if name not in names:
            raise UsageError(f"got weights for {name}, which is not measured: the methods are {', '.join(names)}")
    several = Counter(name for name, _ in weights)
    methods = []
    for name in dict.fromkeys(names):
        files: list[str | None] = [file for owner, file in weights if owner == name]
        for given in files or [None]:
            method = METHODS[name](given, setup)
            if given is not None and several[name] > 1:
                method.label = f"{name} ({Path(given).stem})"
            methods.append(method)
    return tuple(methods)


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


def _networks() -> ModuleType:
    """The part that needs PyTorch, which measuring a shipped model does not."""
    try:
        return import_module("pixelmend.evaluation.networks")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch") from error
