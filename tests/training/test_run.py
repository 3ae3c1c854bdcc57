"""Whole runs on a few small pictures: they learn, they can be cut anywhere, and they say what is wrong."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pixelmend.data.validation import ValidationSet, mean_scores
from pixelmend.errors import DataError, ModelError, UsageError
from pixelmend.models import load_model, read_metadata
from pixelmend.models.weights import read_tensors, write_tensors
from pixelmend.training.journal import read_rows
from pixelmend.training.recipe import Recipe
from pixelmend.training.run import train
from pixelmend.training.start import first_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALWAYS = 1e-9
"""Minutes between validations that let every step be followed by one."""


class Identity(torch.nn.Module):
    """Gives back what comes in."""

    def forward(self, degraded: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        """``degraded``."""
        return degraded


def _quiet(_: str) -> None:
    return None


@pytest.fixture(autouse=True)
def _a_terminal() -> Iterator[None]:
    """Ctrl-C does what it does in a terminal: a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _asks_to_stop(at: str, *, times: int = 1) -> Callable[[str], None]:
    """Somebody who presses Ctrl-C when a line begins as given."""

    def tell(line: str) -> None:
        if line.startswith(at):
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    return tell


def _state(recipe: Recipe) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return read_tensors(recipe.run.out / recipe.name / "state.safetensors")


def _rows(recipe: Recipe, kind: str) -> list[dict[str, float]]:
    return read_rows(recipe.run.out / recipe.name / f"{kind}.csv")


def _psnr(validation: ValidationSet, model: torch.nn.Module) -> dict[str, float]:
    return mean_scores(validation.score(model, ("noise_level",), precision=torch.float32))["psnr"]


def _same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_short_run_learns_to_denoise(recipe: Callable[..., Recipe], pictures: Path) -> None:
    wanted = recipe(schedule__max_steps=90, run__precision="bf16", optimizer__adam_rate=0.005, damage__sigma_min=10)
    told: list[str] = []
    weights = train(wanted, tell=told.append)
    header = read_metadata(weights)
    assert Recipe.model_validate(header["recipe"]).published() == wanted.published()
    assert str(pictures) not in str(header)  # where pictures lie on one machine is no part of what is published
    assert header["step"] == 90
    assert header["mpx"] == pytest.approx(90 * 4 * 32 * 32 / 1e6)
    assert header["minutes"] > 0

    validation = ValidationSet([pictures / "val"], torch.device("cpu"), multiple_of=8)
    degraded = _psnr(validation, Identity())
    restored = _psnr(validation, load_model(weights))
    assert restored["σ50"] > degraded["σ50"] + 3
    assert restored["σ25"] > degraded["σ25"] + 1.5
    assert header["validation"]["psnr"] == pytest.approx(restored, abs=0.1)  # measured in bf16

    log = _rows(wanted, "train")
    assert [row["step"] for row in log] == [10, 50, 90]
    assert log[1]["loss"] < log[0]["loss"]
    assert log[1]["psnr"] > log[0]["psnr"]
    assert log[1]["mpx_per_second"] > 0
    (scored,) = _rows(wanted, "validation")
    assert scored["step"] == 90
    assert scored["psnr_sigma25"] == pytest.approx(header["validation"]["psnr"]["σ25"], rel=1e-6)
    assert 0 < scored["ssim"] < 1
    assert "4 pictures to learn from, 2 to choose by" in told[0]
    assert "Mpx/s" in told[1]
    assert "of matrix rate" in told[1]


def test_an_interrupted_run_goes_on_bit_for_bit(recipe: Callable[..., Recipe]) -> None:
    """Whether it was cut or not, and whether it validated in between or not."""
    straight = recipe(name="straight")
    weights = train(straight, tell=_quiet)
    cut = recipe(name="cut", schedule__validate_minutes=ALWAYS)
    with pytest.raises(KeyboardInterrupt):
        train(cut, tell=_asks_to_stop("validated at step 3"))
    assert _state(cut)[1]["step"] == 3
    resumed = train(cut, resume=True, tell=_quiet)
    assert _state(cut)[1]["step"] == 6
    assert _same_bits(_state(straight)[0], _state(cut)[0])
    assert any(key.startswith("model_optimizer.") for key in _state(cut)[0])
    assert [row["step"] for row in _rows(cut, "validation")] == [1, 2, 3, 4, 5, 6]
    last = [read_tensors(path.with_name("last.safetensors"))[0] for path in (weights, resumed)]
    assert _same_bits(*last)


