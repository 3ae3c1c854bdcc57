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
from pixelmend.errors import ModelError, UnwritableError, UsageError
from pixelmend.evaluation import Crops, Method, Plan, Problem, Results, Setup, Step, Trial, evaluate
from pixelmend.evaluation.cases import AsGiven, Noise, Smaller
from pixelmend.evaluation.method import GRAY
from pixelmend.evaluation.methods.classical import Unchanged
from pixelmend.evaluation.problem import TASKS
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

Pixels = npt.NDArray[np.float32]


class Flat(Method):
    """Gives a flat picture, whatever came in: against a flat clean one its PSNR is known."""

    name = "flat"
    tasks = frozenset(TASKS)
    scales = frozenset({1, 2})
    parameters = 1_500_000

    def __init__(self, level: float = 0.6) -> None:
        self.label = self.name
        self.weights = "ab" * 32
        self.level = level
        self.seen: list[Problem] = []
        self.broken_at: int | None = None

    def restore(self, problem: Problem) -> Pixels:
        """See ``Method.restore``."""
        self.seen.append(problem)
        if len(self.seen) == self.broken_at:
            raise ModelError("the network gave values that are not finite")
        return np.full(problem.wanted_shape, self.level, np.float32)

    def count_macs(self, problem: Problem) -> int:
        """See ``Method.count_macs``."""
        return problem.degraded.size * 1000


@pytest.fixture
def flat() -> Flat:
    return Flat()


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
NOISES = (Noise(15), Noise(25))


@pytest.fixture
def plan_for(flat_sets: Path) -> Callable[..., Plan]:
    def plan(method: Method, *, sets: tuple[str, ...] = ("kodak24",), limit: int | None = None) -> Plan:
        found = [find_benchmark(flat_sets, name) for name in sets]
        return Plan(tuple(Trial(each, case) for each in found for case in NOISES), (method,), SETUP, limit=limit)

    return plan


def run(plan: Plan, path: Path, on_step: Callable[[Step], None] = lambda _: None) -> list[Step]:
    steps: list[Step] = []

    def note(step: Step) -> None:
        steps.append(step)
        on_step(step)

    evaluate(plan, Results(path), note)
    return steps


def test_scores_are_those_known_by_hand(plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path) -> None:
    entries = evaluate(plan_for(flat, sets=("kodak24", "bsd68")), Results(tmp_path / "r.json"))
    assert [(entry.dataset, entry.case, len(entry.pictures)) for entry in entries] == [
        ("kodak24", "σ 15", 3),
        ("kodak24", "σ 25", 3),
        ("bsd68", "σ 15", 2),
        ("bsd68", "σ 25", 2),
    ]
    expected = -20 * math.log10((153 - 128) / 255)  # 0.6 is level 153 of 255
    for entry in entries:
        assert entry.mean("psnr") == pytest.approx(expected, abs=1e-4)
        assert 0.9 < (entry.mean("ssim") or 0) < 1
        assert entry.protocol.color == ("gray" if entry.dataset == "bsd68" else "rgb")
        assert entry.mean("gmacs") == pytest.approx(16 * 20 * (1 if entry.dataset == "bsd68" else 3) * 1e-6)
        assert entry.mean("lpips") is None


def test_the_method_is_given_noise_of_the_level_that_is_not_clipped(
    plan_for: Callable[..., Plan], flat: Flat, flat_sets: Path, tmp_path: Path
) -> None:
    benchmark = find_benchmark(flat_sets, "kodak24")
    plan = Plan((Trial(benchmark, Noise(200)), Trial(benchmark, Noise(200, blind=True))), (flat,), SETUP)
    told, blind = evaluate(plan, Results(tmp_path / "r.json"))
    problem = flat.seen[0]
    clean = benchmark.load(benchmark.paths[0])
    assert (problem.sigma, flat.seen[3].sigma) == (200, None)
    assert np.array_equal(flat.seen[3].degraded, problem.degraded)
    assert (problem.degraded - clean).std() * 255 == pytest.approx(200, rel=0.05)
    assert problem.degraded.max() > 1.2
    assert (told.protocol.told, blind.protocol.told) == ("its level", "nothing")


