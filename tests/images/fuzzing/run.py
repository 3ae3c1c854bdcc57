"""Damaged files by the thousand, through workers that are watched; what must not happen is kept."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.images.fuzzing.mutate import damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 5.0
"""Of a processor, that a file may take."""
MEGABYTES = 1000.0
"""That a file may take at its peak, beside what the process holds."""
_PATIENCE = 30.0
"""Seconds by the clock, after which a worker counts as hanging: others may keep the processor from it."""
_LAST = 10
"""So many files of a worker are kept where it ends: the last one need not be the one that broke it."""


@dataclass
class Findings:
    """What came of all files.

    Attributes:
        kinds: How many files came to what.
        bad: Numbers of the files that did what none may, and what that was.
        slowest: Seconds of the slowest, and its number.
        largest: Megabytes of the one that took most, and its number.
        growth: Megabytes that each worker grew by from its first tenth to its end.
        files_left: How many files more were open at the end of a worker than at its start.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    bad: dict[int, str] = field(default_factory=dict)
    slowest: tuple[float, int] = (0.0, -1)
    largest: tuple[float, int] = (0.0, -1)
    growth: list[float] = field(default_factory=list)
    files_left: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Of all files."""
        return sum(self.kinds.values())

    def take(self, told: dict[str, Any]) -> None:
        """What a worker says of a file."""
        number, kind = told["number"], told["kind"]
        self.slowest = max(self.slowest, (told["seconds"], number))
        self.largest = max(self.largest, (told["megabytes"], number))
        if kind.startswith("RAISED"):
            self.bad[number] = kind
            kind = "raised"
        elif told["seconds"] > SECONDS:
            self.bad[number] = f"took {told['seconds']:.1f} s"
        elif told["megabytes"] > MEGABYTES:
            self.bad[number] = f"took {told['megabytes']:.0f} MB"
        self.kinds[kind] += 1

    def broke(self, number: int, how: str) -> None:
        """A file that ended a worker, or that one hung on."""
        self.bad[number] = how
        self.kinds[how.partition(" ")[0]] += 1


WORKER = (sys.executable, "-W", "error", "-m", "tests.images.fuzzing.worker")


def fuzz(
    numbers: Sequence[int],
    *,
    seed: int = 0,
    workers: int = 1,
    command: Sequence[str] = WORKER,
    patience: float = _PATIENCE,
    tell: Callable[[Findings], None] = lambda _: None,
) -> Findings:
    """Read these damaged files.

    Args:
        numbers: Of the files.
        seed: Of all of them.
        workers: How many processes.
        command: That starts one; the seed is added.
        patience: Seconds by the clock, for each file.
        tell: Told what was found so far, after each file.
    """
    found, lock = Findings(), threading.Lock()
    with ThreadPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_Watched([*command, str(seed)], patience).run, deque(numbers[k::workers]), found, lock, tell)
            for k in range(workers)
        ]
        for job in jobs:
            job.result()
    return found


class _Watched:
    """One worker after another, until all of its files are read."""

    def __init__(self, command: list[str], patience: float) -> None:
        self._command, self._patience = command, patience

    def run(self, left: deque[int], found: Findings, lock: threading.Lock, tell: Callable[[Findings], None]) -> None:
        while left:
            # A file of its own for the last words: a pipe that nobody reads would stop the worker.
            with tempfile.TemporaryFile("w+") as words:
                self._one(left, found, lock, tell, words)

    def _one(
        self, left: deque[int], found: Findings, lock: threading.Lock, tell: Callable[[Findings], None], words: IO[str]
    ) -> None:
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, cwd=ROOT
        )
        answers: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process.stdout, answers), daemon=True)
        reader.start()
        try:
            first = self._answer(answers)
            if not first:
                words.seek(0)
                raise RuntimeError(f"the worker does not start: {words.read()[-2000:]}")
            resident: list[int] = []
            told = json.loads(first)
            files = told["open files"]
            while left:
                assert process.stdin is not None
                process.stdin.write(f"{left[0]}\n")
                process.stdin.flush()
                answer = self._answer(answers)
                with lock:
                    if not answer:
                        how = "hung" if answer is None else f"crashed (exit code {process.wait()})"
                        found.broke(left.popleft(), how)
                        return
                    told = json.loads(answer)
                    resident.append(told["resident"])
                    found.take(told)
                    left.popleft()
                    tell(found)
            with lock:
                found.growth.append((resident[-1] - resident[len(resident) // 10]) / 1024)
                found.files_left.append(told["open files"] - files)
        finally:
            process.kill()
            process.wait()
            reader.join()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _answer(self, answers: queue.Queue[str]) -> str | None:
        """The next line; "" where the worker ended, None where it hangs."""
        try:
            return answers.get(timeout=self._patience)
        except queue.Empty:
            return None


def _read(pipe: IO[str], answers: queue.Queue[str]) -> None:
    for line in pipe:
        answers.put(line)
    answers.put("")


def keep(found: Findings, seed: int, folder: Path) -> None:
    """Write every file that did what none may, and beside it what that was."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, what in found.bad.items():
        name, data = damaged(seed, number)
        (folder / f"{seed}-{number}.bin").write_bytes(data)
        (folder / f"{seed}-{number}.txt").write_text(f"{name}\n{what}\n", encoding="utf-8")
