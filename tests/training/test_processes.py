"""Several processes are one run: their weights are those of one process with a batch as large as all of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pixelmend.models.weights import read_tensors
from pixelmend.training import processes
from pixelmend.training.journal import read_rows
from pixelmend.training.run import train
from pixelmend.training.state import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.training.recipe import Recipe

PROGRAM = """
import sys, torch
from pixelmend.training import Recipe, train
torch.set_num_threads(1)
train(Recipe.model_validate_json(sys.argv[1]), resume=sys.argv[2] == "resume")
"""
STEPS = 8


def _quiet(_: str) -> None:
    return None


def _two(recipe: Recipe, how: str = "start") -> str:
    """Run a recipe in two processes as torchrun starts them; what they print."""
    program = recipe.run.out / "program.py"
    recipe.run.out.mkdir(parents=True, exist_ok=True)
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*command, str(program), recipe.model_dump_json(), how],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _state(recipe: Recipe) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return read_tensors(recipe.run.out / recipe.name / STATE)


def _distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], start: dict[str, torch.Tensor]) -> float:
    """How far two networks are apart, as a share of how far they have come."""
    names = [name for name in one if name.startswith("model.")]
    apart = sum(float((one[n] - other[n]).square().sum()) for n in names)
    come = sum(float((one[n] - start[n]).square().sum()) for n in names)
    return float((apart / come) ** 0.5)


@pytest.mark.parametrize(
    ("strategy", "adversarial"), [("ddp", 0.0), ("ddp", 0.05), ("fsdp", 0.0)], ids=["ddp", "ddp-adversary", "fsdp"]
)
def test_two_processes_give_the_weights_of_one_with_twice_the_batch(
    recipe: Callable[..., Recipe], strategy: str, adversarial: float
) -> None:
    settings: dict[str, Any] = {
        "schedule__max_steps": STEPS,
        "loss__adversarial": adversarial,
        "loss__discriminator_width": 8,
        "loss__adversary": "hinge",  # the relativistic game compares within a part of the batch
        "validation__samples": 1,
    }
    one = recipe(name="one", data__batch=8, optimizer__accumulate=2, **settings)
    train(one, tell=_quiet)
    two = recipe(name="two", data__batch=4, run__strategy=strategy, **settings)
    told = _two(two)
    assert told.count("going on") == 0
    assert told.count("validated at step") == 1  # only the first process tells
    tensors, header = _state(two)
    assert header["step"] == STEPS
    start = recipe(name="begin", data__batch=8, optimizer__accumulate=2, **{**settings, "schedule__max_steps": 1})
    train(start, tell=_quiet)
    begin = read_tensors(start.run.out / "begin" / "state.previous.safetensors")[0]
    assert _distance(_state(one)[0], tensors, begin) < 1e-3  # half of the batch would be at 0.8
    scores = [read_rows(r.run.out / r.name / "validation.csv")[-1] for r in (one, two)]
    assert scores[1]["psnr"] == pytest.approx(scores[0]["psnr"], abs=2e-3)
    assert scores[1]["ssim"] == pytest.approx(scores[0]["ssim"], abs=1e-4)
    rows = [read_rows(r.run.out / r.name / "train.csv")[-1] for r in (one, two)]
    assert rows[0]["mpx"] == rows[1]["mpx"]


def test_two_processes_go_on_where_they_stopped(recipe: Callable[..., Recipe]) -> None:
    straight, cut = recipe(name="straight"), recipe(name="cut", schedule__max_steps=3)
    _two(straight)
    _two(cut)
    told = _two(recipe(name="cut"), "resume")
    assert "going on from step 3" in told
    one, other = (_state(r)[0] for r in (straight, cut))
    moved = {name: torch.zeros_like(value) for name, value in one.items()}
    # The cosine of three steps is another than that of six: only the batches can be compared.
    assert _state(cut)[1]["step"] == 6
    assert one.keys() == other.keys()
    assert _distance(one, other, moved) < 0.5


def test_the_numbers_of_the_launcher_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert processes.launched() is None
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("WORLD_SIZE", "12")
    monkeypatch.setenv("RANK", "7")
    assert processes.launched() == (4, 3)
    assert processes.rank() == 7


def test_alone_there_is_nothing_to_agree_on() -> None:
    assert processes.count() == 1
    assert processes.from_first([1, 2]) == [1, 2]
    assert processes.from_all([1]) == [1]
    assert processes.any_of(True, False) == [True, False]
    tensor = torch.ones(2)
    assert processes.whole(tensor) is tensor
    assert processes.like(tensor, torch.zeros(2)) is tensor
