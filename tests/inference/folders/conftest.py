"""Folders of small noisy pictures, and a model that restores them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend import catalog
from pixelmend.images import save
from pixelmend.inference import Options, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def noisy(path: Path, height: int = 40, width: int = 56, seed: int = 0) -> Path:
    """Write a noisy picture; folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:height, 0:width]
    smooth = (x + 2 * y) % 160 + 40
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    save(np.clip(smooth[:, :, None] + noise, 0, 255).astype(np.uint8), path)
    return path


@pytest.fixture
def settings(tiny_card: Path) -> Settings:
    """How pictures are restored in these tests."""
    return Settings(catalog.load(tiny_card), options=Options(sigma=30))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five pictures in three folders, and other things."""
    root = tmp_path / "photos"
    for number, name in enumerate(("b.png", "a.jpg", "sub/c.png", "sub/deep/d.webp", "sub/e.tif")):
        noisy(root / name, seed=number)
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden.png").write_bytes((root / "b.png").read_bytes())
    return root


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """All results in a folder, by their names: what a run must come to. What is left over would be among them."""

    def look(out: Path) -> dict[str, bytes]:
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file() and path.name != ".pixelmend-manifest.jsonl"
        }

    return look
