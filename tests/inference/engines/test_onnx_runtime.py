"""ONNX Runtime: its devices, its errors, and that nothing is silently wrong."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from pixelmend import catalog
from pixelmend.errors import ModelError, UsageError
from pixelmend.inference import OnnxEngine, devices
from pixelmend.inference.engines import onnx_runtime
from tests.quantized_model import CENTRE, LEVELS, make_quantized, without_pairs

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


def test_an_int8_file_runs_as_it_is_or_as_the_float_network_that_it_was_made_from(tmp_path: Path) -> None:
    card = make_quantized(tmp_path)
    wanted = without_pairs(card.path, tmp_path / "plain.onnx")
    floats = OnnxEngine(card.path, "cpu", precision="float32")
    assert floats.precision == "float32"
    np.testing.assert_allclose(floats.run(PICTURE, {}), wanted.run(PICTURE, {}), atol=1e-6)
    for precision in ("auto", "int8"):
        whole = OnnxEngine(card.path, "cpu", precision=precision)
        assert whole.precision == "int8"
        difference = np.abs(whole.run(PICTURE, {}) - wanted.run(PICTURE, {}))
        # it rounds, and by no more than what one step of each of its scales can move
        assert 1e-4 < difference.max() < 0.1
    # what flows through it takes no more values than int8 has
    flat = np.linspace(0, 1, 3 * 64 * 64, dtype=np.float32).reshape(1, 3, 64, 64)
    seen = OnnxEngine(make_quantized(tmp_path, name=CENTRE).path, "cpu").run(flat, {}) - flat
    assert len(np.unique(seen.round(5))) <= LEVELS


def test_int8_of_a_file_that_has_none_is_refused_with_what_to_do(model: Path) -> None:
    assert OnnxEngine(model, precision="float32").precision == OnnxEngine(model).precision == "float32"
    with pytest.raises(UsageError, match=r"computes in float32.*leave precision at 'auto'"):
        OnnxEngine(model, precision="int8")


def test_a_chip_that_takes_no_int8_gets_the_float_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such chip here: sessions are only told what it would be told."""
    path = make_quantized(tmp_path).path
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("no CUDA here"))
    monkeypatch.setattr(
        "pixelmend.inference.engines.onnx_runtime._with_cpu", lambda _provider: ["CPUExecutionProvider"]
    )
    asked: list[tuple[str, bool]] = []
    start = onnx_runtime._session

    def watched(path: Path, device: str, threads: int, *, floats: bool) -> object:
        asked.append((device, floats))
        return start(path, device, threads, floats=floats)

    monkeypatch.setattr(onnx_runtime, "_session", watched)
    engine = OnnxEngine(path, "auto")
    # the float network for the chip; which does not start, so the file as it is for the processor
    assert asked == [("cuda", True), ("cpu", False)]
    assert (engine.device, engine.precision) == ("cpu", "int8")
    with pytest.raises(UsageError, match="'cuda' takes no int8"):
        OnnxEngine(path, "cuda", precision="int8")


def test_pieces_at_once_are_as_many_as_threads_but_not_without_end(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [OnnxEngine(model, "cpu", threads=threads).lanes for threads in (1, 2, 4, 64)] == [1, 2, 4, 4]
    monkeypatch.setattr("pixelmend.inference.engines.onnx_runtime.cores", lambda: 3)
    engine = OnnxEngine(model, "cpu")
    assert engine.lanes == 3
    asked: list[int] = []
    start = onnx_runtime._session

    def watched(path: Path, device: str, threads: int, *, floats: bool) -> object:
        asked.append(threads)
        return start(path, device, threads, floats=floats)

    monkeypatch.setattr(onnx_runtime, "_session", watched)
    engine.run(PICTURE, {"noise_level": LEVEL})
    assert asked == []  # what runs one piece alone is there already
    for left in (2, 1):
        engine.run(PICTURE, {"noise_level": LEVEL}, left=left)
    # three threads that ask, and no other
    assert asked == [1]


def test_pieces_at_once_give_what_one_alone_gives(tmp_path: Path) -> None:
    for name, precision in ((catalog.by_name("denoise-nano").path, "float32"), (make_quantized(tmp_path).path, "int8")):
        engine = OnnxEngine(name, "cpu", threads=4)
        assert engine.precision == precision
        pictures = np.random.default_rng(3).random((12, 1, 3, 64, 128), dtype=np.float32)
        told = {"noise_level": np.full((1, 1, 64, 128), 0.1, np.float32)} if "noise_level" in engine.inputs else {}
        alone = [engine.run(picture, told) for picture in pictures]
        with ThreadPoolExecutor(4) as pool:
            begun = [
                pool.submit(engine.run, picture, told, left=left)
                for left, picture in zip(reversed(range(12)), pictures, strict=True)
            ]
        for wanted, got in zip(alone, begun, strict=True):
            np.testing.assert_array_equal(got.result(), wanted)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_is_kept_while_pieces_follow_and_given_back_after_the_last() -> None:
    engine = OnnxEngine(catalog.by_name("denoise-nano").path, "cpu", threads=2)
    picture = np.zeros((1, 3, 704, 704), np.float32)
    told = {"noise_level": np.zeros((1, 1, 704, 704), np.float32)}

    def megabytes(left: int) -> float:
        engine.run(picture, told, left=left)
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    before = megabytes(0)
    megabytes(9)  # starts what runs one of several
    kept = [megabytes(9), megabytes(9)]
    assert kept[0] > before + 40
    assert kept[1] < kept[0] + 20
    assert megabytes(0) < kept[1] - 40


def test_devices_that_are_not_there_are_named_with_those_that_are(model: Path) -> None:
    assert devices()[-1] == "cpu"
    absent = next(name for name in ("cuda", "coreml", "dml") if name not in devices())
    for name in (absent, "gpu"):
        with pytest.raises(UsageError, match=f"{name}.*choose one of: auto.*cpu"):
            OnnxEngine(model, device=name)
    with pytest.raises(UsageError, match="threads"):
        OnnxEngine(model, threads=-1)


def test_a_device_that_does_not_start_is_not_replaced_in_silence(
    model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("no CUDA here"))
    monkeypatch.setattr(
        "pixelmend.inference.engines.onnx_runtime._with_cpu", lambda _provider: ["CPUExecutionProvider"]
    )
    with pytest.raises(UsageError, match="could not be started"):
        OnnxEngine(model, device="cuda")
    assert OnnxEngine(model, device="auto").device == "cpu"
    assert capfd.readouterr() == ("", "")


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
    for content in (b"not a model", b""):
        broken.write_bytes(content)
        with pytest.raises(ModelError, match="not a model that can be run"):
            OnnxEngine(broken)
    with pytest.raises(ModelError, match="no model at"):
        OnnxEngine(tmp_path / "none.onnx")
