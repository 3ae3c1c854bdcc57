"""What a network is to minimize: pixels, spectra, features, a teacher and an adversary, each by its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pixelmend.data.batches import batch_seed
from pixelmend.errors import UsageError
from pixelmend.losses import ADVERSARIAL, LOSSES, PerceptualLoss, balance_weights, find_features, frequency, r1_penalty
from pixelmend.losses.adversarial import gradient_penalty
from pixelmend.models import load_model
from pixelmend.models.baselines.deblurgan import PatchCritic
from pixelmend.models.discriminator import UNetDiscriminator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelmend.data.batches import Batch
    from pixelmend.models.network import Network
    from pixelmend.training.recipe import LossSection, Recipe


class Objective:
    """The loss of the network that restores, by its terms. What is frozen lives here, outside of what is saved.

    Args:
        recipe: Says which terms there are.

    Attributes:
        described: The features that pictures are compared by, in words; empty where there are none.

    Raises:
        ModelError: Weights of features or teacher are missing or broken.
        UsageError: The teacher is another kind of network than the one that learns.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.loss, self.distill = recipe.loss, recipe.distill
        self.features: PerceptualLoss | None = None
        self.teacher: Network | None = None
        self.described = ""
        if self.loss.perceptual:
            network = find_features(self.loss.features)
            self.features, self.described = PerceptualLoss(network), network.described
        if self.distill.teacher is not None:
            self.teacher = load_model(self.distill.teacher).requires_grad_(requires_grad=False)
            told, wanted = self.teacher.config, recipe.model
            if (told.scale, told.conditions) != (wanted.scale, wanted.conditions):
                raise UsageError(
                    f"{self.distill.teacher} is told {list(told.conditions)} and enlarges by {told.scale}: wanted "
                    f"a teacher that is told {list(wanted.conditions)} and enlarges by {wanted.scale}"
                )
            if recipe.data.patch % (told.multiple_of * told.scale):
                raise UsageError(
                    f"data.patch is {recipe.data.patch}, and {self.distill.teacher} takes multiples of "
                    f"{told.multiple_of * told.scale}: choose such a patch"
                )

    def to(self, device: torch.device) -> None:
        """Move what is frozen to a device."""
        for part in (self.features, self.teacher):
            if part is not None:
                part.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload] # torch lacks it

    def __call__(self, restored: Tensor, lesson: Batch, conditions: Sequence[Tensor], ramp: float) -> dict[str, Tensor]:
        """The terms by name, each a number, weighted; ``ramp`` (0–1) is how far features are counted."""
        clean, loss = lesson.clean, self.loss
        balance = balance_weights(lesson.sigma01, power=loss.balance)
        terms = {"pixel": (LOSSES[loss.pixel](restored, clean) * balance).mean()}
        if loss.frequency:
            terms["frequency"] = loss.frequency * (frequency(restored, clean) * balance).mean()
        if self.features is not None:
            terms["perceptual"] = loss.perceptual * ramp * self.features(restored, clean).mean()
        if self.teacher is not None:
            with torch.no_grad():
                taught = self.teacher(lesson.degraded, *conditions).float()
            terms["distill"] = self.distill.weight * (LOSSES[loss.pixel](restored, taught) * balance).mean()
        return terms


CRITICS: dict[str, type[UNetDiscriminator | PatchCritic]] = {"unet": UNetDiscriminator, "patch": PatchCritic}
"""What judges, by the name that a recipe uses."""
FLOATING = {"relativistic", "wasserstein"}
"""The games whose logits have no zero of their own: only how they differ counts."""


