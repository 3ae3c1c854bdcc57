"""The bar that long work shows on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelmend.inference.folders import State


@contextmanager
def progress(doing: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left, on stderr, that goes away when done; nothing where there is no terminal.

    Args:
        doing: What is done, such as "restoring".
        quiet: Show nothing.

    Yields:
        What is told how much is done, and of how much.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def folder_progress(doing: str, *, quiet: bool = False) -> Iterator[Callable[[State], None]]:
    """A bar for a run over a folder: its share of the work, pictures, failures, and the time left; as `progress`.

    Args:
        doing: What is done, such as "restoring".
        quiet: Show nothing.

    Yields:
        What is told how far the run is.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _state: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn(doing), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=1.0, told="starting")
        yield lambda state: bar.update(task, completed=state.share, told=_told(state))


def _told(state: State) -> str:
    failed = f", {state.failed} failed" if state.failed else ""
    left = "" if state.seconds_left is None else f", {_duration(state.seconds_left)} left"
    return f"{state.finished}/{state.total}{failed}{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
