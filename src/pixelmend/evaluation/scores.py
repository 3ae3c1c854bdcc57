"""The scores of one restored picture: nearness, time and memory."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pixelmend.errors import DataError, ModelError
from pixelmend.metrics import psnr, ssim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pixelmend.evaluation.memory import PeakMemory
    from pixelmend.evaluation.method import Method
    from pixelmend.evaluation.problem import Pixels, Problem
    from pixelmend.metrics import Protocol as Conditions

_EQUAL = 120.0  # dB; a step of 8 bits in one value of a hundred million is less: only rounding of floats is more
LEAST_SIDE = 32
"""Pixels at the shorter side, below which the learned distances are left out."""


class Distance(Protocol):
    """A learned distance, such as LPIPS: lower is nearer."""

    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        """The distance of each pair of (N, 3, H, W) on the scale [0, 1]."""


@dataclass(frozen=True)
class PictureScore:
    """The scores of one picture.

    Attributes:
        psnr: dB.
        ssim: At most 1; None where the picture is smaller than its window.
        lpips: LPIPS (AlexNet, 0.1); None where it was not measured.
        dists: DISTS; None where it was not measured.
        seconds: That restoring took.
        memory_mb: Memory of the process at its peak beyond what was in use before, megabytes; None where not known.
        gmacs: 10⁹ multiplications with an addition each; None for what is not a network.
        side: Pixels of the shorter side inside the border: below ``LEAST_SIDE`` there are no learned distances.
    """

    psnr: float
    ssim: float | None
    seconds: float
    lpips: float | None = None
    dists: float | None = None
    memory_mb: float | None = None
    gmacs: float | None = None
    side: int | None = None

    def to_dict(self) -> dict[str, float]:
        """What was measured, rounded to six digits after the point."""
        return {name: round(value, 6) for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, stored: Mapping[str, float]) -> PictureScore:
        """The inverse of ``to_dict``.

        Raises:
            TypeError: A key is not known, or one is missing.
        """
        known: dict[str, Any] = {"ssim": None, **stored}
        return cls(**known)


_FAILURES = (ArithmeticError, IndexError, MemoryError, RuntimeError, TypeError, ValueError)


def restore(method: Method, problem: Problem, memory: PeakMemory) -> tuple[Pixels, dict[str, Any]]:
    """Let a method restore, and what that cost: ``seconds``, ``memory_mb``, ``gmacs``.

    Raises:
        ModelError: It failed, or gave what is no picture of the wanted size.
    """
    results: list[Pixels] = []
    seconds = 0.0

    def run() -> None:
        nonlocal seconds
        start = time.perf_counter()
        results.append(method.restore(problem))
        seconds = time.perf_counter() - start

    try:
        peak = memory.of(run)
    except _FAILURES as error:  # of libraries, which fail in any way on pictures that they were not made for
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{method.label} failed on {problem.name} ({reason})") from error
    restored = results[0]
    if restored.shape != problem.wanted_shape:
        raise ModelError(f"{method.label} gave {restored.shape}, wanted {problem.wanted_shape}")
    if not np.isfinite(restored).all():
        raise ModelError(f"{method.label} gave values that are not finite")
    macs = method.count_macs(problem)
    return restored, {"seconds": seconds, "memory_mb": peak, "gmacs": None if macs is None else macs / 1e9}


def score(
    restored: Pixels, clean: Pixels, conditions: Conditions, distances: Mapping[str, Distance], cost: Mapping[str, Any]
) -> PictureScore:
    """Compare a restored picture with the clean one.

    Args:
        restored: (H, W, 3) or (H, W).
        clean: The same shape.
        conditions: How to compare.
        distances: Learned distances by name, "lpips" or "dists"; measured on RGB, whole pictures inside the border.
        cost: From ``restore``.

    Raises:
        DataError: Nothing is left inside the border, or the two are equal: then PSNR is infinite and tells nothing.
    """
    scored = conditions.as_scored(restored)
    how: dict[str, Any] = {"data_range": conditions.data_range, "crop_border": conditions.crop_border}
    decibels = psnr(scored, clean, color=conditions.color, **how)
    if decibels > _EQUAL:
        raise DataError("restored to the very pixels of the clean picture: its PSNR is infinite")
    border = conditions.crop_border
    least = min(clean.shape[:2]) - 2 * border
    similarity = ssim(scored, clean, color=conditions.color, **how) if least >= 11 else None
    found = {name: _distance(each, scored, clean, border) for name, each in distances.items() if least >= LEAST_SIDE}
    exact = PictureScore(psnr=decibels, ssim=similarity, side=least, **found, **cost)
    return PictureScore.from_dict(exact.to_dict())  # as it is stored, so that a second run says the same


def _distance(distance: Distance, restored: Any, clean: Pixels, border: int) -> float:
    import torch

    def tensor(pixels: Any) -> Tensor:
        inner = pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border]
        planes = np.repeat(inner[np.newaxis], 3, axis=0) if inner.ndim == 2 else inner.transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))[None]

    return float(distance(tensor(restored), tensor(clean))[0])
