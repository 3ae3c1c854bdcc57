"""What runs over many pictures share: how they are restored, and what lies in the end where results do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelmend import catalog
from pixelmend.inference import Options, Settings
from pixelmend.inference.clusters.walk import RUN
from pixelmend.inference.folders.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def settings(tiny_card: Path) -> Settings:
    """How pictures are restored in these tests."""
    return Settings(catalog.load(tiny_card), options=Options(sigma=30))


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """All results in a folder, by their names: what a run must come to. What is left over would be among them."""

    def look(out: Path) -> dict[str, bytes]:
        found = {path.relative_to(out): path for path in sorted(out.rglob("*")) if path.is_file()}
        return {
            name.as_posix(): path.read_bytes() for name, path in found.items() if name.parts[0] not in {MANIFEST, RUN}
        }

    return look
