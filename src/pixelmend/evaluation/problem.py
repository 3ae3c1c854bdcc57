"""What a method is asked: one damaged picture, what may be known of its damage, and how that is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pixelmend.errors import UnknownNameError

Pixels = npt.NDArray[np.float32]
Task = Literal["denoise", "super-resolve", "deblur", "dejpeg", "inpaint", "deconvolve", "photo"]
TASKS: tuple[Task, ...] = get_args(Task)


def to_task(name: str) -> Task:
    """The task of this name.

    Raises:
        UnknownNameError: There is none.
    """
    for task in TASKS:
        if task == name:
            return task
    raise UnknownNameError("task", name, TASKS)


@dataclass(frozen=True, eq=False)
class Problem:
    """One damaged picture, and what a method may know of its damage.

    Attributes:
        task: What is to be done.
        name: The picture's name, unique in its set.
        degraded: float32 (H, W, 3), or (H, W) for a gray picture, on the scale [0, 1], which noise may leave. Not to be
            changed.
        sigma: Level of white Gaussian noise on the 0–255 scale, known exactly; None where it is not told.
        scale: Height and width of what is wanted over those of ``degraded``.
        kernel: float32 (k, k), k odd, sums to 1: what the picture was convolved with; None where that is not told.
        missing: bool (H, W), true where pixels are lost (they are black); None where none are.
        seed: For methods that draw numbers, so that they draw the same ones again.
    """

    task: Task
    name: str
    degraded: Pixels
    sigma: float | None = None
    scale: int = 1
    kernel: Pixels | None = None
    missing: npt.NDArray[np.bool_] | None = None
    seed: int = 0

    @property
    def is_gray(self) -> bool:
        """Whether the picture is (H, W)."""
        return self.degraded.ndim == 2

    @property
    def wanted_shape(self) -> tuple[int, ...]:
        """The shape of what is wanted."""
        height, width, *channels = self.degraded.shape
        return (height * self.scale, width * self.scale, *channels)
