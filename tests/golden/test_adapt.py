"""Adapting to published microscopy: a few steps on noisy pictures alone beat the network as it ships."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import pixelmend
from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.images import read_float
from pixelmend.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Confocal_FISH_1.png", "WideField_BPAE_B_1.png")
"""Noise that grows with brightness from black, and noise that spreads to neighbouring pixels."""


@pytest.mark.shared
def test_a_short_adaptation_beats_the_network_as_it_ships(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelmend.training.adapt.JUDGED", 8)
    fmdd, folder, out = shared / "data/test/fmdd", tmp_path / "noisy", tmp_path / "adapted"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(fmdd / "noisy" / name, folder / name)
    done = CliRunner().invoke(app, ["adapt", str(folder), "-o", str(out), "--steps", "20", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "noise spreads to neighbouring pixels in 1 of 2 pictures" in done.stdout
    adapted = catalog.load(out / "denoise-adapted.json")
    for name in NAMES:
        clean = read_float(fmdd / "clean" / name, color="gray")
        scores = []
        for number, task in enumerate((catalog.find("denoise"), adapted)):
            path = pixelmend.restore(folder / name, task, output=tmp_path / f"{number}_{name}")
            scores.append(psnr(read_float(path, color="gray"), clean, data_range=1, color="gray"))
        assert scores[1] > scores[0] + 4, (name, scores)