def test_pictures_are_scored_rounded_and_without_their_border(flat_sets: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (33, 40, 3), np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(flat_sets / "kodak24" / "p0.png"))
    benchmark = find_benchmark(flat_sets, "kodak24")
    plan = Plan((Trial(benchmark, Smaller(2)),), (Flat(0.5003),), SETUP, limit=1)
    (entry,) = evaluate(plan, Results(tmp_path / "r.json"))
    clean = pixels[:32] / 255
    wanted = psnr(np.full(clean.shape, 128 / 255), clean, data_range=1.0, color="y", crop_border=2)
    assert entry.pictures["p0"].psnr == pytest.approx(wanted, abs=1e-5)


def test_a_stopped_run_goes_on_where_it_stopped(plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path) -> None:
    plan = plan_for(flat)

    def stop_at_four(_: Step) -> None:
        if len(flat.seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, tmp_path / "r.json", stop_at_four)
    steps = run(plan, tmp_path / "r.json")
    assert len(flat.seen) == 6
    assert [step.reused for step in steps] == [True, True, True, True, False, False]
    assert (steps[0].total, steps[-1].done) == (2, 2)
    assert steps[-1].seconds_left == 0
    assert run(plan, tmp_path / "r.json")[-1].total == 0


def test_the_time_left_is_told_by_what_is_left(plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path) -> None:
    left = [step.seconds_left for step in run(plan_for(flat), tmp_path / "r.json")]
    known = [seconds for seconds in left if seconds is not None]
    assert len(known) == 6
    assert all(seconds > 0 for seconds in known[:-1])
    assert known[-1] == 0


@pytest.mark.parametrize("change", ["weights", "seed", "pixels", "threads"])
def test_scores_of_anything_else_are_not_taken_over(
    plan_for: Callable[..., Plan], flat: Flat, flat_sets: Path, tmp_path: Path, change: str
) -> None:
    run(plan_for(flat), tmp_path / "r.json")
    setup, seed = SETUP, 0
    if change == "weights":
        flat.weights = "cd" * 32
    elif change == "seed":
        seed = 1
    elif change == "threads":
        setup = Setup(threads=2)
    else:
        (flat_sets / "kodak24" / "p0.png").unlink()
    benchmark = find_benchmark(flat_sets, "kodak24")
    plan = Plan(tuple(Trial(benchmark, case) for case in NOISES), (flat,), setup, seed)
    assert run(plan, tmp_path / "r.json")[-1].total == 2 * len(benchmark.paths)


def test_a_longer_run_takes_over_a_limited_one_and_the_other_way_round(
    plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path
) -> None:
    results = Results(tmp_path / "r.json")
    assert len(evaluate(plan_for(flat, limit=1), results)[0].pictures) == 1
    assert len(evaluate(plan_for(flat), results)[0].pictures) == 3
    assert len(flat.seen) == 6
    assert list(evaluate(plan_for(flat, limit=2), results)[0].pictures) == ["p0", "p1"]
    assert len(flat.seen) == 6


def test_a_score_that_lacks_a_distance_is_measured_again(flat_sets: Path, flat: Flat, tmp_path: Path) -> None:
    def distance(restored: Tensor, clean: Tensor) -> Tensor:
        return (restored - clean).abs().mean(dim=(1, 2, 3))

    pixels = np.full((40, 40, 3), 128, np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(flat_sets / "kodak24" / "p0.png"))
    benchmark = find_benchmark(flat_sets, "kodak24")
    trials = (Trial(benchmark, Noise(15)),)
    evaluate(Plan(trials, (flat,), SETUP, limit=1), Results(tmp_path / "r.json"))
    plan = Plan(trials, (flat,), SETUP, limit=1, distances={"lpips": distance})
    for _ in range(2):
        (entry,) = evaluate(plan, Results(tmp_path / "r.json"))
        assert entry.mean("lpips") == pytest.approx(25 / 255, abs=1e-6)
    assert len(flat.seen) == 2


