"""What a run over places came to: for people, for programs, and as an exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pixelmend
from pixelmend.inference.auto import NOTHING
from pixelmend.inference.clusters.parts import all_entries
from pixelmend.inference.clusters.tally import Tally
from pixelmend.inference.clusters.walk import RUN
from pixelmend.inference.folders.manifest import DONE, FAILED, KEPT
from pixelmend.inference.folders.summary import EARLIER, WAITING
from pixelmend.inference.processes import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelmend.inference.clusters.parts import Header
    from pixelmend.inference.clusters.places import Place


@dataclass
class Summary:
    """What a run came to.

    Attributes:
        out: Where results are.
        header: How they were made.
        tally: In numbers.
        found: Pictures that were listed.
        seconds: To the last result, from when Ray was running; what is started for each who restores is counted.
        restorers: How many restored at first; 0 where nobody did.
        stopped: Why it ended before its end, in words; "" where it did not.
        interrupted: Whether the user ended it.
    """

    out: Place
    header: Header
    tally: Tally = field(default_factory=Tally)
    found: int = 0
    seconds: float = 0.0
    restorers: int = 0
    stopped: str = ""
    interrupted: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many are done, done earlier, kept, failed, and listed but not begun."""
        tally = self.tally
        known = {DONE: tally.done, EARLIER: tally.earlier, KEPT: tally.kept, FAILED: tally.failed}
        return {**known, WAITING: max(0, self.found - tally.finished)}

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 where a picture or folder failed, or the run stopped; else 0."""
        if self.interrupted:
            return 130
        return int(bool(self.tally.failed or self.tally.unreadable or self.stopped))

    def lines(self) -> tuple[str, ...]:
        """What to say at the end."""
        tally = self.tally
        counts = {state: count for state, count in self.counts.items() if count}
        told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing to do"
        lines = [f"failed    {_why(source, error)}" for source, error in tally.failures]
        if (more := tally.failed - len(tally.failures)) > 0:
            lines.append(f"failed    and {more} more, all of them told in {readable(str(self.out / RUN / 'parts'))}")
        lines += [f"failed    {readable(why)}" for why in tally.unreadable]
        if tally.left_out:
            lines.append(f"left out  {', '.join(f'{count} {why}' for why, count in sorted(tally.left_out.items()))}")
        if tally.noted:
            lines.append(f"note      of {tally.noted} something could not be kept or done as asked: --json tells what")
        if tally.chosen:
            words = [f"{count} {model}" for model, count in tally.chosen.most_common() if model != NOTHING]
            alone = tally.chosen[NOTHING]
            lines.append(f"advice    {', '.join([*words, *([f'{alone} left as they are'] if alone else [])])}")
        lines.append(f"restored  {told}{self._how()}")
        if self.stopped or self.interrupted:
            lines.append(f"stopped   {self.stopped or 'interrupted'}; the same command with --resume goes on from here")
        written = [f"wrote     {readable(str(self.out))}"] if tally.done + tally.earlier + tally.kept else []
        return (*lines, *written)

    def _how(self) -> str:
        if not self.restorers or not self.seconds:
            return ""
        runs = self.header.runs
        where = "" if runs.get("device", "cpu") == "cpu" else f" on {runs['device']}"
        many = "1 process" if self.restorers == 1 else f"{self.restorers} processes"
        speed = f", {self.tally.megapixels / self.seconds:.2f} megapixels/s" if self.tally.megapixels else ""
        how = f"{runs.get('engine', '')}{where}, {runs.get('precision', '')}, {many} of Ray"
        return f"; {self.seconds:.1f} s{speed} ({how})"

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; a line for each picture is read from the parts.

        Raises:
            PixelmendError: They cannot be read.
        """
        return {
            "version": pixelmend.__version__,
            "output": readable(str(self.out)),
            "settings": self.header.settings,
            "runs": self.header.runs,
            "jobs": self.restorers,
            "seconds": self.seconds,
            "megapixels": self.tally.megapixels,
            "counts": self.counts,
            "left_out": dict(self.tally.left_out),
            "unreadable": [readable(why) for why in self.tally.unreadable],
            "stopped": self.stopped,
            "interrupted": self.interrupted,
            "pictures": list(self._pictures()),
        }

    def _pictures(self) -> Iterator[dict[str, Any]]:
        for entry, run in all_entries(self.out, self.header.ids):
            is_earlier = entry.state == DONE and run != self.header.ids[-1]
            told: dict[str, Any] = {
                "input": readable(entry.source),
                "output": readable(str(self.out / entry.name)),
                "state": EARLIER if is_earlier else entry.state,
                "seconds": entry.seconds,
            }
            if entry.error:
                told["error"] = entry.error
            if entry.after is not None:
                told["sha256"] = entry.after.sha256
            yield {**told, **entry.report}


def _why(source: str, error: str) -> str:
    """Which picture failed and why; most errors name it."""
    return error if readable(source) in error else f"{readable(source)}: {error}"
