"""What tests of the command share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend import cli
from pixelmend.images import encode
from tests.cli.running import Ran

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.cli.running import Run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["pixelmend", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capfd.readouterr()
        code = caught.value.code
        return Ran(code if isinstance(code, int) else 0, out, err)

    return call


@pytest.fixture
def picture(tmp_path: Path, photo: NDArray[np.float32]) -> Path:
    """A noisy JPEG, alone in its folder."""
    rng = np.random.default_rng(0)
    path = tmp_path / "in" / "a.jpg"
    path.parent.mkdir()
    noisy = np.clip(photo + rng.normal(0, 0.1, photo.shape), 0, 1)
    path.write_bytes(encode(np.rint(noisy * 255).astype(np.uint8), "jpeg"))
    return path
