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
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import BinaryIO

Tell = Callable[[object], None]
"""Sends an answer."""


def obey(work: Callable[[Callable[[], Any], Tell], None]) -> None:
    """Be such a process: Ctrl-C is for the parent alone, and what a library prints is no answer.

    Args:
        work: Given what waits for the next order, and what sends an answer; the process ends when it returns.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells every process of it; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, orders), daemon=True).start()

    def tell(answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    work(orders.get, tell)


def _listen(pipe: BinaryIO, orders: SimpleQueue[Any]) -> None:
    """Pass on what the parent sends. Its end, whatever the reason, is the end of this process."""
    try:
        while True:
            orders.put(pickle.load(pipe))  # noqa: S301  (from the parent)
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)
