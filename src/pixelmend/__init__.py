"""Pixelmend restores damaged pictures.

    >>> import pixelmend
    >>> pixelmend.__version__
    '0.1.0'

``pixelmend.restore(image)`` takes a path, bytes, a PIL image or a NumPy array and gives back the same kind.
Nothing heavy is imported until it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelmend.inference import restore as restore

__all__ = ["__version__", "restore"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import ``restore`` on first use, so that ``import pixelmend`` costs nothing (PEP 562)."""
    if name == "restore":
        from pixelmend.inference import restore

        return restore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
