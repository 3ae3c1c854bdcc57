"""``pixelmend doctor``: what is there, what is missing and how to get it, what is chosen and why."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pixelmend import catalog
from pixelmend.cli import app
from pixelmend.cli.doctor import examine, told
from pixelmend.inference.engines.table import KINDS
from pixelmend.inference.engines.timings import Timing
from pixelmend.inference.hardware import Places
from tests.inference.engines.fakes import Same, SameOnGpu, kind, unloadable
from tests.small_models import make_shelf

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card
    from pixelmend.inference.engines.table import Kind

ONNX = KINDS["onnxruntime"]
ABSENT = replace(KINDS["openvino"], modules=("no_such_module",))


@pytest.fixture
def card(tiny_card: Path) -> Card:
    return catalog.load(tiny_card)


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIXELMEND_ENGINE")


def machine(root: Path, flags: str = "avx2 avx512_bf16", *, gpu: bool = False) -> Places:
    """A Linux machine with these flags."""
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc" / "cpuinfo").write_text(f"model name : Abacus\nflags : {flags}\n")
    (root / "proc" / "meminfo").write_text("MemTotal: 8000000 kB\n")
    return Places(root, "Linux", "x86_64", lambda name: name if gpu else None, lambda _name: "")


def lines(card: Card, places: Places, *kinds: Kind) -> list[str]:
    return told(examine(card, kinds=kinds, places=places))


def test_one_engine_is_measured_and_what_is_missing_is_told(card: Card, tmp_path: Path) -> None:
    said = lines(card, machine(tmp_path), ONNX, ABSENT)
    assert said[1] == "processor Abacus, 1 core; with avx2, bf16; without avx512, vnni, amx" or "cores; with" in said[1]
    assert said[2] == "memory    8.2 GB"
    assert said[3] == "GPU       none seen"
    assert said[4].startswith(f"engine    ONNX Runtime {ONNX.version()}: ")
    assert said[5] == "engine    OpenVINO is not installed: pip install 'pixelmend[openvino]'"
    assert said[6].startswith("speed     ONNX Runtime runs denoise-tiny at ")
    assert said[7] == "chosen    ONNX Runtime: it is the only one that is installed"
    assert said[8].startswith("advice    this processor computes in bf16, which OpenVINO uses")
    assert len(said) == 9


def test_nothing_is_advised_without_a_reason(card: Card, tmp_path: Path) -> None:
    assert not any(line.startswith("advice") for line in lines(card, machine(tmp_path, "avx2"), ONNX, ABSENT))
    assert not any(line.startswith("advice") for line in lines(card, machine(tmp_path), ONNX, kind("openvino")))


def test_a_gpu_that_nothing_can_use_is_said_aloud(card: Card, tmp_path: Path) -> None:
    places = machine(tmp_path, gpu=True)
    said = lines(card, places, kind("same"))
    assert "GPU       NVIDIA, NOT USED" in said
    assert any(line.startswith("advice    an NVIDIA GPU is there, but no installed engine can use it") for line in said)
    said = lines(card, places, kind("same", SameOnGpu))
    assert "GPU       NVIDIA, which Same on a GPU can use" in said
    assert not any("advice" in line for line in said)


def test_the_choice_is_told_by_size_where_that_matters(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = kind("one", Same), kind("two", SameOnGpu)
    figures = [Timing("one", "cpu", "float32", 1.0, 0.0), Timing("two", "cuda", "bfloat16", 2.0, 1.0)]
    monkeypatch.setattr("pixelmend.inference.engines.timings.timings", lambda *_args, **_options: tuple(figures))
    said = lines(card, machine(tmp_path), one, two)
    assert (
        "chosen    Same on a GPU for pictures of 4 megapixels or more, Same for smaller ones: each is done first, "
        "the time to start it included"
    ) in said
    assert (
        "speed     Same on a GPU runs denoise-tiny at 2.00 megapixels a second (cuda, bfloat16), and starts in 1.0 s"
        in said
    )
    figures[0] = Timing("one", fault="it cannot")
    said = lines(card, machine(tmp_path), one, two)
    assert "chosen    Same on a GPU: it is done first with pictures of any size" in said
    assert "speed     Same cannot run denoise-tiny: it cannot" in said
    figures[1] = Timing("two", fault="nor can it")
    assert "chosen    none: no engine can run denoise-tiny" in lines(card, machine(tmp_path), one, two)
    monkeypatch.setenv("PIXELMEND_ENGINE", "onnxruntime")
    assert "chosen    ONNX Runtime, because PIXELMEND_ENGINE names it" in lines(card, machine(tmp_path), one, two)


def test_an_engine_whose_library_does_not_load_says_so(card: Card, tmp_path: Path) -> None:
    found = examine(card, kinds=(ONNX, unloadable("broken")), places=machine(tmp_path))
    assert found.engines[1].fault.startswith("Unloadable is installed but does not load (No module named")
    assert sum("does not load" in line for line in told(found)) == 2


def test_the_command_and_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_shelf(tmp_path)
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", tmp_path)
    monkeypatch.setattr("pixelmend.inference.engines.table.KINDS", {"onnxruntime": ONNX})
    done = CliRunner().invoke(app, ["doctor", "--fresh", "--json", str(tmp_path / "doctor.json")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.stdout.startswith("Python    3.")
    assert "ONNX Runtime runs denoise-small at " in done.stdout
    report = json.loads((tmp_path / "doctor.json").read_text())
    assert report["model"] == "denoise-small"
    assert report["engines"][0]["name"] == "onnxruntime"
    assert report["timings"][0]["megapixels_per_second"] > 0
    assert report["machine"]["cores"] >= 1
    wrong = CliRunner().invoke(app, ["doctor", "--json", str(tmp_path / "none" / "doctor.json")])
    assert "wanted a file in a folder that exists" in str(wrong.exception)


def test_it_needs_no_package_but_those_of_the_run_half() -> None:
    hidden = ("torch", "openvino", "onnx", "scipy", "PIL")
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({hidden!r}))\n"
        "sys.argv = ['pixelmend', 'doctor']\n"
        "from pixelmend.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "OpenVINO is not installed: pip install 'pixelmend[openvino]'" in done.stdout
    assert "PyTorch is not installed: pip install 'pixelmend[train]'" in done.stdout
    assert "chosen    ONNX Runtime: it is the only one that is installed" in done.stdout
