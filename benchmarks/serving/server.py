"""`pixelmend serve` in a process of its own, and what the system tells of it and of its workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 120.0
"""Seconds that a start, or a stop, may take."""


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        process: Its own.
        port: On 127.0.0.1.
        folder: Where its temporary files lie (TMPDIR).
        log: What it wrote to standard output and error.
    """

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    log: Path

    def workers(self) -> list[int]:
        """Its processes that restore."""
        return [pid for pid, parent in _parents() if parent == self.process.pid]

    def memory(self) -> tuple[float, float]:
        """Resident memory of the server and of its workers together, 10⁶ bytes."""
        return resident(self.process.pid), sum(map(resident, self.workers()))

    def said(self, words: str) -> int:
        """Lines of its log in which they stand."""
        return sum(words in line for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines())

    def files(self) -> int:
        """Bytes of all its temporary files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def serving(folder: Path, *flags: str) -> Iterator[Server]:
    """Start ``pixelmend serve`` with these flags, wait until it is ready, and stop it at the end as a system does.

    Args:
        folder: An empty one, for temporary files and the log.
        flags: Of the command, without host and port.

    Raises:
        RuntimeError: It did not start, or did not stop by itself with exit code 0.
    """
    port = free_port()
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    log = folder / "log"
    command = [sys.executable, "-m", "pixelmend", "serve", "--port", str(port), "--engine", "onnxruntime", *flags]
    with log.open("wb") as said:
        environment = {**os.environ, "TMPDIR": str(temporary)}
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment)
    server = Server(process, port, temporary, log)
    try:
        _wait(server)
        yield server
        process.send_signal(signal.SIGTERM)
        if (code := process.wait(_PATIENCE)) != 0:
            raise RuntimeError(f"the server ended with {code}: {_tail(log)}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def resident(pid: int) -> float:
    """Memory of a process, 10⁶ bytes; 0 where it is gone."""
    with contextlib.suppress(OSError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def _parents() -> Iterator[tuple[int, int]]:
    """Every process and its parent."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            yield int(stat.parent.name), int(fields[1])


def _wait(server: Server) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server did not start: {_tail(server.log)}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server is not ready after {_PATIENCE:.0f} s: {_tail(server.log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-1000:]
