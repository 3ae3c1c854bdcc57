"""What the tests of training share: one thread, a few small pictures, a network and recipes that learn in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from pixelmend.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks so small are faster on one thread, and two would compete with whatever else runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


MODEL = {
    "widths": (8, 16),
    "encoder_blocks": (1, 1),
    "decoder_blocks": (1,),
    "context": ("window", "shifted", "channel"),
    "window": 4,
    "head_width": 8,
}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Waves and discs, 96×96: four to learn from, two to choose by."""
    root = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[0:96, 0:96] / 96
    for index in range(6):
        generator = np.random.default_rng(index)
        a, b, c, row, column = generator.uniform(0.1, 1, 5)
        waves = [0.5 + 0.3 * np.sin(9 * a * x + 7 * b * y + phase) for phase in (0, 1, 2)]
        disc = (y - row) ** 2 + (x - column) ** 2 < 0.09
        picture = np.stack([np.where(disc, c, wave) for wave in waves], axis=-1)
        folder = root / ("train" if index < 4 else "val")
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.uint8(255 * picture)).save(folder / f"{index}.png")
    return root


@pytest.fixture
def recipe(pictures: Path, tmp_path: Path) -> Callable[..., Recipe]:
    """Make a small recipe; settings are written ``section__key=value``."""

    def make(**settings: Any) -> Recipe:
        tree: dict[str, Any] = {
            "name": "run",
            "task": "denoise",
            "seed": 1,
            "data": {"root": pictures, "train": ["train"], "validate_on": ["val"], "batch": 4, "patch": 32},
            "model": dict(MODEL),
            "schedule": {"max_steps": 6, "warmup_steps": 4, "validate_minutes": 60},
            "run": {"out": tmp_path / "runs", "device": "cpu", "precision": "fp32", "tensorboard": False},
        }
        for key, value in settings.items():
            section, _, name = key.rpartition("__")
            (tree.setdefault(section, {}) if section else tree)[name] = value
        return Recipe.model_validate(tree)

    return make
