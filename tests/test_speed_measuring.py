"""benchmarks/speed.py: what runs systems, pictures and products to measure them; a trial of the whole."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.measuring import machine, ours, photographs, rates, systems
from benchmarks.measuring.page import text
from benchmarks.measuring.record import Report
from benchmarks.speed import main
from pixelmend import catalog
from pixelmend.inference.engines.table import KINDS
from tests.test_speed_page import grown

if TYPE_CHECKING:
    from collections.abc import Callable


def test_forms_follow_what_the_card_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "has_bf16", lambda: True)
    monkeypatch.setattr(ours, "installed", lambda: tuple(KINDS.values()))
    floating, whole = (replace(catalog.by_name("denoise-nano"), precision=each) for each in ("float32", "int8"))
    in_torch = [("torch", "bfloat16"), ("torch", "float32")]
    in_openvino = [("openvino", "bfloat16"), ("openvino", "float32")]
    assert ours.forms(floating) == [("onnxruntime", "float32"), *in_openvino, *in_torch]
    assert ours.default_form(floating) == ("onnxruntime", "float32")
    in_both = [("onnxruntime", "int8"), ("onnxruntime", "float32")]
    assert ours.forms(whole) == [*in_both, ("openvino", "int8"), *in_torch]
    assert ours.default_form(whole) == ("onnxruntime", "int8")


def test_every_engine_of_the_product_is_measured() -> None:
    assert ours.FORMS.keys() == KINDS.keys()


def test_an_engine_that_computes_in_something_else_is_told() -> None:
    with pytest.raises(RuntimeError, match="wanted bfloat16"):
        ours.start(catalog.by_name("denoise-nano"), "onnxruntime", "bfloat16", 1, 64)


def test_every_name_is_found_again() -> None:
    names = [each.name for each in systems.candidates()]
    assert len(names) == len(set(names))
    assert [systems.by_name(name).name for name in names] == names


@pytest.mark.parametrize("name", ["DnCNN, PyTorch, channels last", "nano, ONNX Runtime float32"])
def test_a_system_restores_a_picture(name: str) -> None:
    if name not in {each.name for each in systems.candidates()}:
        pytest.skip(f"{name} is no form of what ships")
    restored: Any = systems.by_name(name).start(1, 64)()
    assert tuple(restored[0].shape)[-3:] == (3, 64, 64)


@pytest.mark.parametrize("kind", [np.int8, np.float32])
def test_a_rate_counts_the_operations_of_its_fastest_product(
    kind: type[np.generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    seconds = {8: 1.0, 32: 2.0}  # 2 × 8³ in 1 s, 2 × 32³ in 2 s

    def rate(product: tuple[int, Callable[[], Any]]) -> float:
        (made,) = product[1]()
        assert made.dtype == (np.int32 if kind is np.int8 else np.float32)
        return product[0] / seconds[made.shape[0]]

    monkeypatch.setattr(rates, "_rate", rate)
    assert rates.OnnxRate(kind, 1, ((8, 8, 8), (32, 32, 32))).measure(0.0) == 32**3


def test_sizes_grow_until_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "restored", lambda network, size: grown(network, size, 2 * size, 100.0))
    told: list[str] = []
    found = photographs.growth(("nano",), (1.0, 10.0, 100.0), 50.0, told.append)
    assert [each.megapixels for each in found] == [1.0, 10.0]
    assert "left out" in told[-1]


def test_the_processor_is_read_as_linux_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: "model name\t: A chip\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert machine.has_bf16()
    assert machine.described()["processor"] == "A chip"
    assert machine.described()["flags"] == "avx2, avx512_bf16"
    monkeypatch.setattr(machine, "_cpuinfo", str)
    assert not machine.has_bf16()


def test_a_trial_never_becomes_the_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["speed.py", "--quick"])
    with pytest.raises(SystemExit):
        main()
    assert "--out" in capsys.readouterr().err


def test_a_trial_measures_everything(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[1] / "benchmarks" / "speed.py"
    told = ["--quick", "--threads", "1", "--only", "nano, ONNX Runtime", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, str(script), *told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = Report.read(tmp_path / "results" / "speed.json")
    assert {s.network for s in found.systems} == {"nano"}
    assert all(s.speed > 0 and s.weight_bytes for s in found.systems)
    assert [s for s in found.systems if s.start_up and s.start_up > 0] != []
    assert {"float32", "int8"} <= found.rates.keys()
    assert all(rate > 0 for rounds in found.rates.values() for rate in rounds)
    assert [round(each.megapixels, 2) for each in found.growth] == [0.05, 0.1]
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == text(found, ())
