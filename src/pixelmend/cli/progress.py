"""The bar that long work shows on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
def shares(doing: str, *, quiet: bool = False) -> Iterator[Callable[[float, str], None]]:
    """The same bar for work whose parts differ in size: it is told the share that is done, and what to say beside it.

    Args:
        doing: What is done.
        quiet: Show nothing.

    Yields:
        What is told the share done, 0 to 1, and a few words.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _share, _words: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=1.0, words="")
        yield lambda share, words: bar.update(task, completed=share, words=words)
