"""Requests to stop: remembered until the work that is under way can stop without losing anything."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what a cluster sends before it takes the machine away."""


class StopSignals:
    """Remembers the first request to stop; a second one does at once what it always did.

    Attributes:
        received: Whether somebody asked.
    """

    def __init__(self) -> None:
        self.received = False
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """Start to listen. Signals belong to the main thread: elsewhere nothing happens."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in STOPPING}

    def restore(self) -> None:
        """Give the signals back to who had them; harmless where nobody listens."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (Python's signature)
        self.received = True
        self.restore()
