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


def _hinge_generator(real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG001 # every game is asked the same way
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


ADVERSARIAL: dict[str, AdversarialLoss] = {
    "hinge": AdversarialLoss(_hinge_discriminator, _hinge_generator),
    "relativistic": AdversarialLoss(_relativistic_discriminator, _relativistic_generator),
    "non-saturating": AdversarialLoss(_non_saturating_discriminator, _non_saturating_generator),
}
"""The games by the name that a recipe uses; σ is the logistic function, E the mean over all logits.

- ``hinge`` (Lim and Ye 2017): D E max(0, 1 − real) + E max(0, 1 + fake), G −E fake.
- ``relativistic`` (the average form, Jolicoeur-Martineau 2018):
  D −E log σ(real − E fake) − E log(1 − σ(fake − E real)), G the same with real and fake exchanged.
  The means run over the whole batch, so a picture's loss hangs on the others.
- ``non-saturating`` (Goodfellow et al. 2014): D −E log σ(real) − E log(1 − σ(fake)), G −E log σ(fake).
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
