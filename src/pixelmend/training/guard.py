"""Whether a run is still learning: a loss that is no number, or far above what it was, has diverged."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Guard:
    """Watches the loss; what it remembers is stored with the run's state.

    Attributes:
        limit: A loss this many times its lowest has diverged.
        lowest: The lowest mean over an interval so far.
    """

    limit: float
    lowest: float = math.inf

    def fault(self, loss: float) -> str | None:
        """What is wrong with the mean loss of the last interval, in words; None if nothing is, and it is remembered."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if loss > self.limit * self.lowest:
            return f"the loss rose from {self.lowest:.4f} to {loss:.4f}"
        self.lowest = min(self.lowest, loss)
        return None
