"""Plug-and-play restoration (Zhang et al. 2021): what is known of the damage, and our denoiser for all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pixelmend.errors import UsageError
from pixelmend.evaluation.method import ANY_SCALE, Method
from pixelmend.evaluation.methods.denoiser import deepinv, keep_what_is_known, observe, our_denoiser

if TYPE_CHECKING:
    from pixelmend.evaluation.method import Setup
    from pixelmend.evaluation.problem import Pixels, Problem, Task

_WEIGHT = 0.23
"""Of the prior against the data, lambda of Zhang et al. 2021, and theirs.

Tried for deconvolution: 0.12 (6 dB worse on 5 crops), 0.18, 0.3 and 0.4 (0.0, 0.3 and 0.7 dB worse).
"""


@dataclass(frozen=True)
class Schedule:
    """How the level that the denoiser is told falls, geometrically; levels on the 0–255 scale.

    Attributes:
        iterations: Of a data step and the denoiser.
        first: The first level.
        last: The last, as a multiple of the scale; the noise in the picture where that is higher.
        least_noise: What the data step takes the noise to be where there is less.
    """

    iterations: int
    first: float
    last: float
    least_noise: float


# Chosen on 5 crops of 128 px of the validation pictures, by mean PSNR; what was tried beside it, in dB:
_SCHEDULES: dict[Task, Schedule] = {
    # Camera shake of 10 to 22 px, noise of 2.55, 33.5: 16 iterations +0.1 at twice the time; from 30 -0.1, from 75 0.0.
    "deconvolve": Schedule(8, 49, 1, 1),
    # ×2 37.24, ×4 32.88: 8 iterations -0.1. Of 8: least noise 1 -0.2 and -0.1, 2 -0.6 and -0.3.
    "super-resolve": Schedule(24, 49, 1, 0.255),
    # Half of the pixels missing, 24 iterations: from 49 37.95, from 15 38.05; this lies between, with larger holes in
    # mind. Of 16: from 25 37.9, from 49 37.7, from 75 37.5; from 49 down to 3 37.5, to 0.3 37.4.
    "inpaint": Schedule(24, 25, 1, 1),
}


class PlugAndPlay(Method):
    """Half-quadratic splitting by deepinv: in turn, a step towards the data and our denoiser, told less and less noise.

    Zhang, Li, Zuo, Zhang, Van Gool and Timofte 2021, "Plug-and-Play Image Restoration with Deep Denoiser Prior",
    without turning and flipping the picture between iterations.

    Args:
        setup: What it runs on.
        iterations: How many; None for what was chosen for each task.

    Raises:
        UsageError: Less than one iteration.
        ModelError: The denoiser is damaged.
        MissingExtraError: deepinv is not installed.
    """

    name = "plug-and-play"
    label = "plug-and-play (DPIR, our denoiser)"
    tasks = frozenset(_SCHEDULES)
    scales = ANY_SCALE

    def __init__(self, setup: Setup, iterations: int | None = None) -> None:
        if iterations is not None and iterations < 1:
            raise UsageError(f"got {iterations} iterations of plug-and-play: give 1 or more")
        self._optim = deepinv().optim
        self._denoiser = our_denoiser(setup)
        self._setup, self._iterations = setup, iterations
        self.parameters = self._denoiser.card.parameters
        self.weights = self._denoiser.card.sha256

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``."""
        torch.set_num_threads(self._setup.threads)
        schedule = _SCHEDULES[problem.task]
        iterations = self._iterations or schedule.iterations
        observed = observe(problem, self._setup.device)
        last = max(schedule.last * problem.scale / 255, observed.sigma01)
        levels = np.geomspace(max(schedule.first / 255, last), last, iterations, dtype=np.float32)
        # The minimum of |y - A x|² / (2 noise²) + weight |x - z|² / (2 level²): equation 6a of the paper.
        steps = (levels / max(observed.sigma01, schedule.least_noise / 255)) ** 2 / _WEIGHT
        splitting = self._optim.HQS(
            data_fidelity=self._optim.L2(),
            prior=self._optim.PnP(denoiser=self._denoiser),
            params_algo={
                "stepsize": torch.tensor(steps, device=self._setup.device),
                "g_param": torch.tensor(levels, device=self._setup.device),
            },
            max_iter=iterations,
        )
        with torch.no_grad():
            restored = splitting(observed.y, observed.physics, init=observed.start)
        return keep_what_is_known(observed.pixels(restored), problem)