class Adversary(nn.Module):
    """The discriminator and its game; a part of the module that learns, and so of the state that is saved.

    It rests while it wins by too much: a judge that is always right teaches nothing. Whether it rests is decided every
    ``LOOK_EVERY`` steps from the running share of pixels that it judged right, so that the host seldom waits.

    The Wasserstein game is another: the better its critic, the truer the slope that the generator learns from
    (Arjovsky et al. 2017), and a penalty bounds that slope. There it never rests. Its authors, and those of DeblurGAN,
    let the critic take five steps for each of the generator's; here it takes one, on the pictures that were restored
    anyway, so its estimate of the distance lags behind.

    Args:
        loss: The recipe's section. Random weights, and what the penalty on slopes is drawn from, are a function of
            PyTorch's own seed at this moment.
    """

    LOOK_EVERY = 10
    MEMORY = 0.95

    def __init__(self, loss: LossSection) -> None:
        super().__init__()
        self.loss, self.game = loss, ADVERSARIAL[loss.adversary]
        self.discriminator = CRITICS[loss.critic](loss.discriminator_width)
        self.wasserstein = loss.adversary == "wasserstein"
        self._seed = int(torch.randint(2**31, ()))
        self.register_buffer("right", torch.tensor(0.5))
        self.register_buffer("resting", torch.tensor(False))
        self.right: Tensor
        self.resting: Tensor
        self._rests: bool | None = None

    @torch.no_grad()
    def begin_step(self) -> None:
        """Estimate the spectral norms anew, once a step, however many passes and parts a step has."""
        self.discriminator.train()
        for layer in self.discriminator.modules():
            if parametrize.is_parametrized(layer):
                _ = layer.weight
        self.discriminator.eval()

    def rests(self, step: int) -> bool:
        """Whether it learns nothing at this step; to be asked once a step."""
        if self.wasserstein:
            return False
        if step % self.LOOK_EVERY == 0:
            self._rests = bool(self.right > self.loss.rest_above)
            self.resting.fill_(self._rests)
        elif self._rests is None:  # a run that was resumed between two looks
            self._rests = bool(self.resting)
        return self._rests

    def forget(self) -> None:
        """Ask the stored state again: it was loaded."""
        self._rests = None

    def generator_loss(self, restored: Tensor, clean: Tensor) -> Tensor:
        """How far the restored pictures are from passing for clean ones, weighted; judged, not learnt from."""
        self.discriminator.requires_grad_(requires_grad=False)
        with torch.no_grad():
            real = self.discriminator(clean).float() if self.loss.adversary == "relativistic" else clean.new_zeros(1)
        judged = self.game.generator(real, self.discriminator(restored).float())
        self.discriminator.requires_grad_(requires_grad=True)
        return self.loss.adversarial * judged

    def discriminator_loss(self, restored: Tensor, clean: Tensor, step: int, *, resting: bool = False) -> Tensor:
        """How far it is from telling them apart, with the penalty on its gradient when due.

        While it rests there is no penalty: nothing is learnt from the loss, which is only told.
        """
        real, fake = self.discriminator(clean).float(), self.discriminator(restored.detach()).float()
        with torch.no_grad():
            middle = (real.mean() + fake.mean()) / 2 if self.loss.adversary in FLOATING else 0.0
            share = ((real > middle).float().mean() + (fake < middle).float().mean()) / 2
            self.right.lerp_(share, 1 - self.MEMORY)
        judged = self.game.discriminator(real, fake)
        return judged if resting else judged + self._penalty(restored, clean, step)

    def _penalty(self, restored: Tensor, clean: Tensor, step: int) -> Tensor | float:
        """WGAN-GP's at every step of the Wasserstein game, R1 now and then in the others.

        Where the pictures between clean and restored ones lie is a function of seed and step; the parts and the
        processes of a step share it, as their pictures differ.
        """
        if self.wasserstein and self.loss.gradient_penalty:
            drawn_from = torch.Generator().manual_seed(batch_seed(self._seed, step, 0))
            shares = torch.rand(len(clean), generator=drawn_from).to(clean.device)
            return self.loss.gradient_penalty * gradient_penalty(self.discriminator, clean, restored, shares)
        if not self.wasserstein and self.loss.r1 and step % self.loss.r1_every == 0:
            return self.loss.r1 / 2 * self.loss.r1_every * r1_penalty(self.discriminator, clean)
        return 0.0
