"""What every test may use: the folder of pictures and weights beside the checkout, and small pictures made here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browsing import Browser, NotThereError

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path(os.environ.get("PIXELMEND_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session", autouse=True)
def _apart_from_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests have a cache of their own, and the engine that every installation has, whatever is faster here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PIXELMEND_ENGINE", "onnxruntime")
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell that runs tests in the background has them ignore it, and every process that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _the_same_draws() -> None:
    """Weights and pictures that a test draws without a seed are the same at each run, alone and among the others."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder that holds ``data/`` and ``weights/``; the test is skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(
            f"no shared pictures at {SHARED} (set PIXELMEND_SHARED to the folder that holds data/ and weights/)"
        )
    return SHARED


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """A headless browser; the test is skipped where there is none."""
    try:
        return Browser(tmp_path_factory.mktemp("browser"))
    except NotThereError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A small smooth colour picture with edges, 96×128×3 float32 in [0, 1], made the same way each time."""
    y, x = np.mgrid[0:96, 0:128].astype(np.float32)
    red = 0.5 + 0.4 * np.sin(x / 17) * np.cos(y / 23)
    green = np.where((x - 60) ** 2 + (y - 50) ** 2 < 900, 0.75, 0.3)
    blue = (x + y) / 224
    picture: np.ndarray = np.clip(np.stack([red, green, blue], axis=-1), 0, 1).astype(np.float32)
    return picture


@pytest.fixture(scope="session")
def tiny_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a model made here, its ONNX file beside it: ``restored = degraded + level * (3×3 mean - degraded)``.

    At sigma 0 it changes nothing; at the greatest level it smooths a little. Its own padding is zero, so that a
    picture's cut edges show where tiles are put together carelessly.
    """
    from onnx import TensorProto, helper, numpy_helper

    folder = tmp_path_factory.mktemp("model")
    mean = np.zeros((3, 3, 3, 3), np.float32)
    mean[range(3), range(3)] = 1 / 9
    shape = {"degraded": 3, "noise_level": 1, "restored": 3}
    ports = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])
        for name, channels in shape.items()
    }
    nodes = [
        helper.make_node("Conv", ["degraded", "mean"], ["smooth"], pads=[1, 1, 1, 1]),
        helper.make_node("Sub", ["smooth", "degraded"], ["difference"]),
        helper.make_node("Mul", ["difference", "noise_level"], ["step"]),
        helper.make_node("Add", ["degraded", "step"], ["restored"]),
    ]
    inputs = [ports["degraded"], ports["noise_level"]]
    graph = helper.make_graph(nodes, "tiny", inputs, [ports["restored"]], [numpy_helper.from_array(mean, "mean")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = model.SerializeToString()
    (folder / "denoise-tiny.onnx").write_bytes(data)
    card = {
        "name": "denoise-tiny", "task": "denoise", "size": "small", "file": "denoise-tiny.onnx",
        "sha256": hashlib.sha256(data).hexdigest(), "parameters": 81, "scale": 1, "conditions": ["noise_level"],
        "multiple_of": 8, "minimum": 16, "tile": 64, "overlap": 16, "sigma_range": [0, 75], "licence": "Apache-2.0",
        "training": {
            "data": [{"name": "none", "pictures": 0, "licence": "none"}],
            "mpx": 0.0, "minutes": 0.0, "device": "none", "recipe": "written by hand",
        },
        "scores": [{"dataset": "none", "case": "σ 25", "psnr": 20.0, "ssim": 0.5, "protocol": {"seed": 0}}],
    }  # fmt: skip
    path = folder / "denoise-tiny.json"
    path.write_text(json.dumps(card))
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the examples, where a reader may stand."""
    examples = Path(__file__).resolve().parents[1] / "examples"
    shutil.copytree(examples, tmp_path / "examples", ignore=shutil.ignore_patterns("browser"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
