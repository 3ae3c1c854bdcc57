"""What a run tells and records: pace, losses by their terms, scores by their cases; the first process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pixelmend.training import processes, reporter
from pixelmend.training.journal import read_rows
from pixelmend.training.recipe import ScheduleSection
from pixelmend.training.reporter import Reporter
from pixelmend.training.schedule import Budget, Course

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.training.module import RestorationModule


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        """Seconds."""
        return self.now


class Module:
    """What a reporter looks at."""

    pixels_per_step = 2_000_000
    steps_done = 10

    @property
    def mpx_seen(self) -> float:
        """As the module counts them."""
        return self.steps_done * self.pixels_per_step / 1e6

    def __init__(self) -> None:
        self.budget = Budget(max_steps=100, max_seconds=None)
        self.course = Course(ScheduleSection(max_steps=100, warmup_steps=0, kind="constant"), self.budget)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reporter, "time", clock)
    return clock


@pytest.fixture
def module() -> RestorationModule:
    return cast("RestorationModule", Module())


def _reporter(folder: Path, told: list[str]) -> Reporter:
    return Reporter(folder, matrix_rate=8e9, flops_per_pixel=1000, tell=told.append, tensorboard=False)


def test_the_pace_is_that_since_the_last_look(tmp_path: Path, clock: Clock, module: RestorationModule) -> None:
    told: list[str] = []
    made = _reporter(tmp_path, told)
    made.restart_pace(module)
    module.steps_done, clock.now = 30, 1010.0
    made.look(module, {"pixel": 0.125, "psnr": 25.0})
    assert told == ["step 30/100 · loss 0.1250 · 25.00 dB · 4.00 Mpx/s · 4 GFLOP/s · 50% of matrix rate · 0:00:35 left"]
    (row,) = read_rows(tmp_path / "train.csv")
    assert (row["step"], row["mpx"], row["loss"], row["psnr"], row["rate_factor"]) == (30, 60, 0.125, 25, 1)
    assert (row["mpx_per_second"], row["flops_per_second"]) == (4, 4e9)
    clock.now = 2000.0
    made.restart_pace(module)  # what came between was no training
    module.steps_done, clock.now = 40, 2001.0
    made.look(module, {"pixel": 0.1, "psnr": 26.0})
    assert "20.00 Mpx/s" in told[1]
    made.look(module, {"pixel": 0.1, "psnr": 26.0})  # no step since
    assert len(told) == 2


def test_a_run_in_minutes_is_planned_by_its_pace(tmp_path: Path, clock: Clock, module: RestorationModule) -> None:
    told: list[str] = []
    made = _reporter(tmp_path, told)
    module.budget = Budget(max_steps=None, max_seconds=100)
    module.budget.elapsed = 40
    made.restart_pace(module)
    module.steps_done, clock.now = 20, 1005.0
    made.look(module, {"pixel": 0.1, "psnr": 26.0})
    assert module.budget.planned == 20 + 60 / 0.5
    assert told[0].startswith("step 20/140 · ")
    assert told[0].endswith(" · 0:01:00 left")


def test_terms_are_told_one_by_one_and_the_judge_apart(tmp_path: Path, clock: Clock, module: RestorationModule) -> None:
    told: list[str] = []
    made = _reporter(tmp_path, told)
    made.restart_pace(module)
    module.steps_done, clock.now = 11, 1001.0
    means = {"pixel": 0.1, "adversarial": 0.02, "discriminator": 1.5, "judged_right": 0.75, "psnr": 26.0}
    made.look(module, means)
    assert "· pixel 0.1000 + adversarial 0.0200 · discriminator 1.500 (75% right) · 26.00 dB" in told[0]
    (row,) = read_rows(tmp_path / "train.csv")
    assert row["loss"] == pytest.approx(0.12)
    assert (row["pixel_loss"], row["adversarial_loss"], row["discriminator_loss"]) == (0.1, 0.02, 1.5)
    assert (row["judged_right"], row["psnr"]) == (0.75, 26)


def test_scores_are_told_by_case_and_recorded_with_their_mean(tmp_path: Path, module: RestorationModule) -> None:
    told: list[str] = []
    made = _reporter(tmp_path, told)
    scores = {"psnr": {"σ15": 30.0, "jpeg(quality=30)": 20.0}, "ssim": {"σ15": 0.9, "jpeg(quality=30)": 0.7}}
    made.validated(module, {**scores, "lpips": {"σ15": 0.25}}, better=True)
    said = "σ15 30.000 · jpeg(quality=30) 20.000 dB · mean 0.8000 SSIM · mean 0.2500 LPIPS"
    assert told == [f"validated at step 10: {said} · best so far"]
    (row,) = read_rows(tmp_path / "validation.csv")
    assert (row["psnr"], row["psnr_sigma15"], row["psnr_jpeg_quality_30"]) == (25, 30, 20)
    assert row["ssim"] == pytest.approx(0.8)
    assert (row["lpips"], row["lpips_sigma15"]) == (0.25, 0.25)
    made.validated(module, scores, better=False)
    assert not told[1].endswith("best so far")


def test_long_chains_that_begin_alike_keep_columns_of_their_own(tmp_path: Path, module: RestorationModule) -> None:
    chains = [f"camera_shake(extent=4..12) | noise(sigma=0..3) | vignette() | jpeg(quality={q})" for q in (30, 60, 90)]
    made = _reporter(tmp_path, [])
    made.validated(module, {"psnr": dict(zip(chains, (10.0, 20.0, 30.0), strict=True))}, better=True)
    (row,) = read_rows(tmp_path / "validation.csv")
    assert sorted(value for name, value in row.items() if name.startswith("psnr_")) == [10, 20, 30]


def test_only_the_first_process_tells_and_records(
    tmp_path: Path, clock: Clock, module: RestorationModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "rank", lambda: 1)
    told: list[str] = []
    made = _reporter(tmp_path, told)
    made.restart_pace(module)
    module.steps_done, clock.now = 20, 1001.0
    made.look(module, {"pixel": 0.1, "psnr": 26.0})
    made.validated(module, {"psnr": {"σ15": 30.0}}, better=True)
    made.rewind(0)
    made.finish()
    made.tell("x")
    assert told == []
    assert list(tmp_path.iterdir()) == []
