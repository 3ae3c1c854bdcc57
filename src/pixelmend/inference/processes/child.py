"""What a process does that takes orders: standard input brings them, standard output takes the answers.

Where the parent is gone, it goes as well, at once. Messages are pickled values, sent between processes of one program
that trust each other.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

from pixelmend.errors import PixelmendError
from pixelmend.inference.processes.words import readable

if TYPE_CHECKING:
    from typing import BinaryIO

Tell = Callable[[object], None]
"""Sends an answer."""
Begin = Callable[[Any], tuple[object, Callable[[Any, Tell], None]]]
"""See `obey`."""


@dataclass(frozen=True)
class Refusal:
    """The answer to a first order that cannot be met.

    Attributes:
        error: Why, on one line.
        exit_code: That of the error.
    """

    error: str
    exit_code: int


def obey(begin: Begin) -> NoReturn:
    """Be such a process: Ctrl-C is for the parent alone, and what a library prints is no answer.

    Args:
        begin: Given the first order; returns the answer to it, and what does every later one: given an order and what
            sends answers to it, of which the last one is for it to know.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells every process of it; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, orders), daemon=True).start()

    def tell(answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    try:
        _obey(begin, orders.get, tell)
    except BaseException:  # noqa: BLE001  (this process has come to its end)
        traceback.print_exc()
        sys.stderr.flush()
    # At once: Python's own end would wait for the thread that listens, and abort.
    os._exit(1)


def _obey(begin: Begin, take: Callable[[], Any], tell: Tell) -> None:
    try:
        ready, work = begin(take())
    except PixelmendError as error:
        tell(Refusal(readable(str(error)), error.exit_code))
        return
    tell(ready)
    while True:
        work(take(), tell)


def _listen(pipe: BinaryIO, orders: SimpleQueue[Any]) -> None:
    """Pass on what the parent sends. Its end, whatever the reason, is the end of this process."""
    try:
        while True:
            orders.put(pickle.load(pipe))  # noqa: S301  (from the parent)
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)
