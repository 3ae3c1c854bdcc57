"""A run scores as the protocol says, goes on where it stopped, and survives pictures that fail."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import pyvips

from pixelmend.data.benchmarks import find_benchmark
from pixelmend.errors import DataError, ModelError, UnwritableError, UsageError
from pixelmend.evaluation import Plan, Results, Setup, Step, count_missing, evaluate
from pixelmend.evaluation.methods import GRAY, RGB, Noisy
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Pixels = npt.NDArray[np.float32]


class Shifted:
    """Gives a flat picture, whatever came in: against a flat clean one its PSNR is known."""

    name = "shifted"
    label = "shifted"
    parameters: int | None = 1_500_000
    weights = "ab" * 32
    colors = RGB | GRAY

    def __init__(self, level: float = 0.6) -> None:
        self.level = level
        self.calls = 0
        self.broken_at: int | None = None

    def restore(self, degraded: Pixels, sigma: float) -> Pixels:  # noqa: ARG002, D102
        self.calls += 1
        if self.calls == self.broken_at:
            raise ModelError("the network gave values that are not finite")
        return np.full_like(degraded, self.level)


@pytest.fixture
def shifted() -> Shifted:
    return Shifted()


@pytest.fixture
def flat_sets(tmp_path: Path) -> Path:
    """Three flat pictures of level 128 as Kodak24 and two as BSD68, in a folder to search."""
    root = tmp_path / "sets"
    for name, count in (("kodak24", 3), ("bsd68", 2)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((16, 20, 3), 128, np.uint8)
            pyvips.Image.new_from_array(pixels).write_to_file(str(root / name / f"p{i}.png"))
    return root


SETUP = Setup(threads=1)


def quiet(step: Step) -> None:
    pass


@pytest.fixture
def plan_for(flat_sets: Path) -> Callable[..., Plan]:
    def plan(method: object, *, sets: tuple[str, ...] = ("kodak24",), limit: int | None = None) -> Plan:
        found = tuple(find_benchmark(flat_sets, name) for name in sets)
        return Plan(found, (method,), (15.0, 25.0), seed=0, setup=SETUP, limit=limit)  # type: ignore[arg-type]

    return plan


def test_scores_are_those_known_by_hand(plan_for: Callable[..., Plan], shifted: Shifted, tmp_path: Path) -> None:
    entries = evaluate(plan_for(shifted, sets=("kodak24", "bsd68")), Results(tmp_path / "r.json"), quiet)
    assert [(entry.dataset, entry.sigma, len(entry.pictures)) for entry in entries] == [
        ("kodak24", 15.0, 3),
        ("kodak24", 25.0, 3),
        ("bsd68", 15.0, 2),
        ("bsd68", 25.0, 2),
    ]
    expected = -20 * math.log10((153 - 128) / 255)  # 0.6 is level 153 of 255
    for entry in entries:
        assert entry.mean("psnr") == pytest.approx(expected, abs=1e-4)
        assert 0.9 < entry.mean("ssim") < 1
        assert entry.protocol.color == ("gray" if entry.dataset == "bsd68" else "rgb")


def test_the_method_is_given_noise_of_the_level_that_is_not_clipped(flat_sets: Path, tmp_path: Path) -> None:
    seen = []

    class Spy(Noisy):
        def restore(self, degraded: Pixels, sigma: float) -> Pixels:
            seen.append((degraded, sigma))
            return degraded

    benchmark = find_benchmark(flat_sets, "kodak24")
    plan = Plan((benchmark,), (Spy(),), (200.0,), seed=0, setup=SETUP)
    entry = evaluate(plan, Results(tmp_path / "r.json"), quiet)[0]
    degraded, sigma = seen[0]
    clean = benchmark.load(benchmark.paths[0])
    assert sigma == 200
    assert (degraded - clean).std() * 255 == pytest.approx(200, rel=0.05)
    assert degraded.max() > 1.2
    rounded = np.round(np.clip(degraded, 0, 1) * 255) / 255
    assert entry.pictures["p0"].psnr == pytest.approx(psnr(rounded, clean, data_range=1.0), abs=1e-6)


def test_a_stopped_run_goes_on_where_it_stopped(
    plan_for: Callable[..., Plan], shifted: Shifted, tmp_path: Path
) -> None:
    plan = plan_for(shifted)

    def stop_at_four(step: Step) -> None:
        if shifted.calls == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(plan, Results(tmp_path / "r.json"), stop_at_four)
    results = Results(tmp_path / "r.json")
    assert count_missing(plan, results) == 2
    steps: list[Step] = []
    entries = evaluate(plan, results, steps.append)
    assert shifted.calls == 6
    assert [step.reused for step in steps] == [True, True, True, True, False, False]
    assert [len(entry.pictures) for entry in entries] == [3, 3]
    assert count_missing(plan, Results(tmp_path / "r.json")) == 0


@pytest.mark.parametrize("change", ["weights", "seed", "pixels", "threads"])
def test_scores_of_anything_else_are_not_taken_over(
    plan_for: Callable[..., Plan], shifted: Shifted, flat_sets: Path, tmp_path: Path, change: str
) -> None:
    results = Results(tmp_path / "r.json")
    evaluate(plan_for(shifted), results, quiet)
    setup, seed = SETUP, 0
    if change == "weights":
        shifted.weights = "cd" * 32
    elif change == "seed":
        seed = 1
    elif change == "threads":
        setup = Setup(threads=2)
    else:
        (flat_sets / "kodak24" / "p0.png").unlink()
    benchmark = find_benchmark(flat_sets, "kodak24")
    plan = Plan((benchmark,), (shifted,), (15.0, 25.0), seed=seed, setup=setup)
    assert count_missing(plan, results) == 2 * len(benchmark.paths)


def test_a_longer_run_takes_over_a_limited_one_and_the_other_way_round(
    plan_for: Callable[..., Plan], shifted: Shifted, tmp_path: Path
) -> None:
    results = Results(tmp_path / "r.json")
    assert len(evaluate(plan_for(shifted, limit=1), results, quiet)[0].pictures) == 1
    assert len(evaluate(plan_for(shifted), results, quiet)[0].pictures) == 3
    assert shifted.calls == 6
    assert list(evaluate(plan_for(shifted, limit=2), results, quiet)[0].pictures) == ["p0", "p1"]
    assert shifted.calls == 6


def test_pictures_that_fail_are_named_retried_and_hold_nothing_up(
    plan_for: Callable[..., Plan], shifted: Shifted, flat_sets: Path, tmp_path: Path
) -> None:
    (flat_sets / "kodak24" / "p1.png").write_bytes(b"broken")
    shifted.broken_at = 2
    results = Results(tmp_path / "r.json")
    entry = evaluate(plan_for(shifted), results, quiet)[0]
    assert list(entry.pictures) == ["p0"]
    assert "p1" in entry.failed["p1"]
    assert "not finite" in entry.failed["p2"]
    again = evaluate(plan_for(shifted), Results(tmp_path / "r.json"), quiet)[0]
    assert list(again.pictures) == ["p0", "p2"]
    assert list(again.failed) == ["p1"]


def test_a_result_of_another_shape_is_a_failure(
    plan_for: Callable[..., Plan], shifted: Shifted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shifted, "restore", lambda degraded, _: degraded[:-1])
    entry = evaluate(plan_for(shifted), Results(tmp_path / "r.json"), quiet)[0]
    assert len(entry.failed) == 3
    assert "one shape" in entry.failed["p0"]
    with pytest.raises(DataError, match="every picture failed"):
        entry.mean("psnr")


def test_an_infinite_score_is_no_score(plan_for: Callable[..., Plan], flat_sets: Path, tmp_path: Path) -> None:
    black = pyvips.Image.black(20, 16, bands=3)
    black.write_to_file(str(flat_sets / "kodak24" / "p1.png"))
    entry = evaluate(plan_for(Shifted(level=0)), Results(tmp_path / "r.json"), quiet)[0]
    assert list(entry.failed) == ["p1"]
    assert "infinite" in entry.failed["p1"]
    json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)


def test_sets_that_a_method_cannot_take_are_left_out(
    plan_for: Callable[..., Plan], shifted: Shifted, tmp_path: Path
) -> None:
    shifted.colors = GRAY
    plan = plan_for(shifted, sets=("kodak24", "bsd68"))
    entries = evaluate(plan, Results(tmp_path / "r.json"), quiet)
    assert {entry.dataset for entry in entries} == {"bsd68"}
    with pytest.raises(UsageError, match="no method takes"):
        plan_for(shifted, sets=("kodak24",))


def test_what_cannot_be_measured_is_refused(plan_for: Callable[..., Plan], shifted: Shifted) -> None:
    benchmarks = plan_for(shifted).benchmarks
    for sigma in (0.0, -1.0, 256.0, math.nan):
        with pytest.raises(UsageError, match="sigma"):
            Plan(benchmarks, (shifted,), (sigma,), seed=0, setup=SETUP)
    with pytest.raises(UsageError, match="limit"):
        Plan(benchmarks, (shifted,), (15.0,), seed=0, setup=SETUP, limit=0)


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    plan_for: Callable[..., Plan], shifted: Shifted, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnwritableError, match="cannot make the folder"):
        evaluate(plan_for(shifted), Results(tmp_path / "file" / "r.json"), quiet)
    assert shifted.calls == 0
