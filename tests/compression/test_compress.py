"""The whole of it: a smaller network with its figures, that restores; or nothing, and why."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelmend import restore
from pixelmend.compression import CompressOptions, Figures, compress, table
from pixelmend.compression.compress import BUDGET_DB, BUDGET_PRUNED_DB, REPORT, WEIGHTS, in_small_steps, refuse
from pixelmend.errors import DataError, ModelError, UsageError
from pixelmend.models import load_hybrid, read_metadata
from pixelmend.models.rounding import points
from pixelmend.training import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
FIRST = Figures("original", 1000, 500, 10.0, 2.0, 1.0, 100.0, {"σ15": 34.0, "σ25": 32.0}, 0.0)


def changed(**fields: object) -> Figures:
    return dataclasses.replace(FIRST, **fields)  # type: ignore[arg-type]


@pytest.mark.usefixtures("even_clock")
def test_what_is_written_is_smaller_and_restores(weights: Path, pictures: Path, tmp_path: Path) -> None:
    options = CompressOptions(data=pictures, share=0.3, steps=2, multiple=4, budget_db=40, device="cpu")
    told: list[str] = []
    out = tmp_path / "out"
    done = compress(weights, out, options, tell=told.append)
    name = "denoise-tiny-pruned30"
    assert {path.name for path in out.iterdir()} == {f"{name}.json", f"{name}.onnx", REPORT, WEIGHTS}

    first, pruned, last = done.figures
    assert [first.step, pruned.step, last.step] == ["original", "pruned 30%", "recovered 30%"]
    assert last.parameters == done.card.parameters == pytest.approx(0.7 * first.parameters, abs=0.02 * first.parameters)
    assert last.file_bytes == done.card.path.stat().st_size < first.file_bytes
    assert last.macs_per_pixel == done.card.macs_per_pixel < first.macs_per_pixel
    assert last.loss_db == pytest.approx(np.mean(list(first.psnr.values())) - np.mean(list(last.psnr.values())))
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    assert report["steps"] == [each.to_json() for each in done.figures]

    assert load_hybrid(out / WEIGHTS).config.widths[0] <= 16
    header = read_metadata(out / WEIGHTS)
    assert header["mpx"] > 1.25
    assert header["recipe"]["data"]["sources"][-1]["pictures"] == 5
    noisy = np.random.default_rng(0).random((32, 48, 3), dtype=np.float32)
    assert restore(noisy, task=done.card).shape == noisy.shape

    # The same again, but for what may be lost: it goes the very same way, and ends with nothing.
    other = tmp_path / "other"
    strict = dataclasses.replace(options, budget_db=-40)
    again: list[str] = []
    with pytest.raises(ModelError, match=r"refused, nothing was written: the result is worse by -?\d+\.\d{3} dB"):
        compress(weights, other, strict, tell=again.append)
    assert again == told
    assert not other.exists()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("budget", "wanted"),
    [({}, (300, 15.0)), ({"minutes": 2.0}, (300, 2.0)), ({"steps": 7}, (7, None)), ({"steps": 900}, (300, None))],
)
def test_learning_with_rounding_takes_no_more_than_was_given(
    budget: dict[str, Any], wanted: object, weights: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Enough(Exception):  # noqa: N818  (no error)
        """What was asked for has been seen."""

    def see(*given: Any, tell: object) -> None:
        plan = given[3].plan
        assert (plan.steps, plan.minutes) == wanted
        raise Enough

    monkeypatch.setattr("pixelmend.compression.quantize.quantize", see)
    options = CompressOptions(data=pictures, quantize="int8", device="cpu", **budget)
    with pytest.raises(Enough):
        compress(weights, pictures.parent / "never", options, tell=lambda _: None)


@pytest.mark.usefixtures("even_clock")
def test_int8_computes_with_whole_numbers_and_says_so(weights: Path, pictures: Path, tmp_path: Path) -> None:
    options = CompressOptions(data=pictures, quantize="int8", budget_db=10, device="cpu")
    done = compress(weights, tmp_path / "out", options, tell=lambda _: None)
    assert (done.card.name, done.card.precision, done.card.storage) == ("denoise-tiny-int8", "int8", "int8")
    first, last = done.figures
    assert (first.step, last.step) == ("original", "int8")
    assert last.file_bytes == done.card.path.stat().st_size
    assert 0 < abs(last.loss_db) < 1
    assert b"QuantizeLinear" in done.card.path.read_bytes()
    header = read_metadata(tmp_path / "out" / WEIGHTS)
    assert header["rounding"].keys() == points(load_hybrid(tmp_path / "out" / WEIGHTS)).keys()
    assert header["mpx"] == 1.25  # it lost less than it may, so it learnt nothing
    noisy = np.random.default_rng(0).random((32, 48, 3), dtype=np.float32)
    assert restore(noisy, task=done.card).shape == noisy.shape


def test_faults_are_told_with_their_figures() -> None:
    refuse([FIRST, changed(file_bytes=1000, speed=0.98, loss_db=0.1)], 0.1)
    with pytest.raises(ModelError, match=r"is larger \(0\.10 MB, the original 0\.00 MB\); prune it or"):
        refuse([FIRST, changed(file_bytes=100_000)], 0.1)
    with pytest.raises(ModelError, match=r"is slower \(×0\.96 of the original's speed\) and worse by 0\.110 dB, where"):
        refuse([FIRST, changed(speed=0.96, loss_db=0.11)], 0.1)
    with pytest.raises(ModelError, match="worse by nan dB"):
        refuse([FIRST, changed(loss_db=float("nan"))], 0.1)


def test_budgets_that_nobody_set(tmp_path: Path) -> None:
    assert CompressOptions(data=tmp_path, quantize="fp16").budget == BUDGET_DB
    assert CompressOptions(data=tmp_path, share=0.3).budget == BUDGET_PRUNED_DB
    assert CompressOptions(data=tmp_path, share=0.3, budget_db=0).budget == 0


@pytest.mark.parametrize(
    ("name", "patch", "batch"),
    [("photo-small", 128, 9), ("deblur-base", 128, 9), ("super-resolve-small-x3", 96, 16), ("denoise-small", 128, 9)],
)
def test_a_processor_learns_from_many_small_crops(name: str, patch: int, batch: int) -> None:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    small = in_small_steps(recipe)
    assert (small.data.patch, small.data.batch) == (patch, batch)
    assert patch % (recipe.model.multiple_of * recipe.model.scale) == 0
    assert small.damage == recipe.damage


def test_misuse_is_told_before_the_work(weights: Path, pictures: Path, tmp_path: Path) -> None:
    def run(**fields: object) -> None:
        options = dataclasses.replace(CompressOptions(data=pictures, share=0.3), **fields)  # type: ignore[arg-type]
        compress(weights, tmp_path / "out", options, tell=pytest.fail)

    with pytest.raises(UsageError, match="nothing to do: ask for --prune"):
        run(share=0.0)
    with pytest.raises(DataError, match="no folder"):
        run(data=tmp_path / "none")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        run()


def test_the_table_has_a_line_for_each_step() -> None:
    heads, first, second = table([FIRST, changed(step="int8", peak_mb=None, loss_db=0.05)]).splitlines()
    assert heads.split()[:3] == ["step", "MB", "parameters"]
    assert first.split()[-4:] == ["100", "34.00", "32.00", "+0.000"]
    assert second.split()[-4:] == ["–", "34.00", "32.00", "+0.050"]
    words = "downscale(scale=4)\n  | noise(sigma=25)"
    *_, note = table([changed(psnr={words: 30.0})]).splitlines()
    assert note == "dB (1): downscale(scale=4) | noise(sigma=25)"
