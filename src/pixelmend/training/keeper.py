"""What happens around the steps of a run: the clock, progress, validation, early stopping, saving, going back."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from lightning.pytorch.callbacks import Callback

from pixelmend.errors import ModelError
from pixelmend.training import processes
from pixelmend.training.guard import ENOUGH_STEPS, Guard
from pixelmend.training.interrupt import StopSignals
from pixelmend.training.state import load_state, save_state

if TYPE_CHECKING:
    from pathlib import Path

    import lightning

    from pixelmend.training.examiner import Examiner
    from pixelmend.training.module import RestorationModule
    from pixelmend.training.reporter import Reporter

LOOK_EVERY = 50
"""Steps between two looks at the loss: reading it makes the host wait for the device."""
AGREE_EVERY = 10
"""Steps after which several processes ask each other whether it is time for something."""


@dataclass
class Standing:
    """How a run stands; stored with its state."""

    best: float | None = None
    best_step: int = 0
    waited: int = 0
    """Validations since the best one."""
    setbacks: int = 0
    lowest_loss: float | None = None


class Keeper(Callback):
    """Keeps the time, tells how the run goes, validates, stores, goes back where the loss diverged, and ends the run.

    Asked to stop (Ctrl-C, or SIGTERM as clusters send it), it lets the step come to its end, stores the state and sets
    ``interrupted``: the run goes on from there as if nothing had been. Asked twice, it stops at once.

    The state is stored at the start, every few minutes and at the end, so that a run that is killed loses no more than
    that; what the loss diverges from is never stored.

    Args:
        folder: The run's folder.
        examiner: Validates, and stores the best weights.
        reporter: Tells and records.
        resume: Go on from the state in the folder when the run starts.
    """

    def __init__(self, folder: Path, examiner: Examiner, reporter: Reporter, *, resume: bool) -> None:
        self.folder, self.examiner, self.reporter = folder, examiner, reporter
        self.standing = Standing()
        self.interrupted = False
        self._resume = resume
        self._signals = StopSignals()
        self._validated_step = -1

    # Lightning's hooks, in the order in which they are called.

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Load the state, where asked, or store the first one, and start the clock."""
        module = cast("RestorationModule", pl_module)
        self._guard = Guard(module.recipe.schedule.diverged_at)
        if self._resume:
            self._load(module)
            minutes = module.budget.elapsed / 60
            self.reporter.tell(f"going on from step {module.steps_done}, {minutes:.1f} min used")
        else:
            # A folder that cannot be written to is found now and not after the first hour.
            self._save(module)
        self._elapsed_before = module.budget.elapsed
        self._started = self._validated = self._saved = time.perf_counter()
        self.reporter.restart_pace(module)
        self._first = module.steps_done
        if module.budget.is_over(module.steps_done):
            trainer.should_stop = True
        # Not before: Lightning has put its own handlers in place by now, and takes ours away with them at the end.
        self._signals.listen()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Look at clock and loss now and then, save and validate when due, stop when it is time or somebody asks."""
        module = cast("RestorationModule", pl_module)
        step, now = module.steps_done, time.perf_counter()
        module.budget.elapsed = self._elapsed_before + now - self._started
        if step == 1:
            # The very first loss is that of the picture as it came: what no later one should be far above.
            self._guard.fault(module.means(), steps=ENOUGH_STEPS)
        if (step % LOOK_EVERY == 0 or step - self._first == ENOUGH_STEPS) and not self._look(module):
            return
        if not self._agrees(module):
            return
        over, save, validate = self._due(module, now)
        # The last step too is looked at here, while there is a way back.
        if (validate or over) and not self._validate(trainer, module):
            return
        if processes.any_of(self._signals.received)[0] and not over:
            self.interrupted = True
            self._save(module)
            self.reporter.tell(f"interrupted at step {step}; the state is kept: go on with --resume")
        elif save and not (over or validate) and self._look(module):
            self._save(module)
        if over or self.interrupted:
            trainer.should_stop = True

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A run that was over before it started is validated once more."""
        module = cast("RestorationModule", pl_module)
        if not self.interrupted and self._validated_step != module.steps_done:
            self._validate(trainer, module)
        # Here, because Lightning's own handlers go next; where a run ends with an error, it takes ours away as well.
        self._signals.restore()

    def _agrees(self, module: RestorationModule) -> bool:
        """Whether this is a step after which it is asked what is due: each one, unless others have to be asked too."""
        step, each = module.steps_done, module.recipe.schedule.validate_steps
        if processes.count() == 1 or step % AGREE_EVERY == 0 or step == module.budget.max_steps:
            return True
        return each is not None and step % each == 0

    def _due(self, module: RestorationModule, now: float) -> tuple[bool, bool, bool]:
        """Whether it is over, and whether it is time to save and to validate."""
        schedule, step = module.recipe.schedule, module.steps_done
        over = module.budget.is_over(step)
        save = now - self._saved >= 60 * schedule.save_minutes
        if schedule.validate_steps is not None:
            validate = step % schedule.validate_steps == 0
        else:
            validate = now - self._validated >= 60 * schedule.validate_minutes
        # The first process has the clock.
        return processes.from_first((over, save, validate))

    def _look(self, module: RestorationModule) -> bool:
        """Read the losses; where they have diverged, go back and return False."""
        means, steps = module.means(), module.steps_noted
        if not means:
            return True
        fault = self._guard.fault(means, steps=steps)
        faults = [text for text in processes.from_all([fault or ""]) if text]
        if faults:
            self._go_back(module, faults[0])
            return False
        if steps >= ENOUGH_STEPS or not self.reporter.has_told:
            self.reporter.look(module, means)
            module.forget_means()
        return True

    def _go_back(self, module: RestorationModule, fault: str) -> None:
        """Return to the last good state with half the rates, or end where that has been done often enough."""
        step, allowed, limit = module.steps_done, module.recipe.schedule.setbacks, module.recipe.schedule.diverged_at
        setbacks = self.standing.setbacks + 1
        if setbacks > allowed:
            raise ModelError(
                f"{fault} at step {step}, after {self.standing.setbacks} setbacks (the last good state is kept): "
                "start again with lower rates (--set optimizer.muon_rate=… --set optimizer.adam_rate=…) or, if it rose "
                f"as far each time because few crops make a step, with --set schedule.diverged_at={2 * limit:g}"
            )
        elapsed = module.budget.elapsed
        self._load(module)
        module.budget.elapsed = elapsed
        self.standing.setbacks = setbacks
        module.course.set_back()
        self.reporter.tell(
            f"{fault} at step {step}: back to step {module.steps_done} with the rates at {module.course.scale:.3g} "
            f"of what they were (setback {setbacks} of {allowed})"
        )
        self._save(module)
        self.reporter.restart_pace(module)

    def _validate(self, trainer: lightning.Trainer, module: RestorationModule) -> bool:
        """Score the averaged weights and keep the best; False where they are no network any more, and it went back."""
        if not self._look(module):
            return False
        scores = self.examiner.examine(module)
        mean = self.examiner.chosen(scores)
        if not math.isfinite(mean):
            self._go_back(module, f"the validation score is {mean}")
            return False
        better = self.standing.best is None or mean > self.standing.best
        if better:
            self.standing.best, self.standing.best_step, self.standing.waited = mean, module.steps_done, 0
        else:
            self.standing.waited += 1
        self.reporter.validated(module, scores, better=better)
        self.examiner.keep(module, scores, better=better)
        if module.course.validated(better=better):
            self.reporter.tell(f"no better score: the rates fall to {module.course.scale:.3g} of their peak")
        self._validated_step = module.steps_done
        self._save(module)
        if self.standing.waited >= module.recipe.schedule.patience:
            self.reporter.tell(f"stopping early: no better score in {self.standing.waited} validations")
            trainer.should_stop = True
        # A validation is not training: neither the pace nor the time until the next one counts it.
        self._validated = time.perf_counter()
        self.reporter.restart_pace(module)
        return True

    def _load(self, module: RestorationModule) -> None:
        self.standing = Standing(**load_state(module, self.folder, self.reporter.tell))
        lowest = self.standing.lowest_loss
        self._guard.lowest = math.inf if lowest is None else lowest
        module.forget_means()
        self.reporter.rewind(module.steps_done)

    def _save(self, module: RestorationModule) -> None:
        self.standing.lowest_loss = self._guard.lowest if math.isfinite(self._guard.lowest) else None
        save_state(module, self.folder, asdict(self.standing))
        self._saved = time.perf_counter()
