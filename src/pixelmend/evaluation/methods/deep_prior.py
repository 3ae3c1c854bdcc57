"""Deep image prior (Ulyanov et al. 2018): a network that has learnt nothing is fitted to the one damaged picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from pixelmend.errors import UsageError
from pixelmend.evaluation.method import ANY_SCALE, Method
from pixelmend.evaluation.methods.denoiser import deepinv, keep_what_is_known, observe

if TYPE_CHECKING:
    from pixelmend.evaluation.method import Setup
    from pixelmend.evaluation.problem import Pixels, Problem, Task

_ITERATIONS = 200
"""On validation crops of 128 px with noise of sigma 25 and 50, PSNR still rises from 200 to 300 iterations (by 0.6 to
1.7 dB): it is time that stops this method, long before it would draw the noise."""
_CHANNELS, _LAYERS, _RATE = 32, 5, 2e-2
"""The decoder's width and depth, and Adam's step. After 200 iterations with half of the pixels missing, a smooth and a
textured crop had 33.8 and 24.3 dB; 6 layers at 1e-2 or 3e-2 31.3 and 24.2, 24 channels at 3e-2 31.0 and 24.2.
"""
_TASKS: tuple[Task, ...] = ("denoise", "inpaint", "super-resolve", "deconvolve")


class DeepImagePrior(Method):
    """A small convolutional decoder, fitted from random weights and stopped before it draws the damage too.

    Ulyanov, Vedaldi and Lempitsky 2018, "Deep Image Prior", with the ConvDecoder of Darestani and Heckel 2021, by
    deepinv. A colour picture of 256×256 takes about a minute on one core. That bounds the iterations and the network:
    the paper's are thousands of a larger one, and its scores are higher.

    Args:
        setup: What it runs on.
        iterations: How often the network is fitted.

    Raises:
        UsageError: Less than one iteration.
        MissingExtraError: deepinv is not installed.
    """

    name = "deep-image-prior"
    label = "deep image prior"
    tasks = frozenset(_TASKS)
    scales = ANY_SCALE

    def __init__(self, setup: Setup, iterations: int = _ITERATIONS) -> None:
        if iterations < 1:
            raise UsageError(f"got {iterations} iterations of the deep image prior: give 1 or more")
        self._models = deepinv().models
        self._setup, self._iterations = setup, iterations
        self.note = f"{iterations} iterations of a decoder of {_CHANNELS} channels, fewer than the paper's thousands"

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``."""
        torch.set_num_threads(self._setup.threads)
        observed = observe(problem, self._setup.device)
        wanted = tuple(observed.start.shape[1:])
        # Each of the layers doubles the sides, but for the first and the last.
        small = tuple(math.ceil(side / 2 ** (_LAYERS - 1)) for side in wanted[1:])
        with torch.random.fork_rng():
            torch.manual_seed(problem.seed)
            network = self._models.ConvDecoder(wanted, in_size=small, layers=_LAYERS, channels=_CHANNELS)
            prior = self._models.DeepImagePrior(
                network.to(self._setup.device, memory_format=torch.channels_last),
                img_size=(_CHANNELS, *small),
                iterations=self._iterations,
                learning_rate=_RATE,
            )
            restored = prior(observed.y, observed.physics)
        return keep_what_is_known(observed.pixels(restored), problem)
