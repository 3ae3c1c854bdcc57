"""ncnn: what pnnx makes of a network gives what ONNX Runtime gives, or nothing is written."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from pixelmend.errors import MissingExtraError, ModelError, UsageError
from pixelmend.export import export
from pixelmend.export.ncnn import write_ncnn
from pixelmend.export.static import drop_quantizing
from pixelmend.inference import OnnxEngine
from tests.export.networks import quantized, stored, varied

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card

EVERY_KIND = varied(widths=(8, 64), window=8, head_width=32, attention="normalized")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    path = stored(EVERY_KIND, tmp_path_factory.mktemp("weights"))
    return export(path, path.parent, tile=64, overlap=32, storage="float32").card


def test_what_ncnn_gives_is_what_onnx_runtime_gives(card: Card, tmp_path: Path) -> None:
    ncnn = pytest.importorskip("ncnn", reason="needs the extra pixelmend[ncnn]")
    pytest.importorskip("pnnx", reason="needs the extra pixelmend[ncnn]")
    made = write_ncnn(card, tmp_path / "new", (64, 96))
    assert {path.name for path in made.param.parent.iterdir()} == {
        "denoise-tiny-64x96.ncnn.param",
        "denoise-tiny-64x96.ncnn.bin",
    }
    assert made.psnr > 60
    assert made.takes == "in0 (degraded), in1 (noise_level) in, out0 (restored) out"
    picture = np.random.default_rng(0).random((1, 3, 64, 96), dtype=np.float32)
    level = np.full((1, 1, 64, 96), 0.1, np.float32)
    net = ncnn.Net()
    assert net.load_param(str(made.param)) == net.load_model(str(made.bin)) == 0
    extractor = net.create_extractor()
    for name, value in (("in0", picture), ("in1", level)):
        extractor.input(name, ncnn.Mat(value[0]).clone())
    got = np.array(extractor.extract("out0")[1])
    wanted = OnnxEngine(card.path, "cpu").run(picture, {"noise_level": level})[0]
    assert np.abs(wanted - picture[0]).mean() > 0.01
    assert np.square(got - wanted).mean() < 1e-4 * np.square(wanted - picture[0]).mean()


def test_whole_numbers_are_taken_for_what_they_stand_for(card: Card, tmp_path: Path) -> None:
    pytest.importorskip("pnnx", reason="needs the extra pixelmend[ncnn]")
    assert write_ncnn(quantized(card, tmp_path), tmp_path / "new", (64, 64)).psnr > 60


def test_without_rounding_a_quantized_file_gives_nearly_what_it_was_made_from(card: Card, tmp_path: Path) -> None:
    rounded = quantized(card, tmp_path)
    network = onnx.load(rounded.path)
    drop_quantizing(network)
    assert not {node.op_type for node in network.graph.node} & {"QuantizeLinear"}
    (tmp_path / "plain.onnx").write_bytes(network.SerializeToString())
    picture = np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)
    told = {"noise_level": np.full((1, 1, 64, 64), 0.1, np.float32)}
    wanted, whole, plain = (
        OnnxEngine(path, "cpu").run(picture, told) for path in (card.path, rounded.path, tmp_path / "plain.onnx")
    )
    assert 0 < np.square(plain - wanted).mean() < np.square(whole - wanted).mean()


def test_what_differs_is_refused(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pnnx", reason="needs the extra pixelmend[ncnn]")
    # pnnx loses the axis of these norms, which is why they are written out.
    monkeypatch.setattr("pixelmend.export.ncnn.write_out_norms", lambda network: network)
    with pytest.raises(ModelError, match=r"wanted 45 dB or more\): nothing was written"):
        write_ncnn(card, tmp_path / "new", (64, 64))
    assert not (tmp_path / "new").exists()


def test_a_converter_that_fails_is_told(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pnnx = pytest.importorskip("pnnx", reason="needs the extra pixelmend[ncnn]")
    monkeypatch.setattr(pnnx, "EXEC_PATH", "false")
    with pytest.raises(ModelError, match=r"pnnx does not take this network \(exit code 1"):
        write_ncnn(card, tmp_path, (64, 64))
    monkeypatch.setattr(pnnx, "EXEC_PATH", str(tmp_path / "gone"))
    with pytest.raises(ModelError, match="pnnx could not be run"):
        write_ncnn(card, tmp_path, (64, 64))


def test_a_size_that_does_not_fit_is_refused(card: Card, tmp_path: Path) -> None:
    pytest.importorskip("pnnx", reason="needs the extra pixelmend[ncnn]")
    with pytest.raises(UsageError, match="needs multiples of 16"):
        write_ncnn(card, tmp_path, (60, 64))


def test_a_missing_package_is_named(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(MissingExtraError, match=r"needs ncnn, .*: pip install 'pixelmend\[ncnn\]'"):
        write_ncnn(card, tmp_path, (64, 64))


def test_exporting_needs_no_ncnn() -> None:
    code = "import sys, pixelmend.export; sys.exit(bool({'ncnn', 'pnnx'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
