"""What one step does: a batch made on the device, the loss, the averaged weights. Lightning does the loop around it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor

from pixelmend.data.augment import ColorJitter, Rotation
from pixelmend.data.batches import Batches
from pixelmend.errors import UsageError
from pixelmend.losses import LOSSES, balance_weights
from pixelmend.models import Hybrid
from pixelmend.models.weights import load_model
from pixelmend.training.muon import MuonAdamW, muon_parameters
from pixelmend.training.schedule import Budget, rate_factor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.data.store import PictureStore, Store
    from pixelmend.training.recipe import Recipe


class DenoiseModule(lightning.LightningModule):
    """The hybrid network learning to denoise.

    ``steps_done`` counts the steps of the whole run, across interruptions, and is the number of the next batch.
    Lightning's own counter starts anew with each process, and its loader runs ahead of the steps: neither is used.
    """

    def __init__(self, recipe: Recipe, store: Store[PictureStore], budget: Budget) -> None:
        super().__init__()
        self.recipe, self.budget = recipe, budget
        self.model = first_network(recipe)
        self.ema = copy.deepcopy(self.model).requires_grad_(requires_grad=False).eval()
        self.network = torch.compile(self.model) if recipe.run.compile else self.model
        self.batches = Batches(
            chain=recipe.damage.drawn_from(),
            color=ColorJitter(recipe.data.jitter, recipe.data.gray),
            size=recipe.data.batch,
            side=recipe.data.patch,
            seed=recipe.seed,
            store=store,
            max_shrink=recipe.data.max_shrink,
            rotation=Rotation(recipe.data.max_rotation),
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

    def training_step(self, batch: int, batch_idx: int) -> Tensor:  # noqa: ARG002 (Lightning's signature)
        """The loss of batch number ``steps_done``; what the loader hands over says nothing."""
        loss = self.loss_of(self.steps_done)
        self.last_loss = loss.detach()
        return loss

    def loss_of(self, number: int) -> Tensor:
        """Make batch ``number`` and compare what the network restores of it with the clean pictures."""
        with torch.autocast(self.device.type, enabled=False):
            lesson = self.batches(number, self.global_rank)
        if lesson.degraded.shape != lesson.clean.shape:
            raise UsageError("damage.chain changes the size of pictures: end it with fit(scale=1)")
        restored = self.network(lesson.degraded, lesson.sigma01[:, None, None, None])
        each = LOSSES[self.recipe.loss.pixel](restored.float(), lesson.clean)
        return (each * balance_weights(lesson.sigma01, power=self.recipe.loss.balance)).mean()

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Move the weights at this step's rate, average them, and count the step.

        All in one place, so that whoever looks between two steps (Lightning asks its callbacks before the module) sees
        weights, average and count that belong together.
        """
        factor = rate_factor(self.steps_done, self.budget.planned, self.recipe.schedule.warmup_steps)
        for group in optimizer.param_groups:
            group["lr"] = group["peak_rate"] * factor
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.steps_done += 1
        self.average_weights()

    @torch.no_grad()
    def average_weights(self) -> None:
        """Move the averaged weights on: with a short memory at first, so that the average leaves the start behind."""
        decay = min(self.recipe.optimizer.ema, (1 + self.steps_done) / (10 + self.steps_done))
        torch._foreach_lerp_(list(self.ema.parameters()), list(self.model.parameters()), 1 - decay)


def first_network(recipe: Recipe) -> Hybrid:
    """The network before its first step, channels last in memory: the weights named, or a function of the seed.

    Raises:
        ModelError: The weights that the recipe starts from are missing or broken.
        UsageError: They are those of another network.
    """
    if recipe.start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = Hybrid(recipe.model)
    else:
        model = load_model(recipe.start).train()
        if model.config != recipe.model:
            raise UsageError(f"{recipe.start} holds another network than [model] describes: make them agree")
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's own annotation lacks it
    return model
