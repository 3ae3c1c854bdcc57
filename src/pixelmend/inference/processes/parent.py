"""A process that takes orders, as its parent sees it."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.processes.child import Refusal
from pixelmend.inference.processes.words import readable

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "VIPS_CONCURRENCY"), "1"
)
"""What libraries are told where each process has a core, and results must not depend on how many there are."""
_GRACE = 2.0
"""Seconds that a process has to go by itself."""


class DiedError(Exception):
    """The process is gone; the text says how, as far as is known.

    Attributes:
        code: How it ended, as `subprocess` has it: below 0 by that signal; None where it is still there, but silent.
    """

    def __init__(self, code: int | None) -> None:
        if code is None:
            text = "its process went silent"
        elif code == -9:
            text = "its process was killed, as a system does that is out of memory"
        else:
            text = f"its process died ({f'signal {-code}' if code < 0 else f'exit code {code}'})"
        super().__init__(text)
        self.code = code


class Process:
    """A fresh interpreter that runs ``main()`` of a module, which calls `obey`.

    One thread sends orders and waits for answers; `kill`, `alive` and `pid` are for any.

    Args:
        module: Its full name.
        begin: The first order.
        env: Variables that are set for it beside those of this process.
        keep: Open files that it inherits, and with them their locks.

    Attributes:
        pid: Its number.
        ready: The answer to the first order.

    Raises:
        UsageError: What was asked for cannot be done.
        ModelError: The model is broken, or the process did not start.
    """

    def __init__(self, module: str, begin: object, env: Mapping[str, str], keep: tuple[int, ...] = ()) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `stop`)
        self._process = subprocess.Popen(  # noqa: S603  (this interpreter)
            [sys.executable, "-c", _BEGIN, json.dumps(sys.path), module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
            env={**os.environ, **env}, pass_fds=keep if os.name == "posix" else (),
        )  # fmt: skip
        self.pid = self._process.pid
        try:
            self.ready = self._begun(begin)
        except BaseException:
            self.stop()
            raise

    def _begun(self, begin: object) -> Any:
        try:
            self.send(begin)
            answer = self.receive()
        except DiedError as died:
            raise ModelError(f"a process to restore pictures did not start: {died}{self._last_words()}") from None
        if isinstance(answer, Refusal):
            raise (UsageError if answer.exit_code == 2 else ModelError)(answer.error)
        return answer

    @property
    def alive(self) -> bool:
        """Whether it is there."""
        return self._process.poll() is None

    def send(self, order: object) -> None:
        """Give it an order.

        Raises:
            DiedError: It is gone.
        """
        assert self._process.stdin is not None  # noqa: S101  (a pipe was asked for)
        try:
            pickle.dump(order, self._process.stdin)
            self._process.stdin.flush()
        except (OSError, ValueError):  # ValueError: closed, since it was stopped
            raise DiedError(self._code()) from None

    def receive(self) -> Any:
        """Wait for an answer.

        Raises:
            DiedError: It is gone.
        """
        assert self._process.stdout is not None  # noqa: S101  (a pipe was asked for)
        try:
            return pickle.load(self._process.stdout)  # noqa: S301  (from our own process)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise DiedError(self._code()) from None

    def kill(self) -> None:
        """End it at once; who waits for its answer hears that it died."""
        self._process.kill()

    def stop(self, *, now: bool = False) -> None:
        """End it, where it is idle by itself, or at once; nothing of it is left."""
        if now:
            self._process.kill()
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None  # noqa: S101  (a pipe was asked for)
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None  # noqa: S101  (a pipe was asked for)
        self._process.stdout.close()
        self._said.close()

    def _last_words(self) -> str:
        """The last line that it printed, after a colon; "" where there is none."""
        with contextlib.suppress(OSError, ValueError):
            self._said.seek(0)
            lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
            return f": {readable(lines[-1])}" if lines else ""
        return ""

    def _code(self) -> int | None:
        """How it ended."""
        try:
            return self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return None
