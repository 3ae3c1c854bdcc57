"""What a run over a folder says, where, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixelmend import catalog
from pixelmend.cli.folders import restore_folder
from pixelmend.inference import Options, Settings
from pixelmend.inference.folders import Way, plan_folder
from tests.inference.folders.conftest import noisy


@pytest.fixture
def settings(tiny_card: Path) -> Settings:
    return Settings(catalog.load(tiny_card), options=Options(sigma=30))


def folder(tmp_path: Path, *, broken: bool) -> Path:
    source = tmp_path / "in"
    for number in range(2):
        noisy(source / f"{number}.png", seed=number)
    if broken:
        (source / "broken.png").write_bytes(b"no")
    return source


def test_all_well(tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_folder([folder(tmp_path, broken=False)], tmp_path / "out")
    report, page = tmp_path / "a.json", tmp_path / "a.html"
    assert restore_folder(plan, settings, Way(jobs=1, page=page), report=report, quiet=False) == 0
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["restored", "wrote"]
    assert not said.err
    assert json.loads(report.read_text())["counts"]["done"] == 2
    assert page.read_text().count("<article") == 2


def test_json_on_standard_output_is_alone_there(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_folder([folder(tmp_path, broken=True)], tmp_path / "out")
    assert restore_folder(plan, settings, Way(jobs=1), report=Path("-"), quiet=False) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["counts"]["failed"] == 1
    assert "restored  2 done, 1 failed" in said.err


def test_quiet_tells_failures_alone(tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_folder([folder(tmp_path, broken=True)], tmp_path / "out")
    assert restore_folder(plan, settings, Way(jobs=1), report=None, quiet=True) == 1
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("failed    ")
    assert said.err.count("\n") == 1
