"""The engine: its devices, its errors, and that nothing is silently wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
import pytest

from pixelmend import catalog
from pixelmend.errors import ModelError, UsageError
from pixelmend.inference import OnnxEngine, cached_engine, devices

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = np.random.default_rng(0).random((2, 3, 24, 40)).astype(np.float32)
LEVEL = np.full((2, 1, 24, 40), 0.2, np.float32)


@pytest.fixture
def model(tiny_card: Path) -> Path:
    return catalog.load(tiny_card).path


def test_it_runs_and_repeats_itself(model: Path) -> None:
    engine = OnnxEngine(model)
    restored = engine.run(PICTURE, {"noise_level": LEVEL})
    assert restored.shape == PICTURE.shape
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored, OnnxEngine(model, threads=1).run(PICTURE, {"noise_level": LEVEL}))
    np.testing.assert_array_equal(engine.run(PICTURE, {"noise_level": LEVEL * 0}), PICTURE)


def test_devices_that_are_not_there_are_named_with_those_that_are(model: Path) -> None:
    assert devices()[-1] == "cpu"
    absent = next(name for name in ("cuda", "coreml", "dml") if name not in devices())
    for name in (absent, "gpu"):
        with pytest.raises(UsageError, match=f"{name}.*choose one of: auto.*cpu"):
            OnnxEngine(model, device=name)
    with pytest.raises(UsageError, match="threads"):
        OnnxEngine(model, threads=-1)


def test_a_device_that_does_not_start_is_not_replaced_in_silence(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr("pixelmend.inference.engines._with_cpu", lambda _provider: ["CPUExecutionProvider"])
    with pytest.raises(UsageError, match="could not be started"):
        OnnxEngine(model, device="cuda")
    assert OnnxEngine(model, device="auto").device == "cpu"


def test_a_result_that_is_not_finite_is_an_error(model: Path) -> None:
    picture = PICTURE.copy()
    picture[0, 0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        OnnxEngine(model).run(picture, {"noise_level": LEVEL})


def test_inputs_that_do_not_fit_are_one_line(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="failed on an input") as caught:
        OnnxEngine(model).run(PICTURE[:, :2], {"noise_level": LEVEL})
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_broken_and_missing_files(tmp_path: Path) -> None:
    broken = tmp_path / "a.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a model that can be run"):
        OnnxEngine(broken)
    for make in (OnnxEngine, cached_engine):
        with pytest.raises(ModelError, match="no model at"):
            make(tmp_path / "none.onnx")


def test_the_cache_keeps_an_engine_until_its_file_changes(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "a.onnx"
    copy.write_bytes(model.read_bytes())
    first = cached_engine(copy)
    assert cached_engine(copy) is first
    assert cached_engine(copy, "cpu") is not first
    copy.write_bytes(b"broken now")
    with pytest.raises(ModelError, match="not a model"):
        cached_engine(copy)
