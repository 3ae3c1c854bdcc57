"""What a verb of the learn half says where only the run half is installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixelmend.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs_learn_half(extra: str = "train") -> Iterator[None]:
    """Turn a failed import of a package into advice on what to install.

    Args:
        extra: The extra that brings it.

    Raises:
        MissingExtraError: A package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pixelmend"):
            raise
        raise MissingExtraError(error.name, extra) from None
