"""What was done in a folder, line by line, so that a run that was killed goes on where it was.

A file of JSON lines beside the results. The first says how pictures are restored; each other one tells what became of a
picture, and is on the disk before the next is begun. A last line that was cut off counts as never written: what it
would have told of is done again, which gives the same file. The file is locked as long as a run writes to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from pixelmend.errors import PixelmendError, UnwritableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

NAME = ".pixelmend-manifest.jsonl"
"""Of the file, in the folder for results."""
DONE, KEPT, FAILED = "done", "kept", "failed"
"""What becomes of a picture: restored; left alone since a result was there; not restored."""
_FORM = 1
_PATIENCE = 3.0
"""Seconds to wait for another run, which may be about to end, as what a killed one leaves is."""


@dataclass(frozen=True)
class Stamp:
    """What tells whether a file is still what it was.

    Attributes:
        size: Bytes.
        mtime_ns: When it was changed, nanoseconds.
        sha256: Of what is in it; "" where that was not looked at.
    """

    size: int
    mtime_ns: int
    sha256: str = ""

    @classmethod
    def of(cls, path: Path, *, whole: bool = False) -> Self:
        """Of a file as it is now; `whole` reads it.

        Raises:
            OSError: It cannot be read.
        """
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns, _sha256(path) if whole else "")

    def fits(self, path: Path) -> bool:
        """Whether a file is there and unchanged; where only its time differs, what is in it decides, if known."""
        try:
            now = Stamp.of(path)
            if now.size != self.size:
                return False
            return now.mtime_ns == self.mtime_ns or bool(self.sha256 and _sha256(path) == self.sha256)
        except OSError:
            return False


@dataclass(frozen=True)
class Entry:
    """What became of one picture.

    Attributes:
        name: Of its target, see `Job`.
        source: Its path as it was given.
        state: `DONE`, `KEPT` or `FAILED`.
        before: The picture as it was read; None where it could not be.
        after: The result; None where there is none.
        seconds: That it took, from opening it to the result on the disk.
        error: Why it failed.
        report: What was found and done, in short; see `shorten`.
    """

    name: str
    source: str
    state: str
    before: Stamp | None = None
    after: Stamp | None = None
    seconds: float = 0.0
    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """What a line of JSON tells of it."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", {})}


class Manifest:
    """The file, locked; use it as a context.

    Args:
        out: The folder for results, which exists.

    Attributes:
        header: How pictures are restored; None where nothing was begun.
        entries: The last of each name.

    Raises:
        UsageError: Another run writes to it.
        UnwritableError: It cannot be opened or written.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / NAME
        self._is_new = False
        try:
            self._file: BinaryIO = self.path.open("a+b")
        except OSError as error:
            raise UnwritableError(f"cannot write into {out}: {error.strerror}; choose another place") from error
        try:
            self._lock()
            self.header, self.entries = self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it, which unlocks it; it goes away where nothing was begun, or nothing could be."""
        in_vain = self._is_new and kind is not None and issubclass(kind, PixelmendError) and not self.entries
        if self.header is None or in_vain:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._file.close()

    def fileno(self) -> int:
        """Of the open file: who inherits it holds the lock as well."""
        return self._file.fileno()

    def begin(self, header: dict[str, Any]) -> None:
        """Forget all that is in it and write the first line.

        Raises:
            UnwritableError: The disk is full.
        """
        self._file.truncate(0)
        self.entries = {}
        self._append({"pixelmend": _FORM, "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **header})
        _keep_name(self.path.parent)
        self.header, self._is_new = header, True

    def add(self, entry: Entry) -> None:
        """Tell what became of a picture.

        Raises:
            UnwritableError: The disk is full.
        """
        self._append(entry.told())
        self.entries[entry.name] = entry

    def _append(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line).encode("ascii") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UnwritableError(
                f"cannot write {self.path}: {error.strerror}; make space, and go on with --resume"
            ) from error

    def _read(self) -> tuple[dict[str, Any] | None, dict[str, Entry]]:
        """What is in it; an unfinished last line is cut off, so that the next one stands alone."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        lines = [parsed(line) for line in data[:whole].splitlines()]
        if not lines or lines[0] is None or "settings" not in lines[0]:
            return None, {}
        if lines[0].get("pixelmend") != _FORM:
            raise UsageError(f"{self.path} is of another version of pixelmend: choose another folder with -o")
        entries = (entry_of(line) for line in lines[1:] if line is not None)
        header = {name: value for name, value in lines[0].items() if name not in {"pixelmend", "began"}}
        return header, {entry.name: entry for entry in entries if entry is not None}

    def _lock(self) -> None:
        until = time.monotonic() + _PATIENCE
        while not _locked(self._file):
            if time.monotonic() > until:
                raise UsageError(
                    f"another run writes into {self.path.parent}: wait for its end, or choose another folder with -o"
                )
            time.sleep(0.05)


if sys.platform == "win32":
    import msvcrt

    def _locked(file: BinaryIO) -> bool:
        """Lock a byte far behind the end: what is locked cannot be read by others."""
        file.seek(2**40)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import errno
    import fcntl

    def _locked(file: BinaryIO) -> bool:
        """Lock it, if nobody else has; where a file system knows no locks, it goes without."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
        return True


def _keep_name(folder: Path) -> None:
    """Have a new file's name on the disk as well, on systems where that is a step of its own."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def parsed(line: bytes) -> dict[str, Any] | None:
    """A line, or None where it holds something else: what it told of is done again."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def entry_of(line: dict[str, Any]) -> Entry | None:
    """The entry that a line tells of; None where it tells of something else."""
    try:
        stamps = {name: Stamp(**line[name]) for name in ("before", "after") if line.get(name) is not None}
        return Entry(**{**line, **stamps})
    except TypeError:
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shorten(report: dict[str, Any]) -> dict[str, Any]:
    """What a manifest keeps of the report of a picture: all but what holds for every picture of the run."""
    left_out = {"engine", "device", "precision", "seconds", "tile"}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in report.items()
        if name not in left_out
    }
