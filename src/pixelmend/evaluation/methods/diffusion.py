"""Restoration by diffusion (DiffPIR, Zhu et al. 2023) with our denoiser in place of a trained diffusion model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pixelmend.errors import UsageError
from pixelmend.evaluation.method import ANY_SCALE, Method
from pixelmend.evaluation.methods.denoiser import deepinv, keep_what_is_known, observe, our_denoiser

if TYPE_CHECKING:
    from pixelmend.evaluation.method import Setup
    from pixelmend.evaluation.problem import Pixels, Problem, Task

_ITERATIONS = 20
_WEIGHTS: dict[Task, float] = {"denoise": 6.0, "super-resolve": 3.0, "inpaint": 3.0, "deconvolve": 3.0}
"""Of the prior against the data, lambda of Zhu et al. 2023, who use 3 to 25.

Chosen with what follows on two crops of 128 px of the validation pictures for each task, by PSNR. Instead of 3, 1.5
changes nothing for super-resolution (×2, ×4) and inpainting and loses 0.4 and 2.1 dB in deconvolution, 10 loses 0.0
to 0.5 and 1.4 to 1.7 dB. A denoiser told sigma 25 (a textured crop) and 50 (a smooth one) gives 28.0 and 25.1 dB
with 3, 24.9 and 33.2 dB with 10: 6 lies between (26.5 dB on the former).
"""
_RENEWAL = 1.0
"""How much of the noise is drawn anew at each step, zeta: 0.7 lost 0.4 to 2.2 dB, 0.3 and 0.1 more, as the faults of
the first guess, which the chain starts from, then stay in what is taken for noise."""
_LEAST_NOISE = 1 / 255
"""What the data step takes the noise to be where there is less, on the [0, 1] scale."""


class Diffusion(Method):
    """A chain of ever less noisy pictures, each drawn from what our denoiser and the data say of the next.

    Zhu, Zhang, Liang, Cao, Wen, Timofte and Van Gool 2023, "Denoising Diffusion Models for Plug-and-Play Image
    Restoration", by deepinv. Their chains start at noise that hides the picture. Our denoiser knows levels up to 75 of
    255 only, so the chain starts there, from a first guess (the picture bicubically enlarged, filled in smoothly, or as
    it is) with that noise added: it cannot invent what no first guess hints at, such as the inside of a large hole.

    Args:
        setup: What it runs on.
        iterations: Steps of the chain, 2 to 80.

    Raises:
        UsageError: A number of iterations that cannot be.
        ModelError: The denoiser is damaged.
        MissingExtraError: deepinv is not installed.
    """

    name = "diffusion"
    label = "DiffPIR (our denoiser)"
    tasks = frozenset(_WEIGHTS)
    scales = ANY_SCALE

    def __init__(self, setup: Setup, iterations: int = _ITERATIONS) -> None:
        if not 2 <= iterations <= 80:
            raise UsageError(f"got {iterations} iterations of diffusion: give 2 to 80")
        self._deepinv = deepinv()
        self._denoiser = our_denoiser(setup)
        self._setup, self._iterations = setup, iterations
        self.parameters = self._denoiser.card.parameters
        self.weights = self._denoiser.card.sha256
        self.note = f"starts at noise of sigma {self._denoiser.card.sigma_range[1]:g}, the most that our denoiser knows"

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``."""
        torch.set_num_threads(self._setup.threads)
        observed = observe(problem, self._setup.device)
        sampler = self._sampler(max(observed.sigma01, _LEAST_NOISE), _WEIGHTS[problem.task])
        with torch.random.fork_rng():
            torch.manual_seed(problem.seed)
            restored = sampler(observed.y, observed.physics, x_init=observed.start)
        return keep_what_is_known(observed.pixels(restored), problem)

    def _sampler(self, sigma01: float, weight: float) -> Any:
        """Deepinv's sampler, its chain of 1000 levels cut off above what the denoiser has learnt."""
        highest = self._denoiser.card.sigma_range[1] / 255
        sampler = self._deepinv.sampling.DiffPIR(
            model=self._denoiser,
            data_fidelity=self._deepinv.optim.L2(),
            max_iter=self._iterations,
            zeta=_RENEWAL,
            lambda_=weight,
            device=self._setup.device,
        )
        # Its pictures are on [-1, 1], so its levels are twice ours.
        known = int((sampler.reduced_alpha_cumprod <= 2 * highest).sum())
        sampler.beta_end = float(sampler.betas[known - 1])
        sampler.num_train_timesteps = known
        (
            sampler.sqrt_1m_alphas_cumprod,
            sampler.reduced_alpha_cumprod,
            sampler.sqrt_alphas_cumprod,
            sampler.sqrt_recip_alphas_cumprod,
            sampler.sqrt_recipm1_alphas_cumprod,
            sampler.betas,
        ) = sampler.get_alpha_beta()
        # Called without the length of the chain, this would give that of all 1000.
        sampler.get_alpha_prod = lambda: (sampler.sqrt_recip_alphas_cumprod, sampler.sqrt_recipm1_alphas_cumprod)
        # No more noise can be in the picture than there is at the chain's start.
        sampler.sigma = min(sigma01, 0.99 * float(sampler.reduced_alpha_cumprod[-1]) / 2)
        sampler.rhos, sampler.sigmas, sampler.seq = sampler.get_noise_schedule(sigma=sampler.sigma)
        return sampler
