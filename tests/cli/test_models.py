"""``pixelmend models``: a table that fits a narrow terminal, a report, and what remains without the learn half."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from torch import nn
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.cli.models import Line, median_seconds, table
from pixelmend.errors import UnknownNameError, UsageError
from pixelmend.models import SIZES, measure
from tests.small_models import make_shelf

if TYPE_CHECKING:
    from pathlib import Path

CARD = catalog.find("denoise")


def _lines(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["models", *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout.splitlines()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one small network to measure."""
    small = measure.Network("tiny", "hybrid", lambda: nn.Conv2d(3, 3, 3, padding=1))
    monkeypatch.setattr(measure, "networks", lambda: (small,))


def test_every_network_is_counted_in_80_columns() -> None:
    lines = _lines("--quick")
    assert lines[0].split() == ["weights", "that", "ship", "parameters", "file"]
    assert ["network", "parameters", "MACs", "memory", "weights"] in [line.split() for line in lines]
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line for line in lines if re.match(r"\S+ +[\d.]+ [kM]", line)}
    assert list(rows) == [*catalog.names(), *(network.name for network in measure.networks())]
    assert rows[CARD.name].split() == [CARD.name, "1.99", "M", f"{CARD.path.stat().st_size / 1e6:.2f}", "MB"]
    assert len(SIZES) * 4 == sum(name.startswith("hybrid") for name in rows)
    assert re.search(r"555 k +36\.3 G +36\.0 MB +–$", rows["dncnn-17-gray"])
    assert not any("MP/s" in line for line in lines)


def test_weights_that_ship_are_named_at_the_network_that_they_are_of(tmp_path: Path) -> None:
    _lines("--quick", "--json", str(tmp_path / "models.json"))
    report = json.loads((tmp_path / "models.json").read_text())
    assert report["side"] == 256
    found = {each["name"]: each for each in report["networks"]}
    assert found[CARD.name]["parameters"] == CARD.parameters
    assert found[CARD.name]["file_bytes"] == CARD.path.stat().st_size
    assert CARD.name in found[f"hybrid-{CARD.size}"]["weights"]
    assert not any(each["weights"] for each in found.values() if each["kind"] in {"discriminator", "baseline"})
    assert {each["megapixels_per_second"] for each in report["networks"]} == {None}


@pytest.mark.usefixtures("few")
def test_speed_is_measured_here_and_says_how(tmp_path: Path) -> None:
    lines = _lines("--device", "cpu", "--json", str(tmp_path / "models.json"))
    assert "speed" in lines[0].split()
    assert sum(" MP/s" in line for line in lines) == len(catalog.names()) + 1
    assert max(map(len, lines)) <= 80
    assert any(re.match(r"speed: median of 1 s; ONNX Runtime, (int8|fp32), cpu$", line) for line in lines)
    assert any(re.match(r" +PyTorch, (bf16|fp32), \d+ CPU threads?$", line) for line in lines)
    found = {each["name"]: each for each in json.loads((tmp_path / "models.json").read_text())["networks"]}
    assert list(found) == [*catalog.names(), "tiny"]
    shipped, tiny = found[CARD.name], found["tiny"]
    assert shipped["megapixels_per_second"] > 0.01
    assert tiny["macs"] == 256**2 * 81
    assert tiny["megapixels_per_second"] > shipped["megapixels_per_second"]


@pytest.mark.parametrize("quick", [True, False])
def test_the_run_half_alone_lists_what_ships_and_says_how_to_get_the_rest(quick: bool) -> None:  # noqa: FBT001
    code = "import sys; sys.modules['torch'] = None; from pixelmend.cli import main; main()"
    arguments = [sys.executable, "-W", "error", "-c", code, "models", *(["--quick"] if quick else [])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert CARD.name in done.stdout
    assert "hybrid" not in done.stdout
    assert ("MP/s" in done.stdout) is not quick
    assert lines[-2:] == [
        "Networks to train are not listed:",
        "this needs torch, which is not installed: pip install 'pixelmend[train]'",
    ]


def test_what_cannot_be_done_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["models", "--device", "cdua"])
    assert isinstance(done.exception, UnknownNameError)
    assert "unknown device 'cdua'" in str(done.exception)
    done = CliRunner().invoke(app, ["models", "--json", str(tmp_path)])
    assert isinstance(done.exception, UsageError)
    assert "wanted a file in a folder that exists" in str(done.exception)


def test_a_device_that_one_half_lacks_is_left_to_the_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PyTorch has it and ONNX Runtime has not: the shipped weights are listed without a speed."""
    models = sys.modules["pixelmend.cli.models"]  # the package has the verb under that name
    monkeypatch.setattr(models, "_torch_devices", lambda: {"cpu", "cuda"})
    monkeypatch.setattr(models, "_way_to_measure", lambda _: (measure.count, "PyTorch, bf16, cuda"))
    lines = _lines("--device", "cuda", "--json", str(tmp_path / "models.json"))
    found = json.loads((tmp_path / "models.json").read_text())["networks"]
    assert {each["ran_on"] for each in found if each["kind"] == "shipped"} == {None}
    assert {each["ran_on"] for each in found if each["kind"] != "shipped"} == {"PyTorch, bf16, cuda"}
    assert "memory: weights and features alive at once, as CUDA reports it." in lines


def test_a_slow_call_is_not_made_often_and_a_fast_one_is() -> None:
    calls: list[float] = []

    def call(seconds: float) -> None:
        calls.append(seconds)
        time.sleep(seconds)

    assert median_seconds(lambda: call(0.05), seconds=0.01) >= 0.05
    assert len(calls) <= 3
    calls.clear()
    assert median_seconds(lambda: call(0.001), seconds=0.05) < 0.05
    assert len(calls) >= 4


def test_a_table_aligns_names_to_the_left_and_numbers_to_the_right() -> None:
    lines = [
        Line("a", "shipped", 81, megapixels_per_second=0.0042, weights=("a",), file_bytes=999),
        Line("longer", "hybrid", 12_345_678, 10**9, 2048, 123.456, "PyTorch", ("a",)),
    ]
    assert table(lines) == [
        "weights that ship  parameters   file       speed",
        "a                          81  999 B  0.004 MP/s",
        "",
        "network  parameters    MACs   memory     speed  weights",
        "",
        "the hybrid network, to train",
        "longer       12.3 M  1.00 G  2.05 kB  123 MP/s  a",
    ]


def test_many_weights_with_long_names_still_fit_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_shelf(tmp_path)
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", tmp_path)
    names = catalog.names()
    larger = ("super-resolve-small-x4", "super-resolve-real-small-x4")
    lines = [
        *(Line(name, "shipped", 12_345_678, megapixels_per_second=12.3, file_bytes=12_345_678) for name in names),
        Line("hybrid-small", "hybrid", 12_345_678, 10**11, 10**8, 12.34, "PyTorch", ("denoise-small",)),
        Line("hybrid-small-x2", "hybrid", 12_345_678, 10**11, 10**8, 12.34, "PyTorch", larger[:1]),
        Line("hybrid-small-x4", "hybrid", 12_345_678, 10**11, 10**8, 12.34, "PyTorch", larger),
    ]
    text = table(lines)
    assert max(map(len, text)) <= 80
    assert [line.split()[0] for line in text[1 : len(names) + 1]] == list(names)
    assert [line.rsplit("  ", 1)[1] for line in text[-3:]] == ["denoise-small", "1 set", "2 sets"]
