"""What one step does: a batch made on the device, losses, averaged weights. Lightning does the loop around it."""

from __future__ import annotations

import contextlib
import copy
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import lightning
import torch
from torch import Tensor, nn

from pixelmend.errors import UsageError
from pixelmend.training.objective import Adversary, Objective
from pixelmend.training.optimizers import average, clip, make_adversary_optimizer, make_optimizer, set_rates
from pixelmend.training.schedule import Course
from pixelmend.training.start import first_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelmend.data.batches import Batch
    from pixelmend.training.lessons import Lessons
    from pixelmend.training.recipe import Recipe
    from pixelmend.training.schedule import Budget


class RestorationModule(lightning.LightningModule):
    """A network learning to restore, and its adversary where the recipe has one.

    ``steps_done`` counts the steps of the whole run, across interruptions, and is the number of the next batch.
    Lightning's own counter starts anew with each process, and its loader runs ahead of the steps: neither is used.

    Args:
        recipe: What to do.
        lessons: Makes the batches.
        budget: When the run ends.
        tell: Told how much of the weights that it starts from was taken.

    Attributes:
        model: The network that learns; ``ema`` holds its averaged weights.
        adversary: The discriminator and its game, or None.
        course: The rates over the run.
    """

    def __init__(
        self, recipe: Recipe, lessons: Lessons, budget: Budget, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.recipe, self.lessons, self.budget = recipe, lessons, budget
        self.course = Course(recipe.schedule, budget)
        self.model = first_network(recipe, tell)
        self.ema = copy.deepcopy(self.model).requires_grad_(requires_grad=False).eval()
        self.network = torch.compile(self.model) if recipe.run.compile else self.model
        self.objective = Objective(recipe)
        self.adversary: Adversary | None = None
        if recipe.loss.adversarial:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(recipe.seed)
                self.adversary = Adversary(recipe.loss)
            self.adversary.to(memory_format=torch.channels_last)
        self.steps_done = 0
        # Some networks hold numbers that never learn, such as mean colours.
        self._learnable = {name for name, parameter in self.model.named_parameters() if parameter.requires_grad}
        self._differentiate: Callable[[Tensor], None] = torch.autograd.backward
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = defaultdict(int)

    @property
    def pixels_per_step(self) -> int:
        """Pixels that one step sees, in all processes together."""
        return self.recipe.data.batch * self.recipe.data.patch**2 * self.trainer.world_size

    @property
    def mpx_seen(self) -> float:
        """Megapixels that the whole run has seen so far."""
        return self.steps_done * self.pixels_per_step / 1e6

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """The network's, then the adversary's."""
        optimizers = [make_optimizer(self.model, self.recipe.optimizer, self.recipe.run.precision)]
        if self.adversary is not None:
            optimizers.append(make_adversary_optimizer(self.adversary, self.recipe.loss))
        return optimizers

    def configure_model(self) -> None:
        """Give each process its part of the network, where the strategy asks for that (fsdp)."""
        if self.recipe.run.strategy != "fsdp" or self.device_mesh is None:
            return
        from torch.distributed.fsdp import fully_shard

        mesh = self.device_mesh["data_parallel"]
        for learning in (self.model, self.adversary):
            if learning is not None:
                # Parts are cut from plain memory.
                fully_shard(learning.to(memory_format=torch.contiguous_format), mesh=mesh)

    def on_fit_start(self) -> None:
        """What is frozen follows to the device; gradients go through the trainer, which adds up those of processes."""
        self.objective.to(self.device)
        self._differentiate = self.manual_backward

    def training_step(self, batch: int, batch_idx: int) -> None:  # noqa: ARG002 (Lightning's signature)
        """Take a step; what the loader hands over says nothing."""
        self.take_step(self.trainer.optimizers)

    def take_step(self, optimizers: list[torch.optim.Optimizer]) -> None:
        """Take step number ``steps_done``.

        All in one place, so that whoever looks between two steps sees weights, average and count that belong together.

        Args:
            optimizers: As ``configure_optimizers`` gave them.
        """
        self._thaw_or_freeze()
        factor = self.course.factor(self.steps_done)
        for optimizer in optimizers:
            set_rates(optimizer, factor)
            optimizer.zero_grad(set_to_none=True)
        resting = False
        if self.adversary is not None:
            self.adversary.begin_step()
            resting = self.adversary.rests(self.steps_done)
        for part in range(self.lessons.parts):
            with self._gradients_of(part):
                self._learn(self._lesson(part), resting=resting)
        clip(self.model.parameters(), self.recipe.optimizer.clip)
        optimizers[0].step()
        if self.adversary is not None and not resting:
            optimizers[1].step()
        self.steps_done += 1
        self.average_weights()

    def _lesson(self, part: int) -> Batch:
        with torch.autocast(self.device.type, enabled=False):
            lesson = self.lessons(self.steps_done, part, self.global_rank)
        scale = self.recipe.model.scale
        if any(d * scale != c for d, c in zip(lesson.degraded.shape[2:], lesson.clean.shape[2:], strict=True)):
            raise UsageError(
                f"the damage makes {tuple(lesson.degraded.shape[2:])} of {tuple(lesson.clean.shape[2:])}, and the "
                f"network enlarges by {scale}: end damage.chain with fit(scale=…), or set model.scale"
            )
        return lesson

    def _learn(self, lesson: Batch, *, resting: bool) -> None:
        """Gradients of one part, first those of the network, then those of its adversary."""
        conditions = conditions_of(lesson, self.recipe.model.conditions)
        restored = self.network(lesson.degraded, *conditions).float()
        ramp = self._ramp()
        terms = self.objective(restored, lesson, conditions, ramp)
        if self.adversary is not None:
            terms["adversarial"] = ramp * self.adversary.generator_loss(restored, lesson.clean)
        self._differentiate(torch.stack(list(terms.values())).sum() / self.lessons.parts)
        if self.adversary is not None:
            judged = self.adversary.discriminator_loss(restored, lesson.clean, self.steps_done, resting=resting)
            if not resting:
                self._differentiate(judged / self.lessons.parts)
            terms |= {"discriminator": judged, "judged_right": self.adversary.right}
        self._note(terms, restored, lesson.clean)

    def _ramp(self) -> float:
        steps = self.recipe.loss.ramp_steps
        return min(1.0, (self.steps_done + 1) / steps) if steps else 1.0

    def _gradients_of(self, part: int) -> contextlib.AbstractContextManager[None]:
        """Processes add up their gradients with the last part of a step only."""
        if part == self.lessons.parts - 1 or self._trainer is None:
            return contextlib.nullcontext()
        strategy = cast("Any", self.trainer.strategy)
        if not hasattr(strategy, "block_backward_sync"):
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[None] = strategy.block_backward_sync()
        return context

    @torch.no_grad()
    def _note(self, terms: dict[str, Tensor], restored: Tensor, clean: Tensor) -> None:
        """Add up on the device what is told now and then."""
        error = (restored.clamp(0, 1) - clean).square().mean(dim=(1, 2, 3)).clamp_min(1e-10)
        for name, value in {**terms, "psnr": -10 * error.log10().mean()}.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value.detach()
            self._counts[name] += 1

    @property
    def steps_noted(self) -> int:
        """How many steps ``means`` is over."""
        return self._counts["pixel"] // self.lessons.parts

    def means(self) -> dict[str, float]:
        """The mean of each loss and of the training PSNR since they were last forgotten; the host waits here."""
        return {name: float(value) / self._counts[name] for name, value in self._sums.items()}

    def forget_means(self) -> None:
        """Begin to add up anew."""
        self._sums, self._counts = {}, defaultdict(int)

    def _thaw_or_freeze(self) -> None:
        settings = self.recipe.optimizer
        if settings.freeze:
            over = settings.freeze_steps is not None and self.steps_done >= settings.freeze_steps
            for part in settings.freeze:
                for name, parameter in self.model.get_submodule(part).named_parameters(part):
                    parameter.requires_grad_(over and name in self._learnable)

    def average_weights(self) -> None:
        """Move the averaged weights on."""
        average(self.ema, self.model, decay=self.recipe.optimizer.ema, steps=self.steps_done)

    def learning(self) -> Iterator[tuple[str, nn.Module, torch.optim.Optimizer]]:
        """Everything that learns, under the name that it is stored by, with its optimizer."""
        yield "model", self.model, self.trainer.optimizers[0]
        if self.adversary is not None:
            yield "adversary", self.adversary, self.trainer.optimizers[1]


def conditions_of(lesson: Batch, names: tuple[str, ...]) -> list[Tensor]:
    """What the network is told of a batch, in order."""
    nothing = lesson.sigma01.new_zeros(1, 1, 1, 1).expand(len(lesson.sigma01), 1, 1, 1)
    known = {
        "noise_level": lesson.sigma01[:, None, None, None],
        "mask": nothing if lesson.missing is None else lesson.missing,
    }
    return [known[name] for name in names]
