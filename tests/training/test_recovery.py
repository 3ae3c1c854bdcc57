"""A run is never lost: killed at any moment it goes on bit for bit, and what diverges goes back to a good state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pixelmend.errors import ModelError, UnwritableError
from pixelmend.models.weights import read_tensors
from pixelmend.training.journal import read_rows
from pixelmend.training.module import RestorationModule
from pixelmend.training.run import train
from pixelmend.training.state import PREVIOUS, STATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.training.recipe import Recipe

    Make = Callable[..., Recipe]

ALWAYS = 1e-9
"""Minutes between saves that let every step be followed by one."""
PROGRAM = """
import sys, time, torch
from pixelmend.training import Recipe, train
from pixelmend.training.module import RestorationModule

def waits(module, optimizers, take_step=RestorationModule.take_step):
    # Whoever kills it may be kept waiting for a processor: it must not have ended by then.
    if module.steps_done >= int(sys.argv[3]):
        time.sleep(300)
    take_step(module, optimizers)

RestorationModule.take_step = waits
torch.set_num_threads(1)
train(Recipe.model_validate_json(sys.argv[1]), resume=sys.argv[2] == "resume")
"""


def _quiet(_: str) -> None:
    return None


def _start(recipe: Recipe, how: str, *, last: int) -> subprocess.Popen[bytes]:
    """A run in a process of its own, which waits behind its last step."""
    text = recipe.model_dump_json()
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, text, how, str(last)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def _step(path: Path) -> int:
    """The step of a stored state, 0 where there is none yet; a state is replaced whole, so it can always be read."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return int(json.loads(header["__metadata__"]["pixelmend"])["step"])


def _kill_at(running: subprocess.Popen[bytes], path: Path, step: int) -> None:
    """Kill -9 once the run has come this far; whatever it does at that moment."""
    end = time.monotonic() + 120
    while _step(path) < step:
        assert running.poll() is None, running.communicate()[1].decode()
        assert time.monotonic() < end
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()


def _states(recipe: Recipe) -> dict[str, torch.Tensor]:
    return read_tensors(recipe.run.out / recipe.name / STATE)[0]


def _same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_killed_twice_it_comes_to_the_very_same_weights(recipe: Make, adversarial: float) -> None:
    settings: dict[str, Any] = {
        "schedule__max_steps": 40,
        "loss__adversarial": adversarial,
        "loss__discriminator_width": 8,
        "loss__ramp_steps": 20,
        "loss__rest_above": 0.52,
        "validation__samples": 1,
    }
    straight = recipe(name="straight", **settings)
    train(straight, tell=_quiet)
    cut = recipe(name="cut", schedule__save_minutes=ALWAYS, schedule__validate_steps=15, **settings)
    path = cut.run.out / "cut" / STATE
    for how, step in (("start", 7), ("resume", 22)):
        _kill_at(_start(cut, how, last=step + 12), path, step)
        assert step <= _step(path) <= step + 12
    train(cut, resume=True, tell=_quiet)
    assert _same_bits(_states(straight), _states(cut))
    rows = read_rows(path.with_name("train.csv"))
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert [row["step"] for row in read_rows(path.with_name("validation.csv"))] == [15, 30, 40]