def test_a_run_cut_between_validations_keeps_its_last_step(recipe: Callable[..., Recipe]) -> None:
    straight, cut = recipe(name="straight", schedule__max_steps=12), recipe(name="cut", schedule__max_steps=12)
    train(straight, tell=_quiet)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        _asks_to_stop("step 10/12")(line)

    with pytest.raises(KeyboardInterrupt):
        train(cut, tell=tell)
    assert told[-1] == "interrupted at step 10; the state is kept: go on with --resume"
    assert not (cut.run.out / "cut" / "weights.safetensors").exists()
    train(cut, resume=True, tell=_quiet)
    assert _same_bits(_state(straight)[0], _state(cut)[0])


def test_asked_twice_it_stops_at_once_and_the_last_state_stays(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(schedule__validate_minutes=ALWAYS)
    with pytest.raises(KeyboardInterrupt):
        train(wanted, tell=_asks_to_stop("validated at step 3", times=2))
    assert _state(wanted)[1]["step"] == 2
    train(wanted, resume=True, tell=_quiet)
    assert _state(wanted)[1]["step"] == 6


def test_signals_are_given_back_however_a_run_ends(recipe: Callable[..., Recipe]) -> None:
    def handlers() -> list[object]:
        return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    before = handlers()
    wanted = recipe(schedule__validate_minutes=ALWAYS)
    for times in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            train(wanted, tell=_asks_to_stop("validated", times=times), resume=times == 2)
        assert handlers() == before
    train(wanted, resume=True, tell=_quiet)
    assert handlers() == before


def test_sigterm_is_a_request_to_stop_too(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(schedule__validate_minutes=ALWAYS)

    def tell(line: str) -> None:
        if line.startswith("validated at step 2"):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train(wanted, tell=tell)
    assert _state(wanted)[1]["step"] == 2


def test_a_run_outside_the_main_thread_leaves_the_signals_alone(recipe: Callable[..., Recipe]) -> None:
    with ThreadPoolExecutor(1) as pool:
        weights = pool.submit(train, recipe(schedule__max_steps=2), tell=_quiet).result()
    assert read_metadata(weights)["step"] == 2


def test_every_run_of_a_recipe_is_the_same_and_another_seed_is_another(recipe: Callable[..., Recipe]) -> None:
    torch.manual_seed(0)
    states = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        wanted = recipe(name=name, seed=seed, schedule__max_steps=2)
        train(wanted, tell=_quiet)
        states.append(_state(wanted)[0])
        torch.rand(3)  # whatever the program draws beside it must not matter
    assert _same_bits(states[0], states[1])
    assert not _same_bits(states[0], states[2])


def test_a_finished_run_takes_no_step_more(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(schedule__max_steps=2)
    train(wanted, tell=_quiet)
    before = _state(wanted)[0]
    train(wanted, resume=True, tell=_quiet)
    tensors, header = _state(wanted)
    assert header["step"] == 2
    assert _same_bits(tensors, before)


def test_a_finished_run_goes_on_with_a_larger_budget_but_not_with_another_recipe(recipe: Callable[..., Recipe]) -> None:
    train(recipe(schedule__max_steps=1), tell=_quiet)
    for settings, section in (
        ({"seed": 2}, "seed"),
        ({"damage__sigma_max": 50}, "damage"),
        ({"optimizer__muon_rate": 0.01}, "optimizer"),
        ({"data__batch": 2}, "data"),
        ({"model__context": ()}, "model"),
    ):
        with pytest.raises(UsageError, match=f"another '{section}' than the recipe"):
            train(recipe(schedule__max_steps=1, **settings), resume=True, tell=_quiet)
    described = [{"name": "waves and discs", "pictures": 4, "licence": "none"}]
    train(recipe(schedule__max_steps=3, data__sources=described), resume=True, tell=_quiet)
    assert _state(recipe())[1]["step"] == 3


def test_the_folder_decides_what_resume_means(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(schedule__max_steps=1)
    with pytest.raises(UsageError, match=r"nothing to resume in .*/runs/run: start the run without --resume"):
        train(wanted, resume=True, tell=_quiet)
    train(wanted, tell=_quiet)
    with pytest.raises(UsageError, match=r"/runs/run holds a run already: go on with --resume"):
        train(wanted, tell=_quiet)


def test_a_broken_state_is_told(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(schedule__max_steps=1)
    train(wanted, tell=_quiet)
    path = wanted.run.out / "run" / "state.safetensors"
    tensors, header = read_tensors(path)
    del tensors["model.head.bias"]
    write_tensors(tensors, path, header)
    with pytest.raises(ModelError, match="does not fit this network"):
        train(wanted, resume=True, tell=_quiet)


def test_a_budget_in_minutes_ends_on_time(recipe: Callable[..., Recipe]) -> None:
    seconds = 1.5
    wanted = recipe(schedule__max_steps=None, schedule__max_minutes=seconds / 60)
    begin = time.perf_counter()
    train(wanted, tell=_quiet)
    assert time.perf_counter() - begin < seconds + 10
    header = _state(wanted)[1]
    assert 0.5 * seconds < header["elapsed"] < seconds + 1
    assert header["step"] > 10
    assert header["planned"] < 10**6


def test_it_stops_early_where_nothing_gets_better(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(
        schedule__max_steps=1000,
        schedule__validate_minutes=ALWAYS,
        schedule__patience=2,
        optimizer__muon_rate=1e-12,
        optimizer__adam_rate=1e-12,
        optimizer__decay=0,
    )
    told: list[str] = []
    weights = train(wanted, tell=told.append)
    assert [row["step"] for row in _rows(wanted, "validation")] == [1, 2, 3]
    assert told[-1] == "stopping early: no better score in 2 validations"
    assert read_metadata(weights)["step"] == 1


def test_a_chain_of_damage_is_learnt_from(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(
        schedule__max_steps=2, damage__chain="blur(kernel_sigma=1) | noise(sigma=5..25) | jpeg(quality=40..90)"
    )
    weights = train(wanted, tell=_quiet)
    assert read_metadata(weights)["recipe"]["damage"]["chain"] == wanted.damage.chain
    with pytest.raises(UsageError, match=r"makes \(48, 48\) of \(96, 96\).* give the network the scale"):
        train(recipe(name="small", damage__chain="downscale(scale=2)"), tell=_quiet)


def test_pictures_beyond_the_buffer_are_streamed_and_a_run_goes_on_bit_for_bit(
    recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    """Each picture is a shard of its own here, two are resident, and every second step another one comes."""
    streamed = {"data__buffer_mb": 0.09, "data__window": 2, "data__cache": tmp_path / "cache"}
    whole = recipe(name="whole", **streamed)
    told: list[str] = []
    train(whole, tell=told.append)
    assert any("4 pictures to learn from" in line for line in told)
    cut = recipe(name="cut", schedule__validate_minutes=ALWAYS, **streamed)
    with pytest.raises(KeyboardInterrupt):
        train(cut, tell=_asks_to_stop("validated at step 3"))
    train(cut, resume=True, tell=_quiet)
    assert _same_bits(_state(whole)[0], _state(cut)[0])
    in_memory = recipe(name="memory")
    train(in_memory, tell=_quiet)
    assert not _same_bits(_state(whole)[0], _state(in_memory)[0])


def test_missing_pictures_are_told_before_anything_is_written(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    for settings in ({"data__train": ["none"]}, {"data__validate_on": ["none"]}, {"data__root": tmp_path / "no"}):
        with pytest.raises(DataError, match="no folder"):
            train(recipe(**settings), tell=_quiet)
    with pytest.raises(DataError, match=r"cannot use 4 pictures .*0.png: is 96×96, training crops 128×128"):
        train(recipe(data__patch=64), tell=_quiet)
    assert not (tmp_path / "runs").exists()


def test_a_run_starts_from_the_weights_that_it_names(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    first = train(recipe(schedule__max_steps=2, name="first"), tell=_quiet)
    wanted = recipe(start=first, seed=7)
    begun = first_network(wanted).state_dict()
    assert _same_bits(begun, load_model(first).state_dict())
    assert not _same_bits(begun, first_network(recipe(seed=7)).state_dict())
    told: list[str] = []
    shorter = first_network(recipe(start=first, model__context=()), told.append)
    assert torch.equal(shorter.state_dict()["stem.weight"], load_model(first).state_dict()["stem.weight"])
    assert "tensors" in told[0]
    with pytest.raises(ModelError, match="no weights at"):
        first_network(recipe(start=tmp_path / "nowhere.safetensors"))
    assert Recipe.model_validate(read_metadata(train(wanted, tell=_quiet))["recipe"]).start == Path(first.name)
