"""A process for tests: it does what it is told, and says that it did."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.processes import obey

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.inference.processes import Tell


def main() -> None:
    """Be that process."""
    obey(begin)


def begin(first: str) -> tuple[object, Callable[[Any, Tell], None]]:
    """Start as the first order says."""
    if first == "misuse":
        raise UsageError("that cannot\nbe")
    if first == "broken":
        raise ModelError("that is broken")
    if first == "fault":
        raise ZeroDivisionError("a fault")
    return {"began": first, "variable": os.environ.get("ECHO_TEST")}, work


def work(order: str, tell: Tell) -> None:
    """Carry out an order."""
    if order == "exit":
        os._exit(3)
    if order == "print":
        print("to standard output")
        sys.stdout.flush()
        os.write(1, b"past Python\n")
        warnings.warn("a warning", stacklevel=1)
    if order == "three":
        tell(1)
        tell(2)
    tell(order)
