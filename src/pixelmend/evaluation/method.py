"""What every method has in common: it is named, says what it takes and what it costs, and restores a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.errors import UsageError
from pixelmend.inference.engines import devices

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.evaluation.problem import Pixels, Problem, Task

GRAY, RGB = frozenset({"gray"}), frozenset({"rgb"})
ANY_SCALE = frozenset({1, 2, 3, 4})


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
        """Refuse a number of threads that cannot be, and a device that is not there."""
        if self.threads < 1:
            raise UsageError(f"threads is {self.threads}: give 1 or more")
        if self.device != "cpu" and self.device not in devices() and not _torch_has(self.device):
            raise UsageError(f"device {self.device!r} is not available here: choose one of: {', '.join(devices())}")


def _torch_has(device: str) -> bool:
    """Whether PyTorch is installed and can use a device of that name."""
    try:
        torch = import_module("torch")
        torch.zeros(1, device=device).item()
    except (ModuleNotFoundError, RuntimeError, AssertionError):  # the last where it was built without CUDA
        return False
    return True


class Method(ABC):
    """Something that restores pictures.

    Attributes:
        name: A key of ``METHODS``.
        label: How tables call it; tells two weights of one method apart.
        tasks: What it can do.
        colors: Which pictures it takes: "rgb", "gray" or both.
        scales: What it can enlarge by.
        parameters: Learned parameters; None where there are none.
        weights: SHA-256 of the weights file; "" where there is none.
        note: What a reader of its numbers must know, such as how briefly it was trained; "" for nothing.
    """

    name: str
    label: str
    tasks: frozenset[Task]
    colors: frozenset[str] = RGB | GRAY
    scales: frozenset[int] = frozenset({1})
    parameters: int | None = None
    weights: str = ""
    note: str = ""

    @abstractmethod
    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture.

        Returns:
            Float32 of ``problem.wanted_shape`` on the scale [0, 1]; neither clamped nor rounded.

        Raises:
            ModelError: The method failed on this picture.
        """

    def count_macs(self, problem: Problem) -> int | None:  # noqa: ARG002  (most have no such number)
        """Multiplications with an addition each that a network does for this picture; None where that is not known."""
        return None


def by_channel(restore: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    """Apply what takes gray pictures (H, W) to each channel of (H, W, 3), or to a gray one as it is."""
    if pixels.ndim == 2:
        return restore(pixels)
    return np.stack([restore(np.ascontiguousarray(pixels[..., c])) for c in range(pixels.shape[2])], axis=2)


def as_color(restore: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    """Apply what takes RGB pictures (H, W, 3) to a gray one too: three equal channels, the results averaged."""
    if pixels.ndim == 3:
        return restore(pixels)
    restored: Pixels = restore(np.repeat(pixels[..., np.newaxis], 3, axis=2)).mean(axis=2, dtype=np.float32)
    return restored
