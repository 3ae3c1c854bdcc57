"""The bars that long work shows: on a terminal alone, and with what a reader wants to know."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from pixelmend.cli.progress import folder_progress
from pixelmend.inference.folders import State

if TYPE_CHECKING:
    import pytest

STATES = (State(0, 3, 0, 0.0, None), State(1, 3, 0, 0.4, 75.4), State(2, 3, 1, 0.9, 3725.0), State(3, 3, 1, 1.0, 0.0))


class Terminal(io.StringIO):
    """One that keeps what it shows."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "100")
    for state in STATES:
        with folder_progress("restoring", quiet=quiet) as tell:
            tell(state)
    return stream.getvalue()


def test_a_folder_tells_pictures_failures_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    told = shown(monkeypatch, Terminal())
    for words in ("0/3", "1/3, 1:15 left", "2/3, 1 failed, 1:02:05 left", "3/3, 1 failed, 0:00 left"):
        assert words in told


def test_nothing_is_shown_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shown(monkeypatch, io.StringIO())
    assert not shown(monkeypatch, Terminal(), quiet=True)
