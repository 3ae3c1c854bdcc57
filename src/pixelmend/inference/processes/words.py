"""Names as people read them."""

from __future__ import annotations

import os


def readable(text: str | os.PathLike[str]) -> str:
    """A text or path on one line that can be printed and written anywhere: bytes that are no UTF-8 become "�"."""
    encoded = os.fspath(text).encode("utf-8", "surrogateescape")
    return " ".join(encoded.decode("utf-8", "replace").split())
