"""OpenVINO: it gives what ONNX Runtime gives, says what it cannot do, and sends nothing to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend import catalog
from pixelmend.errors import ModelError, UsageError
from pixelmend.images import open_image
from pixelmend.inference import OnnxEngine, Options, Wish, cached_engine, restore_picture
from pixelmend.inference.hardware import look, sums_saturate
from tests.quantized_model import make_quantized
from tests.small_models import make_model

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("openvino")
from pixelmend.inference.engines import open_vino
from pixelmend.inference.engines.open_vino import OpenVinoEngine

PICTURE = np.random.default_rng(0).random((2, 3, 24, 40)).astype(np.float32)
LEVEL = {"noise_level": np.full((2, 1, 24, 40), 0.2, np.float32)}


@pytest.fixture
def model(tiny_card: Path) -> Path:
    return catalog.load(tiny_card).path


def test_in_float32_it_gives_what_onnx_runtime_gives(model: Path) -> None:
    engine = OpenVinoEngine(model, precision="float32")
    assert (engine.title, engine.device, engine.precision) == ("OpenVINO", "cpu", "float32")
    for shape in ((2, 24, 40), (1, 16, 16), (1, 64, 16)):
        picture = np.random.default_rng(1).random((shape[0], 3, *shape[1:])).astype(np.float32)
        level = np.full((shape[0], 1, *shape[1:]), 0.3, np.float32)
        restored = engine.run(picture, {"noise_level": level})
        wanted = OnnxEngine(model).run(picture, {"noise_level": level})
        assert restored.shape == wanted.shape
        assert restored.dtype == np.float32
        np.testing.assert_allclose(restored, wanted, atol=1e-6)


def test_it_repeats_itself_whatever_ran_between_and_on_however_many_threads(model: Path) -> None:
    engine = OpenVinoEngine(model)
    first = engine.run(PICTURE, LEVEL)
    kept = first.copy()
    engine.run(PICTURE + 1, LEVEL)
    np.testing.assert_array_equal(first, kept)  # a result is not the place of the next one
    np.testing.assert_array_equal(engine.run(PICTURE, LEVEL), kept)
    np.testing.assert_array_equal(OpenVinoEngine(model, threads=1).run(PICTURE, LEVEL), kept)


@pytest.mark.parametrize("has", [True, False])
def test_bfloat16_where_the_processor_has_it(model: Path, monkeypatch: pytest.MonkeyPatch, *, has: bool) -> None:
    monkeypatch.setattr(open_vino, "_has_bfloat16", lambda: has)
    engine = OpenVinoEngine(model)
    assert engine.precision == ("bfloat16" if has else "float32")
    # 8 bits of a difference, and the picture itself in float
    difference = np.abs(engine.run(PICTURE, LEVEL) - OnnxEngine(model).run(PICTURE, LEVEL))
    assert difference.max() < (2**-8 if has else 1e-6)


def test_an_int8_file_is_computed_in_int8_and_refused_in_float32(tmp_path: Path) -> None:
    card = make_quantized(tmp_path)
    engine = OpenVinoEngine(card.path, precision="int8")
    assert engine.precision == OpenVinoEngine(card.path).precision == "int8"
    whole = OnnxEngine(card.path, "cpu").run(PICTURE, {})
    floats = OnnxEngine(card.path, "cpu", precision="float32").run(PICTURE, {})
    # nearer to what int8 gives than to the float network; less so where sums clip, for which it is not chosen there
    restored = engine.run(PICTURE, {})
    share = 0.9 if sums_saturate(look()) else 0.2
    assert np.abs(restored - whole).mean() < share * np.abs(restored - floats).mean()
    with pytest.raises(UsageError, match="in int8 only: choose precision 'auto', or the engine 'onnxruntime'"):
        OpenVinoEngine(card.path, precision="float32")


def test_what_cannot_be_asked_of_it(model: Path) -> None:
    with pytest.raises(UsageError, match="computes in float32, so it cannot run in int8"):
        OpenVinoEngine(model, precision="int8")
    with pytest.raises(UsageError, match="'cuda' is not one that this engine runs on"):
        OpenVinoEngine(model, "cuda")
    with pytest.raises(UsageError, match="threads"):
        OpenVinoEngine(model, threads=-1)


def test_inputs_and_results_that_are_wrong_are_one_line(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = OpenVinoEngine(model)
    for picture, told in ((PICTURE[:, :2], LEVEL), (PICTURE, {}), (PICTURE, {**LEVEL, "depth": LEVEL["noise_level"]})):
        with pytest.raises(ModelError, match="failed on an input") as caught:
            engine.run(picture, told)
        assert "\n" not in str(caught.value)
    picture = PICTURE.copy()
    picture[0, 0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        engine.run(picture, LEVEL)
    assert capfd.readouterr() == ("", "")


def test_no_room_is_said_as_such(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = OpenVinoEngine(model)

    def full(_shapes: object) -> None:
        raise RuntimeError("std::bad_alloc")

    monkeypatch.setattr(engine, "_compiled", full)
    with pytest.raises(MemoryError, match="a piece of 40 pixels"):
        engine.run(PICTURE, LEVEL)


def test_broken_and_missing_files(tmp_path: Path, model: Path) -> None:
    import onnx

    for name, content in {"a": b"not a model", "b": b""}.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
        with pytest.raises(ModelError, match="not a model that can be run"):
            OpenVinoEngine(tmp_path / f"{name}.onnx")
    with pytest.raises(ModelError, match="no model at"):
        OpenVinoEngine(tmp_path / "none.onnx")
    other = onnx.load(model)
    other.graph.input[0].name = "pixels"
    for node in other.graph.node:
        node.input[:] = ["pixels" if name == "degraded" else name for name in node.input]
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="is no restorer"):
        OpenVinoEngine(tmp_path / "other.onnx")


@pytest.mark.parametrize("name", ["denoise-small", "super-resolve-small-x3", "inpaint-small"])
def test_every_kind_of_model_in_pieces(tmp_path: Path, name: str) -> None:
    card = make_model(tmp_path, name)
    rng = np.random.default_rng(3)
    picture = open_image(rng.random((90, 131, 3), dtype=np.float32))
    options = Options(mask=rng.random((90, 131)) < 0.2 if "mask" in card.conditions else None)
    results = [
        restore_picture(picture, card, cached_engine(card, Wish(engine=engine, precision="float32")), options)
        for engine in ("openvino", "onnxruntime")
    ]
    (ours, report), (wanted, other) = results
    np.testing.assert_allclose(ours, wanted, atol=1e-5)
    assert (report.engine, report.device, report.precision) == ("OpenVINO", "cpu", "float32")
    assert (other.engine, report.tiles > 1) == ("ONNX Runtime", True)


def test_nothing_is_sent_and_no_telemetry_is_loaded(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event))\n"
        "import numpy as np\n"
        "from pixelmend.inference.engines.open_vino import OpenVinoEngine\n"
        f"engine = OpenVinoEngine({str(model)!r})\n"
        "engine.run(np.zeros((1, 3, 16, 16), np.float32), {'noise_level': np.zeros((1, 1, 16, 16), np.float32)})\n"
        "assert 'openvino' in sys.modules\n"
        "bad = ('socket.', 'urllib.', 'subprocess.', 'os.fork', 'os.posix_spawn')\n"
        "print([event for event in seen if event.startswith(bad)])\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == ["[]", "[]"]
    assert list(tmp_path.iterdir()) == []  # the sender would keep an identity of the user there
