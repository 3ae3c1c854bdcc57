"""What a run over a folder came to: for people, for programs, and as an exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pixelmend
from pixelmend.inference.auto import NOTHING
from pixelmend.inference.folders.crops import KEY
from pixelmend.inference.folders.manifest import DONE, FAILED, KEPT, NAME
from pixelmend.inference.processes import readable

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.inference.folders.manifest import Entry

_SHOWN = 10
"""Failures that are told one by one."""
EARLIER, WAITING = "done earlier", "not begun"


@dataclass(frozen=True)
class State:
    """How far a run is, for those who show it.

    Attributes:
        finished: Pictures that this run is through with, failed ones too.
        total: That it has to go through.
        failed: Of those finished.
        share: Of the work, 0 to 1, by the sizes of the files.
        seconds_left: About; None where nothing is known yet.
        name: Of the picture that this tells of, below the folder for results; "" where it tells of none.
        latest: What was finished just now; None where only the share has changed.
    """

    finished: int
    total: int
    failed: int
    share: float
    seconds_left: float | None
    name: str = ""
    latest: Entry | None = None


@dataclass(frozen=True)
class Summary:
    """What a run came to.

    Attributes:
        out: The folder for results.
        entries: Of each picture of which something is known, in the order of the run.
        earlier: Names of those that an earlier run had done.
        waiting: How many were not begun.
        seconds: From the first picture's beginning to the last one's end; what had to be started first is not counted.
        jobs: How many processes there were; 0 where there was nothing to do.
        settings: See `Settings.told`.
        runs: What ran the networks; empty where nothing did.
        left_out: See `Listing`.
        unreadable: See `Listing`.
        stopped: Why it ended before its end, in words; "" where it did not.
        interrupted: Whether the user ended it.
    """

    out: Path
    entries: tuple[Entry, ...]
    earlier: frozenset[str] = frozenset()
    waiting: int = 0
    seconds: float = 0.0
    jobs: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    stopped: str = ""
    interrupted: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many are done, done earlier, kept, failed, and not begun."""
        found = Counter(EARLIER if entry.name in self.earlier else entry.state for entry in self.entries)
        return {**{state: found[state] for state in (DONE, EARLIER, KEPT, FAILED)}, WAITING: self.waiting}

    @property
    def megapixels(self) -> float:
        """That went in, in this run."""
        new = (entry.report for entry in self.entries if entry.state == DONE and entry.name not in self.earlier)
        return sum(float(report.get("width", 0) * report.get("height", 0)) for report in new) / 1e6

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 where a picture or folder failed, or the run stopped; else 0."""
        if self.interrupted:
            return 130
        return int(bool(self.counts[FAILED] or self.unreadable or self.stopped))

    def lines(self) -> tuple[str, ...]:
        """What to say at the end."""
        counts = {state: count for state, count in self.counts.items() if count}
        told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing to do"
        speed = f", {self.megapixels / self.seconds:.2f} megapixels/s" if self.seconds and self.megapixels else ""
        failed = [entry for entry in self.entries if entry.state == FAILED]
        lines = [f"failed    {_why(entry)}" for entry in failed[:_SHOWN]]
        if len(failed) > _SHOWN:
            lines.append(f"failed    and {len(failed) - _SHOWN} more, all of them told in {readable(self.out / NAME)}")
        lines += [f"failed    {readable(why)}" for why in self.unreadable]
        if self.left_out:
            lines.append(f"left out  {', '.join(f'{count} {why}' for why, count in self.left_out.items())}")
        if noted := sum(bool(entry.report.get("notes")) for entry in self.entries):
            lines.append(
                f"note      of {noted} something could not be kept or done as asked: --json or --report tells what"
            )
        if chosen := self._chosen():
            lines.append(f"advice    {chosen}")
        if self.jobs:
            lines.append(f"restored  {told}; {self.seconds:.1f} s{speed} ({self._how()})")
        else:
            lines.append(f"restored  {told}")
        if self.stopped or self.interrupted:
            lines.append(f"stopped   {self.stopped or 'interrupted'}; the same command with --resume goes on from here")
        written = any(entry.state != FAILED for entry in self.entries)
        return (*lines, *([f"wrote     {readable(self.out)}"] if written else []))

    def _chosen(self) -> str:
        """How often each set of weights was chosen, where each picture has its own."""
        told = [entry.report for entry in self.entries if entry.report.get("advice")]
        chosen = Counter(report["model"] for report in told)
        alone = chosen.pop(NOTHING, 0)
        words = [f"{count} {model}" for model, count in chosen.most_common()]
        return ", ".join([*words, *([f"{alone} left as they are"] if alone else [])])

    def _how(self) -> str:
        where = "" if self.runs.get("device", "cpu") == "cpu" else f" on {self.runs['device']}"
        processes = "1 process" if self.jobs == 1 else f"{self.jobs} processes"
        return f"{self.runs.get('engine', '')}{where}, {self.runs.get('precision', '')}, {processes}"

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "version": pixelmend.__version__,
            "output": readable(self.out),
            "settings": self.settings,
            "runs": self.runs,
            "jobs": self.jobs,
            "seconds": self.seconds,
            "megapixels": self.megapixels,
            "counts": self.counts,
            "left_out": self.left_out,
            "unreadable": [readable(why) for why in self.unreadable],
            "stopped": self.stopped,
            "interrupted": self.interrupted,
            "pictures": [self._picture(entry) for entry in self.entries],
        }

    def _picture(self, entry: Entry) -> dict[str, Any]:
        told: dict[str, Any] = {
            "input": readable(entry.source),
            "output": readable(self.out / entry.name),
            "state": EARLIER if entry.name in self.earlier else entry.state,
            "seconds": entry.seconds,
        }
        if entry.error:
            told["error"] = entry.error
        if entry.after is not None:
            told["sha256"] = entry.after.sha256
        return {**told, **{name: value for name, value in entry.report.items() if name != KEY}}


def _why(entry: Entry) -> str:
    """Which picture failed and why; most errors name it."""
    source = readable(entry.source)
    return entry.error if source in entry.error else f"{source}: {entry.error}"
