"""ONNX Runtime tells nobody anything, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CODE = (
    "import numpy as np\n"
    "from pixelmend import catalog\n"
    "from pixelmend.inference import OnnxEngine\n"
    "engine = OnnxEngine(catalog.by_name('denoise-nano').path)\n"
    "engine.run(np.zeros((1, 3, 64, 64), np.float32), {'noise_level': np.zeros((1, 1, 64, 64), np.float32)})\n"
)


def test_no_identity_of_the_user_and_no_events_are_left_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    folders = {"HOME": tmp_path, "XDG_CACHE_HOME": tmp_path / "cache", "TMPDIR": tmp_path / "tmp"}
    environment = {**os.environ, **{name: str(path) for name, path in folders.items()}}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, env=environment)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