def test_a_distance_that_an_earlier_run_measured_is_kept(flat_sets: Path, flat: Flat, tmp_path: Path) -> None:
    def half(restored: Tensor, clean: Tensor) -> Tensor:
        return (restored - clean).abs().mean(dim=(1, 2, 3)) / 2

    pixels = np.full((40, 40, 3), 128, np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(flat_sets / "kodak24" / "p0.png"))
    trials = (Trial(find_benchmark(flat_sets, "kodak24"), Noise(15)),)
    for name in ("lpips", "dists"):
        evaluate(Plan(trials, (flat,), SETUP, limit=1, distances={name: half}), Results(tmp_path / "r.json"))
    (entry,) = Results(tmp_path / "r.json").entries.values()
    assert entry.mean("lpips") == entry.mean("dists") == pytest.approx(25 / 510, abs=1e-6)


def test_small_pictures_are_not_measured_again_for_a_distance(
    plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path
) -> None:
    def refuse(restored: Tensor, clean: Tensor) -> Tensor:
        raise AssertionError

    for _ in range(2):
        plan = Plan(plan_for(flat).trials, (flat,), SETUP, distances={"lpips": refuse})
        evaluate(plan, Results(tmp_path / "r.json"))
    assert len(flat.seen) == 6


def test_a_second_run_says_the_same_to_the_last_digit(flat_sets: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pyvips.Image.new_from_array(rng.integers(0, 256, (33, 40, 3), np.uint8)).write_to_file(
        str(flat_sets / "kodak24" / "p0.png")
    )
    plan = Plan((Trial(find_benchmark(flat_sets, "kodak24"), Noise(15)),), (Flat(0.513),), SETUP)
    first, second = (evaluate(plan, Results(tmp_path / "r.json"))[0].pictures for _ in range(2))
    assert first == second


def test_crops_that_are_missing_are_made_again(plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path) -> None:
    plan = plan_for(flat)
    evaluate(plan, Results(tmp_path / "r.json"))
    crops = Crops(tmp_path / "crops")
    evaluate(plan, Results(tmp_path / "r.json"), crops=crops)
    assert len(flat.seen) == 12
    evaluate(plan, Results(tmp_path / "r.json"), crops=crops)
    assert len(flat.seen) == 12
    evaluate(Plan(plan.trials, (flat,), SETUP, seed=1), Results(tmp_path / "r.json"), crops=crops)
    assert len(list((tmp_path / "crops").iterdir())) == 12


def test_a_crop_that_cannot_be_written_ends_the_run_and_nothing_is_lost(
    plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path
) -> None:
    (tmp_path / "crops").write_text("in the way")
    with pytest.raises(UnwritableError):
        evaluate(plan_for(flat), Results(tmp_path / "r.json"), crops=Crops(tmp_path / "crops"))
    (tmp_path / "crops").unlink()
    entries = evaluate(plan_for(flat), Results(tmp_path / "r.json"), crops=Crops(tmp_path / "crops"))
    assert [(len(entry.pictures), entry.failed) for entry in entries] == [(3, {}), (3, {})]


def test_libraries_that_fail_are_named(
    plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Problem) -> Pixels:
        raise ValueError("Image cannot be smaller than block size!")

    monkeypatch.setattr(flat, "restore", fail)
    entry = evaluate(plan_for(flat), Results(tmp_path / "r.json"))[0]
    assert entry.failed["p0"] == "flat failed on p0 (Image cannot be smaller than block size!)"


def test_pictures_that_fail_are_named_retried_and_hold_nothing_up(
    plan_for: Callable[..., Plan], flat: Flat, flat_sets: Path, tmp_path: Path
) -> None:
    (flat_sets / "kodak24" / "p1.png").write_bytes(b"broken")
    flat.broken_at = 2
    entry = evaluate(plan_for(flat), Results(tmp_path / "r.json"))[0]
    assert list(entry.pictures) == ["p0"]
    assert "p1" in entry.failed["p1"]
    assert "not finite" in entry.failed["p2"]
    again = evaluate(plan_for(flat), Results(tmp_path / "r.json"))[0]
    assert list(again.pictures) == ["p0", "p2"]
    assert list(again.failed) == ["p1"]


def test_what_a_set_brought_along_as_broken_is_told(plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path) -> None:
    plan = plan_for(flat)
    trial = Trial(plan.trials[0].benchmark, NOISES[0], (("lonely", "it has no partner"),))
    (entry,) = evaluate(Plan((trial,), (flat,), SETUP), Results(tmp_path / "r.json"))
    assert len(entry.pictures) == 3
    assert entry.failed == {"lonely": "it has no partner"}


@pytest.mark.parametrize(
    ("result", "message"), [(np.zeros((3, 3)), "wanted"), (np.full((16, 20, 3), np.nan), "finite")]
)
def test_a_result_that_is_no_picture_is_a_failure(
    plan_for: Callable[..., Plan],
    flat: Flat,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    result: Pixels,
    message: str,
) -> None:
    monkeypatch.setattr(flat, "restore", lambda _: result)
    entry = evaluate(plan_for(flat), Results(tmp_path / "r.json"))[0]
    assert len(entry.failed) == 3
    assert message in entry.failed["p0"]
    assert entry.mean("psnr") is None


def test_a_score_of_the_very_pixels_is_no_score(flat_sets: Path, tmp_path: Path, photo: np.ndarray) -> None:
    pixels = np.round(photo * 255).astype(np.uint8)
    for half in ("noisy", "clean"):
        (flat_sets / "polyu" / half).mkdir(parents=True)
        pyvips.Image.new_from_array(pixels).write_to_file(str(flat_sets / "polyu" / half / "Canon_1.png"))
    trial = Trial(find_benchmark(flat_sets, "polyu"), AsGiven("photo"))
    (entry,) = evaluate(Plan((trial,), (Unchanged(),), SETUP), Results(tmp_path / "r.json"))
    assert entry.pictures == {}
    (why,) = entry.failed.values()
    assert "infinite" in why
    json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)


