"""What a run tells: lines for the person who waits, and what stays in its folder to look at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pixelmend.training import processes
from pixelmend.training.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pixelmend.data.validation import Scores
    from pixelmend.training.module import RestorationModule

UNITS = {"psnr": "dB", "ssim": "SSIM", "lpips": "LPIPS"}


class Reporter:
    """Measures the pace, tells it, and writes the journal, only in the first of several processes.

    Args:
        folder: The run's folder.
        matrix_rate: FLOP/s of matrix products on this device, in the precision of the run.
        flops_per_pixel: Of one training step of the network that restores, forward and backward.
        tell: Prints one line for the person who waits.
        tensorboard: Also write TensorBoard's files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        matrix_rate: float,
        flops_per_pixel: float,
        tell: Callable[[str], None],
        tensorboard: bool = True,
    ) -> None:
        self.matrix_rate, self.flops_per_pixel = matrix_rate, flops_per_pixel
        self.tell = processes.only_first(tell)
        self.journal = Journal(folder, tensorboard=tensorboard) if processes.rank() == 0 else None
        self.seconds_per_step = 0.0
        self.has_told = False

    def restart_pace(self, module: RestorationModule) -> None:
        """Measure the pace from here: what happened since the last look is not training."""
        self._looked, self._looked_step = time.perf_counter(), module.steps_done

    def look(self, module: RestorationModule, means: dict[str, float]) -> None:
        """Plan the rest of the run by the pace so far, tell, and record."""
        now, steps = time.perf_counter(), module.steps_done - self._looked_step
        if not steps:
            return
        self.has_told = True
        self.seconds_per_step = processes.from_first((now - self._looked) / steps)
        budget = module.budget
        budget.plan(module.steps_done, self.seconds_per_step)
        pixels_per_second = module.pixels_per_step / self.seconds_per_step
        rate = pixels_per_second * self.flops_per_pixel / processes.count()
        losses = {k: v for k, v in means.items() if k not in {"psnr", "judged_right", "discriminator"}}
        loss = sum(losses.values())
        told = " + ".join(f"{k} {v:.4f}" for k, v in losses.items()) if len(losses) > 1 else f"loss {loss:.4f}"
        if "discriminator" in means:
            told += f" · discriminator {means['discriminator']:.3f} ({means['judged_right']:.0%} right)"
        left = budget.seconds_left(module.steps_done, self.seconds_per_step)
        self.tell(
            f"step {module.steps_done}/{budget.planned:.0f} · {told} · {means['psnr']:.2f} dB"
            f" · {pixels_per_second / 1e6:.2f} Mpx/s · {rate / 1e9:.0f} GFLOP/s"
            f" · {rate / self.matrix_rate:.0%} of matrix rate · {_clock(left)} left"
        )
        values = {"loss": loss}
        if len(losses) > 1:
            values |= {f"{k}_loss": v for k, v in means.items() if k not in {"psnr", "judged_right"}}
        values |= {k: means[k] for k in ("psnr", "judged_right") if k in means}
        values |= {
            "rate_factor": module.course.factor(module.steps_done),
            "mpx_per_second": pixels_per_second / 1e6,
            "flops_per_second": rate,
        }
        if self.journal is not None:
            self.journal.train(module.steps_done, module.mpx_seen, budget.elapsed / 60, values)
        self.restart_pace(module)

    def validated(self, module: RestorationModule, scores: Scores, *, better: bool) -> None:
        """Tell and record the scores of the averaged weights."""
        values: dict[str, float] = {}
        words = []
        for measure, by_case in scores.items():
            values[measure] = sum(by_case.values()) / len(by_case)
            values |= {f"{measure}_{word}": by_case[case] for case, word in _words(by_case).items()}
            digits = 3 if measure == "psnr" else 4
            each = by_case.items() if measure == "psnr" else [("mean", values[measure])]
            words.append(" · ".join(f"{case} {value:.{digits}f}" for case, value in each) + f" {UNITS[measure]}")
        self.tell(f"validated at step {module.steps_done}: {' · '.join(words)}{' · best so far' if better else ''}")
        if self.journal is not None:
            self.journal.validated(module.steps_done, module.mpx_seen, module.budget.elapsed / 60, values)

    def rewind(self, step: int) -> None:
        """The run goes on from this step: what was recorded of later ones is void."""
        if self.journal is not None:
            self.journal.rewind(step)

    def finish(self) -> None:
        """Draw the curves and close the files."""
        if self.journal is not None:
            self.journal.plot()
            self.journal.close()


def _words(cases: Iterable[str]) -> dict[str, str]:
    """Cases as parts of columns' names, no two alike: ``σ15`` is ``sigma15``."""
    words: dict[str, str] = {}
    for number, case in enumerate(cases):
        spelt = case.replace("σ", "sigma")
        word = "".join(c if c.isalnum() else "_" for c in spelt).strip("_")[:60]
        words[case] = f"{word}_{number}" if word in words.values() else word
    return words


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
