"""The page, what it loads, and examples: files of the package, listed once: no path of a request reaches the disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixelmend.pages
from pixelmend.errors import ModelError

PAGE = Path(__file__).parent / "page"
"""Where the page lies."""
_TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif",
    ".ico": "image/x-icon", ".json": "application/json",
}  # fmt: skip
"""What is served, by suffix."""
_EXAMPLES = "examples"
_LIST = "examples.json"
_VIEWER = ("viewer.css", "viewer.js")
"""What the page has in common with those that commands write."""


@dataclass(frozen=True)
class File:
    """A file that is served.

    Attributes:
        path: Where it lies.
        media_type: What it is.
    """

    path: Path
    media_type: str


@dataclass(frozen=True)
class Static:
    """All files that are served, by the names that they are asked for.

    Attributes:
        index: The page; None where there is none.
        assets: What it loads.
        examples: Pictures to try.
        listing: What is told of each: its name, a title, the task, and the name of a mask where it needs one.
    """

    index: File | None
    assets: dict[str, File]
    examples: dict[str, File]
    listing: list[dict[str, Any]]


def find_static(page: Path = PAGE) -> Static:
    """List what is served.

    Args:
        page: The folder of the page; its own files are assets, and those in its folder ``examples`` are examples.

    Raises:
        ModelError: The list of examples names one that is not there: the installation is damaged.
    """
    assets = _files(page)
    examples = _files(page / _EXAMPLES)
    listed = examples.pop(_LIST, None)
    listing = [] if listed is None else json.loads(listed.path.read_text(encoding="utf-8"))
    named = {each[key] for each in listing for key in ("name", "mask") if key in each}
    if missing := sorted(named - set(examples)):
        raise ModelError(f"the example {missing[0]} is missing: reinstall pixelmend")
    index = assets.pop("index.html", None)
    shared = _files(Path(pixelmend.pages.__file__).parent)
    own = {"docs.css": File(Path(__file__).parent / "document" / "docs.css", _TYPES[".css"])}
    viewer = {name: shared[name] for name in _VIEWER if name in shared}
    return Static(index, {**viewer, **own, **assets}, examples, listing)


def _files(folder: Path) -> dict[str, File]:
    """The files of a folder that are of a kind that is served."""
    if not folder.is_dir():
        return {}
    return {
        path.name: File(path, _TYPES[path.suffix])
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in _TYPES
    }
