"""The command measures, prints what it stores, resumes, and answers misuse in one line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
import torch
import typer
from typer.testing import CliRunner

from pixelmend.cli.evaluate import evaluate
from pixelmend.errors import DataError, PixelmendError, UnknownNameError, UsageError
from pixelmend.evaluation.methods.classical import Unchanged
from pixelmend.models import save_model
from pixelmend.models.architectures import build, read_config

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

TINY = {"widths": [8, 16], "encoder_blocks": [1, 1], "decoder_blocks": [1], "head_width": 8, "context": ["window"]}
APP = typer.Typer()
APP.command()(evaluate)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two small pictures as Kodak24."""
    folder = tmp_path / "sets" / "Kodak24"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(8)
    for name in ("kodim01", "kodim02"):
        pixels = rng.integers(100, 156, (40, 48, 3), np.uint8)
        pyvips.Image.new_from_array(pixels).write_to_file(str(folder / f"{name}.png"))
    return folder.parent


USUAL = {"--suite": "denoise", "--methods": "degraded", "--lpips": "none", "--datasets": "kodak24", "--threads": "1"}


def run(sets: Path, *arguments: str, out: str = "out", charset: str = "utf-8", **changes: str | None) -> Result:
    """Run on the sets; ``suite="…"`` changes that option, None leaves it out."""
    options = {"--data": str(sets), **USUAL, **{f"--{name}": value for name, value in changes.items()}}
    given = [part for name, value in options.items() if value is not None for part in (name, value)]
    return CliRunner(charset=charset).invoke(APP, ["--out", str(sets.parent / out), *given, *arguments])


def scores(sets: Path, name: str = "denoise") -> list[dict[str, dict[str, float]]]:
    stored = json.loads((sets.parent / "out" / f"{name}.json").read_text(encoding="utf-8"))
    return [entry["pictures"] for entry in stored["entries"]]


def test_it_prints_the_table_that_it_stores(sets: Path) -> None:
    done = run(sets, levels="10,20")
    assert done.exit_code == 0, done.output
    assert done.stdout == (sets.parent / "out" / "denoise.md").read_text(encoding="utf-8")
    assert "### Kodak24, denoise" in done.stdout
    assert "| σ 10 | σ 20 | σ 10, blind | σ 20, blind |" in done.stdout
    assert "2 of 24" in done.stdout
    first, second = (np.mean([score["psnr"] for score in pictures.values()]) for pictures in scores(sets)[:2])
    assert f"{first:.2f} (" in done.stdout
    # Noise that stays inside [0, 1] has the PSNR of its level, and twice the noise costs 6.02 dB.
    assert first == pytest.approx(20 * np.log10(255 / 10), abs=0.3)
    assert first - second == pytest.approx(6.02, abs=0.05)


def test_plots_and_crops_lie_beside_the_table(sets: Path) -> None:
    done = run(sets, levels="25", methods="tv,degraded")
    folder = sets.parent / "out"
    assert {path.name for path in folder.iterdir()} >= {
        "denoise.json",
        "denoise.md",
        "denoise-time.webp",
        "denoise.html",
    }
    assert str(folder / "denoise.html") in done.stderr
    assert len(list((folder / "crops").rglob("*.webp"))) == 2 * 2 * 4
    assert "total variation, compared with" in done.stdout
    run(sets, levels="25", crops="0", out="bare")
    assert not (sets.parent / "bare" / "crops").exists()


def test_the_suite_decides_what_is_not_said(sets: Path) -> None:
    assert "| σ 15 | σ 25 | σ 50 | σ 15, blind |" in run(sets).stdout


