"""Folders of small noisy pictures, and a model that restores them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.images import save

if TYPE_CHECKING:
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
def photos(tmp_path: Path) -> Path:
    """Five pictures in three folders, and other things."""
    root = tmp_path / "photos"
    for number, name in enumerate(("b.png", "a.jpg", "sub/c.png", "sub/deep/d.webp", "sub/e.tif")):
        noisy(root / name, seed=number)
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden.png").write_bytes((root / "b.png").read_bytes())
    return root
