"""What the tests of compression share: pictures and recipes of training's, and a network that has something to lose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixelmend.models import HybridConfig, save_model
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


SMALL = HybridConfig(
    widths=(16, 32), encoder_blocks=(1, 1), decoder_blocks=(1,), context=("window",), window=4, head_width=8
)
"""What is exported several times in one test."""


def short_recipe(config: HybridConfig, name: str) -> dict[str, Any]:
    """What is stored beside weights that learn from few small crops."""
    sources = [{"name": "made here", "pictures": 2, "licence": "CC0"}]
    data = {"sources": sources, "batch": 2, "patch": 32, "max_shrink": 1.0}
    return header(config, name=name, data=data)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file of a network that changes pictures."""
    path = tmp_path / "start.safetensors"
    save_model(woken(SMALL), path, short_recipe(SMALL, "denoise-tiny"))
    return path


@pytest.fixture
def even_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock in which every run takes as long: this machine has others."""
    monkeypatch.setattr("pixelmend.compression.measure._seconds", lambda call: float(call() is not None))
