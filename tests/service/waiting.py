"""Waiting in tests: until something is so, and not for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which a test gives up, on a machine that does much else; nothing takes as long."""


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so: what a server does after its answer is not done at once."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
