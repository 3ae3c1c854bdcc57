"""What a run came to, in numbers that are added up batch by batch, so that nobody holds a line for each picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from pixelmend.inference.folders.manifest import DONE, FAILED, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelmend.errors import PixelmendError
    from pixelmend.inference.folders.manifest import Entry

SHOWN = 10
"""Failures that are told one by one; all of them stand in the parts."""


@dataclass
class Tally:
    """Numbers that may be added.

    Attributes:
        done: Pictures restored.
        earlier: Restored by earlier runs.
        kept: Left alone, since a result was there.
        failed: Not restored.
        size: Bytes of the files that this run is through with.
        megapixels: That went in, in this run.
        noted: Of how many something could not be kept or done as asked.
        chosen: How often each set of weights was chosen, where each picture has its own.
        left_out: How many files were passed over, by why.
        failures: The first ones: the picture, and why.
        unreadable: Folders that could not be looked into, and why.
    """

    done: int = 0
    earlier: int = 0
    kept: int = 0
    failed: int = 0
    size: int = 0
    megapixels: float = 0.0
    noted: int = 0
    chosen: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    failures: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Tally:
        """That of some pictures of this run."""
        tally = cls()
        for entry in entries:
            tally.done += entry.state == DONE
            tally.kept += entry.state == KEPT
            tally.megapixels += entry.report.get("width", 0) * entry.report.get("height", 0) / 1e6
            tally.noted += bool(entry.report.get("notes"))
            if entry.report.get("advice"):
                tally.chosen[entry.report["model"]] += 1
            if entry.state == FAILED:
                tally.failed += 1
                tally.failures = (*tally.failures, (entry.source, entry.error))[:SHOWN]
        return tally

    def add(self, other: Tally) -> None:
        """Count what another one counted."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        self.failures = self.failures[:SHOWN]

    @property
    def finished(self) -> int:
        """Pictures that are through, in whatever way."""
        return self.done + self.earlier + self.kept + self.failed


@dataclass(frozen=True)
class Trouble:
    """Why nothing can be restored at all.

    Attributes:
        error: On one line.
        exit_code: Of the error.
    """

    error: str
    exit_code: int = 1

    @classmethod
    def of(cls, error: PixelmendError) -> Trouble:
        """That of an error."""
        return cls(" ".join(str(error).split()), error.exit_code)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch.

    Attributes:
        tally: In numbers.
        trouble: Why the run cannot go on; None where it can.
        misuse: Why a picture failed where what was asked for cannot be done, whatever the picture; else "".
        full: Whether there is no room for results.
    """

    tally: Tally
    trouble: Trouble | None = None
    misuse: str = ""
    full: bool = False
