"""Validation during training: the averaged weights scored, shown, and stored where they are the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelmend.data.validation import Measures, mean_scores
from pixelmend.metrics.lpips import Lpips
from pixelmend.models import save_model
from pixelmend.training import processes
from pixelmend.training.machine import describe, precision_type

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch

    from pixelmend.data.validation import Scores, ValidationSet
    from pixelmend.training.journal import Journal
    from pixelmend.training.module import RestorationModule
    from pixelmend.training.recipe import ValidationSection


class Examiner:
    """Scores the averaged weights of a run, each process its part of the pictures.

    Files in ``folder``: ``weights.safetensors`` (the best averaged weights), ``last.safetensors`` (the newest), and
    sample pictures through the journal.

    Args:
        folder: The run's folder.
        validation: The pictures that choose.
        settings: The recipe's section.
        journal: Takes the sample pictures; None where another process does.
    """

    def __init__(
        self, folder: Path, validation: ValidationSet, settings: ValidationSection, journal: Journal | None
    ) -> None:
        self.folder, self.validation, self.settings, self.journal = folder, validation, settings, journal
        lpips = None
        if settings.lpips != "none":
            lpips = Lpips(None if settings.lpips == "hub" else settings.lpips)
        self.measures = Measures(ssim=settings.ssim, lpips=lpips)

    def examine(self, module: RestorationModule) -> Scores:
        """Score the averaged weights; the same in every process."""
        found = self.validation.score(
            module.ema,
            module.recipe.model.conditions,
            precision=precision_type(module.recipe.run.precision),
            measures=self.measures,
            share=(processes.rank(), processes.count()),
        )
        # In the order of the samples, whoever scored them, so that the mean rounds alike.
        count, together = len(self.validation.cases) * len(self.validation), processes.from_all(found)
        numbers = [number for rank in range(processes.count()) for number in range(rank, count, processes.count())]
        return mean_scores([each for _, each in sorted(zip(numbers, together, strict=True), key=lambda pair: pair[0])])

    def chosen(self, scores: Scores) -> float:
        """The number that is to be as high as possible."""
        each = scores[self.settings.choose_by].values()
        mean = sum(each) / len(each)
        return -mean if self.settings.choose_by == "lpips" else mean

    def keep(self, module: RestorationModule, scores: Scores, *, better: bool) -> None:
        """Store the weights, and show some pictures; only in the first process."""
        if processes.rank():
            return
        header: dict[str, Any] = {
            "recipe": module.recipe.published(),
            "step": module.steps_done,
            "mpx": module.mpx_seen,
            "minutes": module.budget.elapsed / 60,
            "device": describe(module.device),
            "features": module.objective.described,
            "validation": scores,
        }
        save_model(module.ema, self.folder / "last.safetensors", header)
        if better:
            save_model(module.ema, self.folder / "weights.safetensors", header)
        if self.journal is not None and self.settings.samples:
            self.journal.samples(module.steps_done, self._samples(module))

    def _samples(self, module: RestorationModule) -> list[tuple[np.ndarray, ...]]:
        """Degraded, restored, clean of some samples, spread over cases and pictures."""
        count = len(self.validation.cases) * len(self.validation)
        # One more than a divisor's share, so that pictures change along with the cases.
        stride = max(1, count // self.settings.samples + 1)
        rows = []
        for sample, restored in self.validation.restored(
            module.ema,
            module.recipe.model.conditions,
            precision=precision_type(module.recipe.run.precision),
            share=(0, stride),
        ):
            rows.append(tuple(_array(t) for t in (sample.degraded, restored, sample.clean)))
        return rows[: self.settings.samples]


def _array(picture: torch.Tensor) -> np.ndarray:
    array: np.ndarray = picture[0].clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()
    return array
