"""The folder of a server: its own, gone with it, and with the next one where it was killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pixelmend.service.spool import spool_folder

pytest.importorskip("fcntl")


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_for_its_user_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    with spool_folder() as folder:
        assert folder.parent == tmp_path
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "picture-1").write_bytes(b"somebody's")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    code = (
        "from pixelmend.service.spool import spool_folder\n"
        "with spool_folder() as folder:\n"
        "    (folder / 'picture-1').write_bytes(b'x')\n"
        "    print(folder, flush=True)\n"
        "    input()\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    with server:
        assert server.stdout is not None
        other = Path(server.stdout.readline().strip())
        with spool_folder() as own:
            assert own != other
            assert (other / "picture-1").is_file()
        server.send_signal(signal.SIGKILL)
        server.wait()
        assert other.is_dir()
        with spool_folder() as own:
            assert own.is_dir()
            assert not other.exists()
