"""The command measures, prints what it stores, resumes, and answers misuse in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
import typer
from typer.testing import CliRunner

from pixelmend.cli.evaluate import evaluate
from pixelmend.errors import PixelmendError, UnknownNameError, UsageError
from pixelmend.evaluation.methods import Noisy

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

APP = typer.Typer()
APP.command()(evaluate)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two small pictures as Kodak24."""
    folder = tmp_path / "sets" / "Kodak24"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(8)
    for name in ("a", "b"):
        pixels = rng.integers(100, 156, (24, 32, 3), np.uint8)
        pyvips.Image.new_from_array(pixels).write_to_file(str(folder / f"{name}.png"))
    return folder.parent


def run(sets: Path, *arguments: str, out: str = "out") -> Result:
    base = [
        "--data",
        str(sets),
        "--out",
        str(sets.parent / out),
        "--datasets",
        "kodak24",
        "--methods",
        "noisy",
    ]
    return CliRunner().invoke(APP, [*base, *arguments])


def test_it_prints_the_table_that_it_stores(sets: Path) -> None:
    done = run(sets, "--sigmas", "10,20")
    assert done.exit_code == 0, done.output
    assert done.stdout == (sets.parent / "out" / "denoise.md").read_text()
    assert "### Kodak24" in done.stdout
    assert "| σ 10 | σ 20 |" in done.stdout
    assert "2 of 24" in done.stdout
    stored = json.loads((sets.parent / "out" / "denoise.json").read_text())
    first, second = (entry["mean"]["psnr"] for entry in stored["entries"])
    assert f"{first:.2f} / " in done.stdout
    # Noise that stays inside [0, 1] has the PSNR of its level, and twice the noise costs 6.02 dB.
    assert first == pytest.approx(20 * np.log10(255 / 10), abs=0.3)
    assert first - second == pytest.approx(6.02, abs=0.05)


def test_the_suite_decides_what_is_not_said(sets: Path) -> None:
    done = run(sets)
    assert "| σ 15 | σ 25 | σ 50 |" in done.stdout


def test_a_second_run_takes_over_the_first(sets: Path) -> None:
    run(sets, "--sigmas", "25", "--limit", "1")
    path = sets.parent / "out" / "denoise.json"
    stored = json.loads(path.read_text())
    stored["entries"][0]["pictures"]["a"]["psnr"] = 77.0
    path.write_text(json.dumps(stored))
    run(sets, "--sigmas", "25")
    scores = json.loads(path.read_text())["entries"][0]["pictures"]
    assert scores["a"]["psnr"] == 77.0
    assert 15 < scores["b"]["psnr"] < 30


def test_the_seed_changes_the_noise(sets: Path) -> None:
    first, again, other = (
        run(sets, "--sigmas", "25", "--seed", seed, out=out).stdout
        for seed, out in (("0", "x"), ("0", "y"), ("1", "z"))
    )
    assert first == again
    assert other != first.replace("seed 0", "seed 1")


def test_a_picture_that_fails_is_named_and_the_exit_code_is_1(sets: Path) -> None:
    (sets / "Kodak24" / "c.png").write_bytes(b"no picture")
    done = run(sets, "--sigmas", "25")
    assert done.exit_code == 1
    assert "2 of 24" in done.stdout
    assert "failed: noisy, σ 25, c:" in done.stdout
    assert "1 measurements failed" in done.stderr


def test_an_interrupted_run_keeps_its_scores(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupt(self: Noisy, degraded: object, sigma: float) -> object:
        calls.append(sigma)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return degraded

    with monkeypatch.context() as patched:
        patched.setattr(Noisy, "restore", interrupt)
        done = run(sets, "--sigmas", "25")
    assert done.exit_code == 130
    assert "start again to go on" in done.stderr
    stored = json.loads((sets.parent / "out" / "denoise.json").read_text())
    assert list(stored["entries"][0]["pictures"]) == ["a"]
    assert "2 of 24" in run(sets, "--sigmas", "25").stdout


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("--sigmas", "15,abc"), UsageError, "15,abc"),
        (("--sigmas", "0"), UsageError, "sigma"),
        (("--suite", "denoize"), UnknownNameError, "did you mean 'denoise'"),
        (("--methods", "noisi"), UnknownNameError, "did you mean 'noisy'"),
        (("--datasets", "kodak"), UnknownNameError, "kodak24"),
        (("--weights", "dncnn"), UsageError, "dncnn=FILE"),
        (("--limit", "0"), UsageError, "limit"),
        (("--threads", "-1"), UsageError, "threads"),
    ],
)
def test_misuse_is_told_before_any_work(
    sets: Path, arguments: tuple[str, ...], kind: type[PixelmendError], message: str
) -> None:
    done = run(sets, *arguments)
    assert isinstance(done.exception, kind)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (sets.parent / "out").exists()
