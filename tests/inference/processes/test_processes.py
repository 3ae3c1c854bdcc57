"""Processes that take orders: they begin, answer, die, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.processes import DiedError, Process, readable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ECHO = "tests.inference.processes.echo"


@contextmanager
def started(first: str = "well", env: dict[str, str] | None = None) -> Iterator[Process]:
    process = Process(ECHO, first, env or {})
    yield process
    process.stop()
    assert not process.alive


@pytest.fixture(scope="module")
def echo() -> Iterator[Process]:
    with started(env={"ECHO_TEST": "told"}) as process:
        yield process


def test_the_first_order_is_answered_at_the_start(echo: Process) -> None:
    assert echo.ready == {"began": "well", "variable": "told"}
    assert echo.alive
    assert echo.pid != os.getpid()


def test_an_order_may_have_several_answers(echo: Process) -> None:
    echo.send("three")
    assert [echo.receive() for _ in range(3)] == [1, 2, "three"]


def test_what_is_printed_is_no_answer(echo: Process) -> None:
    echo.send("print")
    assert echo.receive() == "print"


def test_ctrl_c_is_for_the_parent(echo: Process) -> None:
    os.kill(echo.pid, signal.SIGINT)
    echo.send("still there")
    assert echo.receive() == "still there"


@pytest.mark.parametrize(
    ("first", "error", "words"),
    [
        ("misuse", UsageError, "^that cannot be$"),
        ("broken", ModelError, "^that is broken$"),
        ("fault", ModelError, r"did not start: its process died \(exit code 1\): ZeroDivisionError: a fault"),
    ],
)
def test_a_start_that_fails_says_why(first: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Process(ECHO, first, {})


def test_how_it_died_is_told() -> None:
    with started() as process:
        process.send("exit")
        with pytest.raises(DiedError, match=r"its process died \(exit code 3\)") as caught:
            process.receive()
        assert caught.value.code == 3
        with pytest.raises(DiedError):
            process.send("more")


@pytest.mark.parametrize(("number", "words"), [(signal.SIGKILL, "was killed"), (signal.SIGSEGV, "signal 11")])
def test_a_signal_that_ended_it_is_told(number: signal.Signals, words: str) -> None:
    with started() as process:
        os.kill(process.pid, number)
        with pytest.raises(DiedError, match=words) as caught:
            process.receive()
        assert caught.value.code == -number


def test_it_can_be_killed_while_somebody_waits() -> None:
    with started() as process:
        process.kill()
        with pytest.raises(DiedError):
            process.receive()


def test_it_goes_where_its_parent_is_gone(tmp_path: Path) -> None:
    """Also where the parent had no time to say anything."""
    told = tmp_path / "pid"
    parent = f"""
        import os, pathlib, signal
        from pixelmend.inference.processes import Process
        process = Process({ECHO!r}, "well", {{}})
        pathlib.Path({str(told)!r}).write_text(str(process.pid))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(parent)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    pid, until = int(told.read_text()), time.monotonic() + 60
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked for its end does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_words_are_on_one_line_and_can_be_printed() -> None:
    assert readable("two\nlines  \udcff") == "two lines �"
