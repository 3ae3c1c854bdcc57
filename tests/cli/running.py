"""The command, run in this process as a user runs it."""

from __future__ import annotations

from typing import Protocol


class Ran:
    """What a run of the command left: exit code and what it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Run(Protocol):
    """Runs the command in this process."""

    def __call__(self, *arguments: object) -> Ran:
        """Run it with these arguments."""
