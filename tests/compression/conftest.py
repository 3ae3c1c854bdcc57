"""What the tests of compression share: pictures and recipes of training's, and a network that has something to lose."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pixelmend.models import HybridConfig
from tests.compression import stand_in
from tests.export.networks import header, woken
from tests.training.conftest import _one_thread, pictures, recipe

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["_one_thread", "pictures", "recipe"]

PRUNED = HybridConfig(
    widths=(16, 24, 32),
    encoder_blocks=(1, 2, 1),
    decoder_blocks=(1, 1),
    context=("window", "shifted", "channel", "convolution"),
    window=4,
    head_width=8,
)
"""Three levels, each kind of block."""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file of a network that changes pictures; crops that it learns from are small."""
    from pixelmend.models import save_model

    sources = [{"name": "made here", "pictures": 2, "licence": "CC0"}]
    data = {"sources": sources, "batch": 2, "patch": 32, "max_shrink": 1.0}
    path = tmp_path / "start.safetensors"
    save_model(woken(PRUNED), path, header(PRUNED, data=data))
    return path


@pytest.fixture
def short_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short loop in place of distillation, and a clock in which every run takes as long: this machine has others."""
    module = ModuleType("pixelmend.compression.distill")
    module.Plan, module.distill = stand_in.Plan, stand_in.distill  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("pixelmend.compression.measure._seconds", lambda call: float(call() is not None))
