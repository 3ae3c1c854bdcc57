"""What one step does: a batch made on the device, the loss, the averaged weights. Lightning does the loop around it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor

from pixelmend.data.augment import ColorJitter
from pixelmend.data.batches import DenoiseBatches
from pixelmend.degradations import GaussianNoise
from pixelmend.losses import LOSSES, balance_weights
from pixelmend.models import Hybrid
from pixelmend.training.muon import MuonAdamW, muon_parameters
from pixelmend.training.schedule import Budget, rate_factor

if TYPE_CHECKING:
    from pixelmend.data.store import PictureStore
    from pixelmend.training.recipe import Recipe


class DenoiseModule(lightning.LightningModule):
    """The hybrid network learning to denoise.

    ``steps_done`` counts the steps of the whole run, across interruptions; Lightning's own counter starts anew with each
    process and is not used. The batch that the loader hands over is nothing but the number of the step.
    """

    def __init__(self, recipe: Recipe, store: PictureStore, budget: Budget) -> None:
        super().__init__()
        self.recipe, self.budget = recipe, budget
        torch.manual_seed(recipe.seed)
        self.model = Hybrid(recipe.model).to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.model).requires_grad_(requires_grad=False).eval()
        self.network = torch.compile(self.model) if recipe.run.compile else self.model
        self.batches = DenoiseBatches(
            store,
            GaussianNoise(recipe.damage.sigma_min, recipe.damage.sigma_max),
            ColorJitter(recipe.data.jitter, recipe.data.gray),
            size=recipe.data.batch,
            side=recipe.data.patch,
            max_shrink=recipe.data.max_shrink,
            seed=recipe.seed,
        )
        self.steps_done = 0
        self.last_loss = torch.zeros(())

    @property
    def pixels_per_step(self) -> int:
        """Pixels that one step sees, in all processes together."""
        return self.recipe.data.batch * self.recipe.data.patch**2 * self.trainer.world_size

    def configure_optimizers(self) -> MuonAdamW:
        """Muon for the matrices between first and last layer, AdamW for the rest."""
        settings = self.recipe.optimizer
        matrices, others = muon_parameters(self.model, excluded=("stem", "head"))
        return MuonAdamW(
            matrices, others, muon_rate=settings.muon_rate, adam_rate=settings.adam_rate, decay=settings.decay
        )

    def on_train_batch_start(self, batch: int, batch_idx: int) -> None:  # noqa: ARG002 (Lightning's signature)
        """Set the rate of this step."""
        factor = rate_factor(self.steps_done, self.budget.planned, self.recipe.schedule.warmup_steps)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = group["peak_rate"] * factor

    def training_step(self, batch: int, batch_idx: int) -> Tensor:  # noqa: ARG002 (Lightning's signature)
        """The loss of batch number ``batch``."""
        with torch.autocast(self.device.type, enabled=False):
            lesson = self.batches(batch, self.global_rank)
        restored = self.network(lesson.degraded, lesson.sigma01[:, None, None, None])
        each = LOSSES[self.recipe.loss.pixel](restored.float(), lesson.clean)
        loss = (each * balance_weights(lesson.sigma01, power=self.recipe.loss.balance)).mean()
        self.last_loss = loss.detach()
        return loss

    @torch.no_grad()
    def on_train_batch_end(self, outputs: Any, batch: int, batch_idx: int) -> None:  # noqa: ARG002 (Lightning's)
        """Average the weights: a short memory at first, so that the average leaves the start behind."""
        self.steps_done += 1
        decay = min(self.recipe.optimizer.ema, (1 + self.steps_done) / (10 + self.steps_done))
        torch._foreach_lerp_(
            list(self.ema.parameters()), list(self.model.parameters()), 1 - decay
        )
