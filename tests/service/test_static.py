"""Files that are served: those that lie in the package, by a list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import ModelError
from pixelmend.service.static import find_static

if TYPE_CHECKING:
    from pathlib import Path


def test_what_lies_there_is_served_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    for name in ("index.html", "page.js", "page.css", "notes.txt", "script.py", "examples/a.png", "examples/b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "examples" / "examples.json").write_text(
        json.dumps([{"name": "a.png", "title": "A", "task": "denoise"}])
    )
    static = find_static(tmp_path)
    assert static.index is not None
    assert static.index.media_type == "text/html; charset=utf-8"
    assert {"page.js", "page.css", "docs.css"} <= set(static.assets)
    assert {"index.html", "notes.txt", "script.py"}.isdisjoint(static.assets)
    assert set(static.examples) == {"a.png", "b.jpg"}
    assert static.listing[0]["title"] == "A"


def test_an_example_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "examples.json").write_text('[{"name": "a.png", "title": "A", "task": "denoise"}]')
    with pytest.raises(ModelError, match=r"the example a\.png is missing"):
        find_static(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert find_static(tmp_path / "nothing").index is None
