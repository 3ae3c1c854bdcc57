"""Validation in a run: the same numbers from any number of processes, and what is kept of the best weights."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pixelmend.data.validation import mean_scores
from pixelmend.models import read_metadata
from pixelmend.training import lessons, processes
from pixelmend.training.examiner import Examiner
from pixelmend.training.module import RestorationModule
from pixelmend.training.schedule import Budget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.training.recipe import Recipe

    Make = Callable[..., Recipe]

CPU = torch.device("cpu")


def _exam(recipe: Recipe, folder: Path) -> tuple[Examiner, RestorationModule]:
    made = lessons.load(recipe, CPU, tell=lambda _: None)
    module = RestorationModule(recipe, made, Budget(10, None))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in module.ema.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return Examiner(folder, lessons.validation_set(recipe, CPU), recipe.validation, None), module


def test_the_scores_are_the_means_of_every_picture(recipe: Make, tmp_path: Path) -> None:
    examiner, module = _exam(recipe(), tmp_path)
    scores = examiner.examine(module)
    each = examiner.validation.score(module.ema, ("noise_level",), precision=torch.float32, measures=examiner.measures)
    assert scores == mean_scores(each)
    assert set(scores) == {"psnr", "ssim"}
    assert scores["psnr"]["σ25"] == np.mean([s["psnr"] for s in each if s["case"] == "σ25"])
    assert examiner.chosen(scores) == pytest.approx(np.mean(list(scores["psnr"].values())))


@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_give_the_same_bits(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    examiner, module = _exam(recipe(), tmp_path)
    alone = examiner.examine(module)
    shares = [
        examiner.validation.score(
            module.ema, ("noise_level",), precision=torch.float32, measures=examiner.measures, share=(rank, count)
        )
        for rank in range(count)
    ]

    def gathered(mine: list[Any]) -> list[Any]:
        assert mine == shares[1]
        return [each for share in shares for each in share]

    monkeypatch.setattr(processes, "rank", lambda: 1)
    monkeypatch.setattr(processes, "count", lambda: count)
    monkeypatch.setattr(processes, "from_all", gathered)
    assert examiner.examine(module) == alone


def test_pictures_of_one_name_in_two_folders_are_two(recipe: Make, pictures: Path, tmp_path: Path) -> None:
    for folder, source in (("one", "4.png"), ("two", "5.png")):
        (tmp_path / folder).mkdir()
        shutil.copy(pictures / "val" / source, tmp_path / folder / "same.png")
    chain = {"validation__chains": ("blur(kernel_sigma=1)",)}  # no noise, which would hang on the name
    found = []
    for folders in (("one",), ("two",), ("one", "two")):
        wanted = recipe(data__validate_on=[tmp_path / name for name in folders], **chain)
        found.append(next(iter(_examined(wanted, tmp_path)["psnr"].values())))
    assert found[0] != found[1]
    assert found[2] == pytest.approx((found[0] + found[1]) / 2)


def _examined(recipe: Recipe, folder: Path) -> dict[str, dict[str, float]]:
    examiner, module = _exam(recipe, folder)
    return examiner.examine(module)


def test_what_is_chosen_by_is_to_be_high(recipe: Make, tmp_path: Path) -> None:
    scores = {"psnr": {"a": 30.0, "b": 20.0}, "ssim": {"a": 0.9, "b": 0.7}, "lpips": {"a": 0.1, "b": 0.3}}
    expected = {"psnr": 25.0, "ssim": 0.8, "lpips": -0.2}
    for name, value in expected.items():
        wanted = recipe()
        settings = wanted.validation.model_copy(update={"choose_by": name})
        examiner = Examiner(tmp_path, lessons.validation_set(wanted, CPU), settings, None)
        assert examiner.chosen(scores) == pytest.approx(value)


def test_only_better_weights_replace_the_best(recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RestorationModule, "pixels_per_step", 1000)
    examiner, module = _exam(recipe(), tmp_path)
    module.objective.described = "VGG19 conv1_2"
    scores = {"psnr": {"σ25": 30.0}}
    module.steps_done = 5
    examiner.keep(module, scores, better=True)
    module.steps_done = 6
    examiner.keep(module, scores, better=False)
    best, last = (read_metadata(tmp_path / f"{name}.safetensors") for name in ("weights", "last"))
    assert (best["step"], last["step"]) == (5, 6)
    assert best["features"] == "VGG19 conv1_2"
    assert best["validation"] == scores
    assert best["mpx"] == pytest.approx(0.005)
    monkeypatch.setattr(processes, "rank", lambda: 1)
    module.steps_done = 7
    examiner.keep(module, scores, better=True)
    assert read_metadata(tmp_path / "weights.safetensors")["step"] == 5
