"""A recipe's pictures, pairs and frames make lessons; parts of a batch are numbered through all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from pixelmend.errors import DataError, UsageError
from pixelmend.training import lessons

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.data.batches import Batch
    from pixelmend.training.recipe import Recipe

    Make = Callable[..., Recipe]

CPU = torch.device("cpu")
PLAIN = {"data__jitter": 0, "data__gray": 0}


def _load(recipe: Recipe) -> lessons.Lessons:
    return lessons.load(recipe, CPU, tell=lambda _: None)


def _same(one: Batch, other: Batch) -> bool:
    return torch.equal(one.clean, other.clean) and torch.equal(one.degraded, other.degraded)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Pairs of pictures and their negatives, of half the size too; and a film of a square that moves."""
    generator = np.random.default_rng(0)
    for number in range(3):
        small = generator.integers(0, 256, (40, 44, 3), dtype=np.uint8)
        large = np.kron(small, np.ones((2, 2, 1), np.uint8))
        for kind, pixels in (("sharp", large), ("blur", 255 - large), ("half", 255 - small)):
            _save(tmp_path / "pairs" / kind / f"{number}.png", pixels)
    for number in range(9):
        frame = np.zeros((64, 64, 3), np.uint8)
        frame[:, 4 * number : 4 * number + 24] = 255
        _save(tmp_path / "film" / f"{number:03}.png", frame)
    return tmp_path


def test_parts_are_numbered_through_the_processes(recipe: Make) -> None:
    whole, parts = _load(recipe(data__batch=4)), _load(recipe(data__batch=8, optimizer__accumulate=2))
    assert (whole.parts, parts.parts) == (1, 2)
    batches = [parts(3, part, rank) for rank in range(2) for part in range(2)]
    assert [_same(batch, whole(3, 0, number)) for number, batch in enumerate(batches)] == [True] * 4
    assert not any(_same(batches[0], other) for other in batches[1:])
    assert not _same(batches[0], parts(4, 0, 0))
    assert _same(batches[2], parts(3, 0, 1))


def test_pictures_are_damaged_by_the_chain_of_the_recipe(recipe: Make) -> None:
    batch = _load(recipe())(0, 0, 0)
    assert batch.clean.shape == batch.degraded.shape == (4, 3, 32, 32)
    assert float((batch.degraded - batch.clean).std(dim=(1, 2, 3)).sub(batch.sigma01).abs().max()) < 0.02
    lost = _load(recipe(task="inpaint", damage__chain="missing_pixels(share=0.5)"))(0, 0, 0)
    assert lost.missing is not None
    assert lost.missing.shape == (4, 1, 32, 32)
    assert 0.3 < float(lost.missing.mean()) < 0.7
    small = _load(recipe(task="super-resolve", model__scale=2, damage__chain="downscale(scale=2)"))(0, 0, 0)
    assert small.degraded.shape == (4, 3, 16, 16)


@pytest.mark.parametrize(("degraded", "scale"), [("blur", 1), ("half", 2)])
def test_pairs_make_lessons(recipe: Make, scenes: Path, degraded: str, scale: int) -> None:
    pairs = {"data__kind": "pairs", "data__train": [scenes / "pairs"], "data__degraded": degraded, **PLAIN}
    made = _load(recipe(task="deblur", model__scale=scale, **pairs))
    assert len(made.store) == 3
    batch = made(0, 0, 0)
    assert batch.degraded.shape == (4, 3, 32 // scale, 32 // scale)
    enlarged = batch.degraded.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert torch.allclose(batch.clean, 1 - enlarged, atol=1e-6)
    assert not batch.sigma01.any()
    noisy = _load(recipe(task="deblur", model__scale=scale, damage__chain="noise(sigma=20)", **pairs))(0, 0, 0)
    assert torch.equal(noisy.clean, batch.clean)  # the damage comes on top of the pair
    assert torch.allclose(noisy.sigma01, torch.tensor(20 / 255))
    assert float((noisy.degraded - batch.degraded).std()) == pytest.approx(20 / 255, rel=0.1)


def test_frames_make_lessons(recipe: Make, scenes: Path) -> None:
    film = {"data__kind": "frames", "data__train": [scenes / "film"], "data__frames": (3, 5), **PLAIN}
    batch = _load(recipe(task="deblur", data__batch=16, **film))(0, 0, 0)
    assert batch.clean.shape == batch.degraded.shape == (16, 3, 32, 32)
    assert set(batch.clean.flatten().tolist()) == {0.0, 1.0}  # a frame of the film
    assert len(set(batch.degraded.flatten().tolist())) > 4  # the average of 3 to 5 of them
    assert not torch.equal(batch.clean, batch.degraded)
    # The middle frame lies in the middle: what it covers is covered for half of the time at least.
    assert float(batch.degraded[batch.clean == 1].min()) > 0.5
    with pytest.raises(DataError):
        _load(recipe(task="deblur", **{**film, "data__frames": (3, 11)}))


def test_what_validates_is_the_damage_that_is_named_most_closely(recipe: Make, scenes: Path) -> None:
    def cases(**settings: object) -> list[str]:
        return list(lessons.validation_set(recipe(**settings), CPU).cases)

    chain, other = "jpeg(quality=30)", "blur(kernel_sigma=1)"
    assert cases() == ["σ15", "σ25", "σ50"]
    assert cases(damage__chain=chain) == [chain]
    assert cases(damage__chain=chain, validation__chains=(other, chain)) == [other, chain]
    pairs = {"task": "deblur", "data__kind": "pairs", "data__train": [scenes / "pairs"]}
    with pytest.raises(UsageError, match=r"task deblur from pairs: name what to validate on in validation\.chains"):
        cases(**pairs)
    assert cases(**pairs, validation__chains=(other,)) == [other]


def test_validation_pictures_fit_the_network_and_its_scale(recipe: Make) -> None:
    enlarging = {"task": "super-resolve", "damage__chain": "downscale(scale=3)", "model__scale": 3}
    made = lessons.validation_set(recipe(**enlarging, data__patch=48), CPU)
    assert {picture.shape for _, picture in made.clean} == {(1, 3, 96, 96)}
    (sample,) = list(made.samples())[:1]
    assert sample.degraded.shape == (1, 3, 32, 32)
