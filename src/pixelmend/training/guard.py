"""Whether a run is still learning: a loss that is no number, or far above what it was, has diverged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENOUGH_STEPS = 10
"""Steps whose mean loss says something."""


@dataclass
class Guard:
    """Watches the loss; what it remembers is stored with the run's state.

    Attributes:
        limit: A loss this many times its lowest has diverged.
        lowest: The lowest mean over an interval so far.
    """

    limit: float
    lowest: float = math.inf

    def fault(self, losses: Mapping[str, float], *, steps: int) -> str | None:
        """What is wrong with the mean losses of the last steps, in words; None if nothing is.

        Args:
            losses: By name; ``pixel`` is the one that is compared and remembered.
            steps: How many; of a few steps it only counts whether they are numbers, since single batches differ much.
        """
        for name, loss in losses.items():
            if not math.isfinite(loss):
                return f"the {name} loss is {loss}"
        loss = losses["pixel"]
        if steps < ENOUGH_STEPS:
            return None
        if loss > self.limit * self.lowest:
            return f"the pixel loss rose from {self.lowest:.4f} to {loss:.4f}"
        self.lowest = min(self.lowest, loss)
        return None
