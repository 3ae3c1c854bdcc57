"""Losses of a generator and the discriminator that it plays against, on logits of any shape.

``real`` are the discriminator's logits for clean pictures, ``fake`` those for restored ones: (N, 1, H, W) where it
judges every pixel, or any other shape. Every loss is a float32 scalar, the mean over all logits, also under autocast.
Whoever calls keeps the graph right: ``fake`` comes from detached pictures in the discriminator's turn, and from
attached ones in the generator's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LogitLoss = Callable[[Tensor, Tensor], Tensor]
"""A scalar from the logits (real, fake)."""


@dataclass(frozen=True)
class AdversarialLoss:
    """The two sides of one game.

    Attributes:
        discriminator: (real, fake) to what the discriminator minimizes.
        generator: (real, fake) to what the generator minimizes; no gradient goes to ``real``, which only the
            relativistic game looks at.
    """

    discriminator: LogitLoss
    generator: LogitLoss


def _hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def _raise_fake(real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG001 # every game is asked the same way
    return -fake.float().mean()


def _non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def _non_saturating_generator(real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG001 # see above
    return F.softplus(-fake.float()).mean()


def _relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    real, fake = real.float(), fake.float()
    return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()


def _relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    return _relativistic_discriminator(fake, real.detach())


def _wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return fake.float().mean() - real.float().mean()


ADVERSARIAL: dict[str, AdversarialLoss] = {
    "hinge": AdversarialLoss(_hinge_discriminator, _raise_fake),
    "relativistic": AdversarialLoss(_relativistic_discriminator, _relativistic_generator),
    "non-saturating": AdversarialLoss(_non_saturating_discriminator, _non_saturating_generator),
    "wasserstein": AdversarialLoss(_wasserstein_discriminator, _raise_fake),
}
"""The games by the name that a recipe uses; σ is the logistic function, E the mean over all logits.

- ``hinge`` (Lim and Ye 2017): D E max(0, 1 − real) + E max(0, 1 + fake), G −E fake.
- ``relativistic`` (the average form, Jolicoeur-Martineau 2018):
  D −E log σ(real − E fake) − E log(1 − σ(fake − E real)), G the same with real and fake exchanged.
  The means run over the whole batch, so a picture's loss hangs on the others.
- ``non-saturating`` (Goodfellow et al. 2014): D −E log σ(real) − E log(1 − σ(fake)), G −E log σ(fake).
- ``wasserstein`` (Arjovsky, Chintala and Bottou 2017): D E fake − E real, G −E fake. The discriminator, there called
  critic, must be kept from growing steep: `gradient_penalty`.
"""


def r1_penalty(discriminator: nn.Module, clean: Tensor) -> Tensor:
    """The slope of the discriminator at clean pictures, squared: R1 of Mescheder, Geiger and Nowozin (2018).

    For logits l (one map for each picture x of H×W pixels) it is ::

        mean over pictures of ‖∂(Σ l) / ∂x‖² / (H·W)

    The sum over the logits and the division by the pixels make it independent of the picture's size: a
    discriminator that judges each pixel alone by l = a·x + b has the penalty ‖a‖² at every size. The factor γ/2 of
    the paper is left to the caller.

    Args:
        discriminator: Any network from (N, C, H, W) to logits that can be differentiated twice and does not mix the
            pictures of a batch.
        clean: (N, C, H, W) float RGB in [0, 1].

    Returns:
        A float32 scalar whose gradient goes to the discriminator's parameters. All is computed in float32, also
        under autocast: squared slopes are small.
    """
    pictures = clean.detach().float().requires_grad_()
    with torch.enable_grad(), torch.autocast(clean.device.type, enabled=False):
        (slope,) = torch.autograd.grad(discriminator(pictures).sum(), pictures, create_graph=True)
        return slope.square().sum(dim=1).mean()


def gradient_penalty(critic: nn.Module, clean: Tensor, restored: Tensor, shares: Tensor) -> Tensor:
    """How far the critic's slope is from one between clean and restored pictures: WGAN-GP, Gulrajani et al. (2017).

    For D, the mean of the logits of one picture, and x̂ = share · clean + (1 - share) · restored it is (equation 3) ::

        mean over pictures of (‖∂D / ∂x̂‖ - 1)²

    with the Euclidean norm over all values of a picture. A critic of that slope tells two pictures apart by no more
    than the norm of their difference, which at a given error per pixel grows with the side of the picture. The weight
    λ (10 in the paper) is left to the caller.

    Args:
        critic: Any network from (N, C, H, W) to (N, ...) that can be differentiated twice and does not mix the
            pictures of a batch.
        clean: (N, C, H, W) float RGB in [0, 1].
        restored: The same; no gradient goes to it.
        shares: (N,) in [0, 1], drawn evenly.

    Returns:
        A float32 scalar whose gradient goes to the critic's parameters. All is computed in float32, also under
        autocast.
    """
    share = shares.float()[:, None, None, None]
    pictures = (share * clean.detach().float() + (1 - share) * restored.detach().float()).requires_grad_()
    with torch.enable_grad(), torch.autocast(clean.device.type, enabled=False):
        (slope,) = torch.autograd.grad(critic(pictures).flatten(1).mean(dim=1).sum(), pictures, create_graph=True)
        penalty: Tensor = (torch.linalg.vector_norm(slope, dim=(1, 2, 3)) - 1).square().mean()
    return penalty