def test_own_pictures_are_measured_by_the_task_alone(sets: Path) -> None:
    done = run(
        sets / "Kodak24", suite=None, datasets=None, task="super-resolve", methods="bicubic", levels="2", out="../out"
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert "### Kodak24, super-resolve" in done.stdout
    assert "×2" in done.stdout
    assert "2 pictures, damaged here" in done.stderr
    assert len(scores(sets, "Kodak24-super-resolve")[0]) == 2


def test_a_second_run_takes_over_the_first(sets: Path) -> None:
    run(sets, levels="25", limit="1")
    path = sets.parent / "out" / "denoise.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["entries"][0]["pictures"]["kodim01"]["psnr"] = 77.0
    path.write_text(json.dumps(stored), encoding="utf-8")
    run(sets, levels="25")
    pictures = scores(sets)[0]
    assert pictures["kodim01"]["psnr"] == 77.0
    assert 15 < pictures["kodim02"]["psnr"] < 30


def test_the_seed_changes_the_noise(sets: Path) -> None:
    first, again, other = (
        json.loads((sets.parent / out / "denoise.json").read_text(encoding="utf-8"))["entries"][0]["pictures"]
        for seed, out in (("0", "x"), ("0", "y"), ("1", "z"))
        if run(sets, levels="25", seed=seed, out=out).exit_code == 0
    )
    assert first["kodim01"]["psnr"] == again["kodim01"]["psnr"]
    assert first["kodim01"]["psnr"] != other["kodim01"]["psnr"]


def test_a_picture_that_fails_is_named_and_the_exit_code_is_1(sets: Path) -> None:
    (sets / "Kodak24" / "kodim03.png").write_bytes(b"no picture")
    done = run(sets, levels="25")
    assert done.exit_code == 1
    assert "2 of 24" in done.stdout
    assert "failed: degraded, σ 25, kodim03:" in done.stdout
    assert "2 measurements failed" in done.stderr


def test_weights_that_cannot_be_used_are_named_and_the_rest_goes_on(sets: Path) -> None:
    pickle = sets.parent / "model.pth"
    torch.save({"a": torch.zeros(1)}, pickle)
    done = run(sets, "--weights", f"swinir={pickle}", methods="swinir,degraded", levels="25")
    assert done.exit_code == 1
    assert f"swinir ({pickle}) cannot be measured" in done.stderr
    assert "### Not measured" in done.stdout
    assert "| degraded |" in done.stdout


def test_a_set_that_cannot_be_used_is_named_and_the_rest_goes_on(sets: Path) -> None:
    (sets / "CBSD68").mkdir()
    done = run(sets, datasets=None, levels="25", limit="1")
    assert done.exit_code == 1, (done.output, done.exception)
    assert "cbsd68 cannot be measured" in done.stderr
    assert "- cbsd68: " in done.stdout.split("### Not measured")[1]
    assert "### Kodak24, denoise" in done.stdout


def test_pairs_that_do_not_match_are_named_and_the_rest_goes_on(sets: Path) -> None:
    folder = sets.parent / "pairs"
    sides = {"clean/a": 40, "clean/b": 40, "noisy/a": 40, "noisy/b": 44, "noisy/c": 40}
    for seed, (name, side) in enumerate(sides.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (side, 40, 3), np.uint8)
        pyvips.Image.new_from_array(pixels).write_to_file(str(folder / f"{name}.png"))
    done = run(folder, suite=None, datasets=None, task="photo", out="out")
    assert done.exit_code == 1
    assert "1 of 3" in done.stdout
    assert "b: the clean picture is 40×40 and the damaged one 40×44" in done.stdout
    assert "noisy/c.png: it has no partner" in done.stdout


def test_methods_that_do_none_of_it_are_told(sets: Path) -> None:
    done = run(sets, methods="bicubic,degraded", levels="25")
    assert "bicubic does none of this" in done.stderr
    assert "| bicubic |" not in done.stdout
    assert "- bicubic: does none of this (super-resolve)" in done.stdout.split("### Not measured")[1]
    assert done.exit_code == 1


def test_usual_methods_that_do_none_of_it_are_no_failure(sets: Path) -> None:
    folder = sets / "Kodak24"
    damage = "noise(sigma=9)"
    done = run(folder, suite=None, datasets=None, methods=None, task="photo", damage=damage, limit="1", out="../out")
    assert "bicubic does none of this" in done.stderr
    assert "Not measured" not in done.stdout
    assert done.exit_code == 0, (done.output, done.exception)


def test_weights_that_do_none_of_it_are_a_failure_beside_others_that_do(sets: Path) -> None:
    given = []
    for name, task, scale in (("d", "denoise", 1), ("e", "super-resolve", 2)):
        config = read_config({"architecture": "hybrid", **TINY, "scale": scale})
        save_model(build(config), sets.parent / f"{name}.safetensors", {"recipe": {"task": task}})
        given += ["--weights", f"pixelmend={sets.parent / name}.safetensors"]
    done = run(sets, *given, methods="pixelmend", levels="25", limit="1")
    assert done.exit_code == 1
    assert "- pixelmend: does none of this (super-resolve)" in done.stdout
    assert "| pixelmend |" in done.stdout


def test_without_features_lpips_is_left_out_and_told(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> dict[str, torch.Tensor]:
        raise UsageError("no features were named, and the hub cannot be had")

    monkeypatch.setattr("pixelmend.metrics.lpips.hub_features", unreachable)
    done = run(sets, lpips="auto", levels="25")
    assert done.exit_code == 0
    assert "without LPIPS: no features were named" in done.stderr
    assert run(sets, lpips="hub", levels="25").exit_code == 1


@pytest.mark.shared
def test_lpips_is_measured_by_the_features_that_are_named(sets: Path, shared: Path) -> None:
    run(sets, lpips=str(shared / "weights" / "lpips"), levels="25,50")
    light, heavy = (np.mean([score["lpips"] for score in pictures.values()]) for pictures in scores(sets)[:2])
    assert 0 < light < heavy < 2


def test_curves_of_runs_are_drawn(sets: Path) -> None:
    log = sets.parent / "some-run"
    log.mkdir()
    (log / "validation.csv").write_text("step,mpx,minutes,psnr_mean\n10,1,1,30\n20,2,2,31\n", encoding="utf-8")
    done = run(sets, "--logs", str(log), levels="25")
    assert done.exit_code == 0, (done.output, done.exception)
    assert (sets.parent / "out" / "denoise-curves.webp").stat().st_size > 1000


def test_runs_of_one_name_have_two_curves(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("pixelmend.training.curves.plot_curves", lambda runs, _: drawn.extend(runs))
    given = []
    for name in ("a/run", "b/run"):
        (sets.parent / name).mkdir(parents=True)
        (sets.parent / name / "validation.csv").write_text("step,mpx,minutes,psnr\n10,1,1,30\n", encoding="utf-8")
        given += ["--logs", str(sets.parent / name)]
    assert run(sets, *given, levels="25").exit_code == 0
    assert drawn == ["a/run", "b/run"]


def test_the_folder_one_stands_in_has_a_name(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sets / "Kodak24")
    done = run(sets, suite=None, datasets=None, task="denoise", levels="25", data=".")
    assert done.exit_code == 0, (done.output, done.exception)
    assert (sets.parent / "out" / "Kodak24-denoise.md").is_file()
    assert done.stdout.startswith("### Kodak24, denoise")


def test_a_stream_without_greek_gets_what_it_can(sets: Path) -> None:
    done = run(sets, levels="25", limit="1", charset="cp1252")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "| ? 25 |" in done.stdout
    assert "–" in done.stdout
    assert "| σ 25 |" in (sets.parent / "out" / "denoise.md").read_text(encoding="utf-8")


def test_files_are_there_before_the_table_is_printed(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(sys.modules[evaluate.__module__], "_print", closed)
    assert isinstance(run(sets, levels="25", limit="1").exception, BrokenPipeError)
    assert (sets.parent / "out" / "denoise.html").is_file()


def test_an_interrupted_run_keeps_its_scores(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = Unchanged.restore

    def interrupt(self: Unchanged, problem: object) -> object:
        calls.append(problem)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, problem)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Unchanged, "restore", interrupt)
        done = run(sets, levels="25")
    assert done.exit_code == 130
    assert "start again to go on" in done.stderr
    assert list(scores(sets)[0]) == ["kodim01"]
    assert "2 of 24" in run(sets, levels="25").stdout


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"levels": "15,abc"}, UsageError, "15,abc"),
        ({"levels": "0"}, UsageError, "sigma"),
        ({"suite": "denoize"}, UnknownNameError, "did you mean 'denoise'"),
        ({"methods": "degradet"}, UnknownNameError, "did you mean 'degraded'"),
        ({"datasets": "kodak"}, UnknownNameError, "kodak24"),
        ({"datasets": "cbsd68"}, DataError, "cbsd68"),
        ({"weights": "dncnn"}, UsageError, "dncnn=FILE"),
        ({"limit": "0"}, UsageError, "limit"),
        ({"threads": "-1"}, UsageError, "threads"),
        ({"levels": "nan"}, UsageError, "nan"),
        ({"levels": "15,inf"}, UsageError, "15,inf"),
        ({"device": "abacus"}, UsageError, "abacus"),
        ({"logs": "."}, DataError, "validation.csv"),
        ({"suite": None, "task": "denoise"}, UsageError, "--datasets"),
        (
            {"suite": None, "task": "denoise", "datasets": None, "levels": "25", "damage": "noise(sigma=5)"},
            UsageError,
            "--levels and --damage",
        ),
        ({"suite": None}, UsageError, "--suite"),
        ({"task": "denoise"}, UsageError, "--task"),
        ({"damage": "noise(sigma=5)"}, UsageError, "--damage"),
    ],
)
def test_misuse_is_told_before_any_work(
    sets: Path, changes: dict[str, str | None], kind: type[PixelmendError], message: str
) -> None:
    done = run(sets, **changes)  # type: ignore[arg-type]
    assert isinstance(done.exception, kind)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (sets.parent / "out").exists()


@pytest.mark.parametrize("changes", [{"crops": "-1"}, {"seed": "-1"}, {"seed": str(2**32)}])
def test_numbers_out_of_range_are_told_before_any_work(sets: Path, changes: dict[str, str]) -> None:
    done = run(sets, **changes)
    assert done.exit_code == 2
    assert next(iter(changes)) in done.stderr
    assert not (sets.parent / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="it is there")
def test_a_device_that_is_not_there_is_told_though_no_method_uses_it(sets: Path) -> None:
    done = run(sets, methods="tv", device="cuda")
    assert isinstance(done.exception, UsageError)
    assert "cuda" in str(done.exception)
    assert not (sets.parent / "out").exists()
