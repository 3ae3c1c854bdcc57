"""Many pictures: folders, patterns and lists of files, into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pixelmend.cli.progress import folder_progress
from pixelmend.cli.reports import PAGES, STANDARD, check_apart, check_report
from pixelmend.cli.restoring.asked import SAME, STREAM
from pixelmend.cli.restoring.ending import end
from pixelmend.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from pixelmend.cli.restoring.asked import Asked
    from pixelmend.inference.folders import Way

_SKIP, _STOP = "skip", "stop"


@dataclass(frozen=True)
class Many:
    """What is asked for of many pictures alone.

    Attributes:
        report: Where a page with all of them goes; None for nowhere.
        resume: Whether to go on with a run that was ended.
        skip_existing: Whether results that are there are left alone.
        on_error: "skip" or "stop".
        jobs: How many processes; None for what suits the machine.
    """

    report: Path | None
    resume: bool
    skip_existing: bool
    on_error: str
    jobs: int | None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.on_error not in (_SKIP, _STOP):
            raise UnknownNameError("answer to --on-error", self.on_error, (_SKIP, _STOP))
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"got --jobs {self.jobs}, wanted 1 or more, or 'auto'")
        if self.resume and self.skip_existing:
            raise UsageError("got --resume and --skip-existing: give one of them")
        if self.report is not None and self.report.suffix.lower() not in PAGES:
            raise UsageError(f"--report {self.report}: wanted a page, whose name ends in .html")

    def check_unused(self, picture: str) -> None:
        """Refuse what is for many pictures where there is one.

        Raises:
            UsageError: Something was asked for.
        """
        asked = {
            "--report": self.report is not None,
            "--resume": self.resume,
            "--skip-existing": self.skip_existing,
            "--on-error stop": self.on_error == _STOP,
            "--jobs": self.jobs is not None,
        }
        if named := [option for option, given in asked.items() if given]:
            raise UsageError(f"{named[0]} is for folders and for several pictures, and {picture} is one: leave it out")

    def way(self) -> Way:
        """The same, as the folder's runner takes it."""
        from pixelmend.inference.folders import Way

        existing: Literal["refuse", "resume", "skip"] = "refuse"
        if self.resume or self.skip_existing:
            existing = "resume" if self.resume else "skip"
        return Way(existing, "stop" if self.on_error == _STOP else "skip", self.jobs, self.report)


def restore_many(sources: list[str], asked: Asked, many: Many) -> None:
    """Restore all pictures that are named, into the folder that is.

    Args:
        sources: Files, folders and patterns.
        asked: What all pictures have in common.
        many: What is for many alone.

    Raises:
        typer.Exit: With 1 where a picture failed, with 130 where the user ended it.
        PixelmendError: See `pixelmend.inference.folders.run_folder`.
    """
    from pixelmend.inference.folders import plan_folder, run_folder, write_page

    if STREAM in (*sources, asked.output):
        raise UsageError("- is for one picture: many need files, and a folder for their results with -o OUT")
    if asked.report is not None:
        check_report(asked.report)
    if many.report is not None:
        check_report(many.report, "--report")
    files = [None if asked.report == STANDARD else asked.report, many.report]
    mask = asked.settings.options.mask
    check_apart([Path(mask)] if mask else [], [Path(each) for each in files if each], SAME)
    plan = plan_folder(sources, None if asked.output is None else Path(asked.output), asked.settings.format)
    with folder_progress("restoring", quiet=asked.quiet) as tell:
        summary = run_folder(plan, asked.settings, many.way(), tell)
    if many.report is not None:
        write_page(summary, many.report)
    end(summary, asked, many.report)