class Poison:
    """Spoils the weights before a step, at most so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, step: int, times: int, value: float) -> None:
        self.left = times
        take_step = RestorationModule.take_step

        def spoilt(module: RestorationModule, optimizers: list[torch.optim.Optimizer]) -> None:
            if module.steps_done == step and self.left:
                self.left -= 1
                with torch.no_grad():
                    module.model.get_parameter("head.bias").add_(value)
            take_step(module, optimizers)

        monkeypatch.setattr(RestorationModule, "take_step", spoilt)


@pytest.mark.parametrize(
    ("value", "reason"), [(float("nan"), "the pixel loss is nan"), (1e3, "the pixel loss rose from")]
)
def test_what_diverged_goes_back_with_half_the_rates(
    recipe: Make, monkeypatch: pytest.MonkeyPatch, value: float, reason: str
) -> None:
    poison = Poison(monkeypatch, step=23, times=2, value=value)
    wanted = recipe(schedule__max_steps=60, schedule__validate_steps=20)
    told: list[str] = []
    train(wanted, tell=told.append)
    assert poison.left == 0
    back = [line for line in told if "setback" in line]
    assert len(back) == 2
    assert back[0].startswith(reason)
    assert "at step 40: back to step 20 with the rates at 0.5 of what they were (setback 1 of 3)" in back[0]
    assert "the rates at 0.25 of what they were (setback 2 of 3)" in back[1]
    tensors, header = read_tensors(wanted.run.out / "run" / STATE)
    assert header["step"] == 60
    assert header["progress"]["setbacks"] == 2
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    rows = read_rows(wanted.run.out / "run" / "train.csv")
    assert [row["step"] for row in rows] == [10, 20, 40, 50, 60]
    assert rows[-2]["rate_factor"] < 0.25


def test_the_last_steps_are_not_lost_either(recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    Poison(monkeypatch, step=5, times=1, value=float("nan"))
    wanted = recipe(schedule__max_steps=6)
    told: list[str] = []
    weights = train(wanted, tell=told.append)
    assert any("the pixel loss is nan at step 6: back to step 0" in line for line in told)
    assert all(tensor.isfinite().all() for tensor in read_tensors(weights)[0].values())


def test_after_three_setbacks_it_stops_and_keeps_the_last_good_state(
    recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = Poison(monkeypatch, step=12, times=9, value=float("nan"))
    told: list[str] = []
    wanted = recipe(schedule__max_steps=30, schedule__validate_steps=10)
    with pytest.raises(
        ModelError,
        match=r"pixel loss is nan at step 20, after 3 setbacks .*start again with lower rates .*diverged_at=6$",
    ):
        train(wanted, tell=told.append)
    assert poison.left == 5
    assert sum("setback" in line for line in told) == 3
    tensors, header = read_tensors(wanted.run.out / "run" / STATE)
    assert header["step"] == 10
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_rates_that_are_too_high_are_found_and_halved(recipe: Make) -> None:
    told: list[str] = []
    wanted = recipe(
        schedule__max_steps=60, schedule__warmup_steps=0, schedule__kind="constant", optimizer__muon_rate=1,
        optimizer__adam_rate=1, optimizer__clip=1e6, schedule__setbacks=20,
    )  # fmt: skip
    train(wanted, tell=told.append)
    assert any("back to step" in line for line in told)
    assert read_tensors(wanted.run.out / "run" / STATE)[1]["course"]["scale"] < 1


def test_a_damaged_state_is_told_and_the_one_before_it_is_taken(recipe: Make) -> None:
    straight, wanted = recipe(name="straight"), recipe(schedule__validate_steps=3, schedule__max_steps=4)
    train(straight, tell=_quiet)
    train(wanted, tell=_quiet)
    path = wanted.run.out / "run" / STATE
    assert _step(path) == 4
    assert _step(path.with_name(PREVIOUS)) == 3
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    told: list[str] = []
    train(recipe(schedule__max_steps=6), resume=True, tell=told.append)
    assert any("is damaged" in line and "going on from the state before it" in line for line in told)
    assert any("going on from step 3" in line for line in told)
    path.with_name(PREVIOUS).unlink()
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="is damaged"):
        train(recipe(schedule__max_steps=7), resume=True, tell=_quiet)


def test_a_full_disk_ends_the_run_and_leaves_the_state_that_was_there(
    recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = recipe(schedule__validate_steps=2)
    fsync = os.fsync
    writes = {"left": 5}

    def full(number: int) -> None:
        writes["left"] -= 1
        if writes["left"] < 0:
            raise OSError(28, "No space left on device")
        fsync(number)

    monkeypatch.setattr("pixelmend.files.os.fsync", full)
    with pytest.raises(UnwritableError, match="No space left on device"):
        train(wanted, tell=_quiet)
    monkeypatch.setattr("pixelmend.files.os.fsync", fsync)
    path = wanted.run.out / "run" / STATE
    step = _step(path)
    read_tensors(path)
    assert not list(path.parent.glob(".*.part"))
    train(wanted, resume=True, tell=_quiet)
    straight = recipe(name="straight")
    train(straight, tell=_quiet)
    assert step in {0, 2, 4}
    assert _same_bits(_states(straight), _states(wanted))
