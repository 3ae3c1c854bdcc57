"""What happens around the steps of a run: the clock, progress, validation, early stopping, saving."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from lightning.pytorch.callbacks import Callback

from pixelmend.errors import ModelError
from pixelmend.models import save_model
from pixelmend.training.interrupt import StopSignals
from pixelmend.training.machine import describe
from pixelmend.training.state import autocast_type, load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import lightning

    from pixelmend.data.validation import ValidationSet
    from pixelmend.training.module import DenoiseModule

LOG_EVERY = 50
"""Steps between two looks at the clock and the loss: reading a loss makes the host wait for the device."""
FIRST_LOOK = 10
"""Steps after which the pace is measured first."""


@dataclass
class Standing:
    """How a run stands; stored with its state."""

    best: float = -math.inf
    best_step: int = 0
    waited: int = 0
    """Validations since the best one."""


class Keeper(Callback):
    """Keeps the time, tells how the run goes, validates, stores the best averaged weights, and ends the run.

    Asked to stop (Ctrl-C, or SIGTERM as clusters send it), it lets the step come to its end, stores the state and sets
    ``interrupted``: the run goes on from there as if nothing had been. Asked twice, it stops at once.

    Files in ``folder``: ``weights.safetensors`` (the best averaged weights), ``last.safetensors`` (the newest),
    ``state.safetensors`` (to resume from), ``log.jsonl`` (a line for each look and validation, appended).

    Args:
        folder: The run's folder.
        validation: The pictures that choose.
        matrix_rate: FLOP/s of matrix products on this device, in the precision of the run.
        flops_per_pixel: Of one training step, forward and backward.
        tell: Prints one line for the person who waits.
    """

    def __init__(
        self,
        folder: Path,
        validation: ValidationSet,
        *,
        matrix_rate: float,
        flops_per_pixel: float,
        tell: Callable[[str], None],
    ) -> None:
        self.folder, self.validation, self.tell = folder, validation, tell
        self.matrix_rate, self.flops_per_pixel = matrix_rate, flops_per_pixel
        self.standing = Standing()
        self.seconds_per_step = 0.0
        self.interrupted = False
        self._validated_step = -1
        self._signals = StopSignals()
        self._resume = False

    def resume(self) -> Keeper:
        """Go on from the state in the folder when the run starts."""
        self._resume = True
        return self

    # Lightning's hooks, in the order in which they are called.

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Load the state, where asked, and start the clock."""
        module = cast("DenoiseModule", pl_module)
        if self._resume:
            progress = load_state(module, trainer.optimizers[0], self.folder / "state.safetensors")
            self.standing = Standing(**progress)
            self.tell(f"going on from step {module.steps_done}, {module.budget.elapsed / 60:.1f} min used")
        self._started = self._validated = self._looked = time.perf_counter()
        self._elapsed_before = module.budget.elapsed
        self._first = self._looked_step = module.steps_done
        if module.budget.is_over(module.steps_done):
            trainer.should_stop = True
        # Not before: Lightning has put its own handlers in place by now, and takes ours away with them at the end.
        self._signals.listen()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Look at clock and loss now and then, validate when due, stop when the budget is used or somebody asks."""
        module = cast("DenoiseModule", pl_module)
        step, now = module.steps_done, time.perf_counter()
        module.budget.elapsed = self._elapsed_before + now - self._started
        since = step - self._looked_step
        if since >= LOG_EVERY or (since == FIRST_LOOK and step - self._first == FIRST_LOOK):
            self._look(module, now)
        over = module.budget.is_over(step)
        if now - self._validated >= 60 * module.recipe.schedule.validate_minutes and not over:
            self._validate(trainer, module)
        if self._signals.received and not over:
            self.interrupted = True
            self._save(trainer, module)
            self.tell(f"interrupted at step {step}; the state is kept: go on with --resume")
        if over or self.interrupted:
            trainer.should_stop = True

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Validate and store once more, at the very end; stopping early has done so already."""
        module = cast("DenoiseModule", pl_module)
        if not self.interrupted and self._validated_step != module.steps_done:
            self._validate(trainer, module)
        # Here, because Lightning's own handlers go next; where a run ends with an error, it takes ours away as well.
        self._signals.restore()

    def _look(self, module: DenoiseModule, now: float) -> None:
        steps = module.steps_done - self._looked_step
        self.seconds_per_step = (now - self._looked) / steps
        module.budget.plan(module.steps_done, self.seconds_per_step)
        loss = float(module.last_loss)
        _check_finite(loss, "loss", module.steps_done)
        pixels_per_second = module.pixels_per_step / self.seconds_per_step
        rate = pixels_per_second * self.flops_per_pixel
        left = module.budget.seconds_left(module.steps_done, self.seconds_per_step)
        share = f" · {rate / self.matrix_rate:.0%} of matrix rate"
        self.tell(
            f"step {module.steps_done}/{module.budget.planned:.0f} · loss {loss:.4f}"
            f" · {pixels_per_second / 1e6:.2f} Mpx/s · {rate / 1e9:.0f} GFLOP/s{share} · {_clock(left)} left"
        )
        self._log("train", module, loss=loss, mpx_per_second=pixels_per_second / 1e6, flops_per_second=rate)
        self._looked, self._looked_step = time.perf_counter(), module.steps_done

    def _validate(self, trainer: lightning.Trainer, module: DenoiseModule) -> None:
        if trainer.is_global_zero:
            scores = self.validation.psnr(module.ema, precision=autocast_type(module.recipe.run.precision))
            mean = sum(scores.values()) / len(scores)
            # Before anything is stored: the state of a run that has diverged must not replace one that had not.
            _check_finite(mean, "validation score", module.steps_done)
            self._log("validate", module, psnr=mean, by_sigma={f"{k:g}": v for k, v in scores.items()})
            self._keep(module, mean, scores)
            listed = " · ".join(f"σ{k:g} {v:.3f}" for k, v in scores.items())
            best = self.standing.best_step == module.steps_done
            self.tell(f"validated at step {module.steps_done}: {listed} dB{' · best so far' if best else ''}")
            self._save(trainer, module)
        if self.standing.waited >= module.recipe.schedule.patience:
            self.tell(f"stopping early: no better score in {self.standing.waited} validations")
            trainer.should_stop = True
        # A validation is not training: neither the pace nor the time until the next one counts it.
        self._validated = self._looked = time.perf_counter()
        self._looked_step = self._validated_step = module.steps_done

    def _save(self, trainer: lightning.Trainer, module: DenoiseModule) -> None:
        if trainer.is_global_zero:
            save_state(module, trainer.optimizers[0], self.folder / "state.safetensors", asdict(self.standing))

    def _keep(self, module: DenoiseModule, mean: float, scores: dict[float, float]) -> None:
        header = {
            "recipe": module.recipe.published(),
            "step": module.steps_done,
            "mpx": module.steps_done * module.pixels_per_step / 1e6,
            "minutes": module.budget.elapsed / 60,
            "device": describe(module.device),
            "validation_psnr": {f"{k:g}": v for k, v in scores.items()},
        }
        save_model(module.ema, self.folder / "last.safetensors", header)
        if mean > self.standing.best:
            self.standing = Standing(mean, module.steps_done)
            save_model(module.ema, self.folder / "weights.safetensors", header)
        else:
            self.standing.waited += 1

    def _log(self, kind: str, module: DenoiseModule, **values: Any) -> None:
        mpx = module.steps_done * module.pixels_per_step / 1e6
        line = {
            "kind": kind,
            "step": module.steps_done,
            "mpx": mpx,
            "minutes": module.budget.elapsed / 60,
            **values,
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _check_finite(value: float, what: str, step: int) -> None:
    if not math.isfinite(value):
        raise ModelError(
            f"the {what} is {value} at step {step}: start again with lower rates "
            "(--set optimizer.muon_rate=… --set optimizer.adam_rate=…)"
        )