def test_sets_that_a_method_cannot_take_are_left_out(plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path) -> None:
    flat.colors = GRAY
    entries = evaluate(plan_for(flat, sets=("kodak24", "bsd68")), Results(tmp_path / "r.json"))
    assert {entry.dataset for entry in entries} == {"bsd68"}
    with pytest.raises(UsageError, match="no method takes"):
        plan_for(flat, sets=("kodak24",))


def test_only_scales_that_a_method_knows_are_asked_of_it(flat_sets: Path, flat: Flat) -> None:
    benchmark = find_benchmark(flat_sets, "kodak24")
    trials = tuple(Trial(benchmark, Smaller(scale)) for scale in (2, 3, 4))
    other = Flat()
    other.tasks = frozenset({"denoise"})
    plan = Plan(trials, (flat, other), SETUP)
    assert [trial.case.label for trial, _ in plan.pairs()] == ["×2"]
    assert plan.idle() == (other,)


def test_a_limit_that_cannot_be_is_refused(plan_for: Callable[..., Plan], flat: Flat) -> None:
    with pytest.raises(UsageError, match="limit"):
        plan_for(flat, limit=0)


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    plan_for: Callable[..., Plan], flat: Flat, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnwritableError, match="cannot make the folder"):
        evaluate(plan_for(flat), Results(tmp_path / "file" / "r.json"))
    assert flat.seen == []
