"""What tests of methods through deepinv share: a small clean picture, and that restoring does nothing beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from pixelmend.degradations.resample import resize
from pixelmend.evaluation.method import Setup
from pixelmend.images import read_float

if TYPE_CHECKING:
    import pytest

    from pixelmend.evaluation.method import Method
    from pixelmend.evaluation.problem import Problem

Pixels = npt.NDArray[np.float32]
LIGHTHOUSE = Path(__file__).parents[3] / "examples" / "lighthouse_noisy.png"
SETUP = Setup(threads=1)


def resized(pixels: Pixels, height: int, width: int, method: str = "bicubic") -> Pixels:
    """(H, W, 3) in another size."""
    result: Pixels = resize(torch.tensor(pixels.transpose(2, 0, 1)), height, width, method=method).numpy()
    return np.ascontiguousarray(result.transpose(1, 2, 0))


def lighthouse(side: int) -> Pixels:
    """A part of the lighthouse, side×side×3, its noise taken away by making it smaller."""
    return resized(read_float(LIGHTHOUSE, color="rgb"), 125, 125, "area")[20 : 20 + side, 30 : 30 + side].copy()


def psnr(restored: Pixels, clean: Pixels) -> float:
    """Of any two arrays of one shape, neither clamped nor rounded, dB."""
    return float(-10 * np.log10(np.mean((restored - clean) ** 2)))


def checked(method: Method, problem: Problem, capsys: pytest.CaptureFixture[str]) -> Pixels:
    """Restore twice, and see that only the result comes of it."""
    before, state = problem.degraded.copy(), torch.random.get_rng_state()
    restored = method.restore(problem)
    assert restored.shape == problem.wanted_shape
    assert restored.dtype == np.float32
    assert np.array_equal(restored, method.restore(problem))
    assert np.array_equal(problem.degraded, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert capsys.readouterr() == ("", "")
    return restored
