"""Pictures in stores and folders, restored on many machines: ``--engine ray`` says where, and not with what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelmend.cli.progress import folder_progress
from pixelmend.cli.reports import STANDARD, check_apart, check_report
from pixelmend.cli.restoring.asked import SAME, STREAM
from pixelmend.cli.restoring.ending import end
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pixelmend.cli.restoring.asked import Asked
    from pixelmend.cli.restoring.many import Many

RAY = "ray"
"""What is given to ``--engine`` for it."""


def check_here(named: list[str]) -> None:
    """Refuse places in stores where pictures are restored on this machine alone.

    Raises:
        UsageError: One was named.
    """
    from pixelmend.inference.clusters import is_address

    if far := next((each for each in named if is_address(each)), None):
        raise UsageError(
            f"{far} is in no folder of this machine: give --engine ray, which restores what lies in stores"
        )


def restore_places(sources: list[str], compare: Path | None, asked: Asked, many: Many) -> None:
    """Restore all pictures that are named, on the cluster that RAY_ADDRESS names or on this machine.

    Args:
        sources: Files, folders and patterns, here and in stores.
        compare: Where a picture of before and after was asked for, which there is none of.
        asked: What all pictures have in common.
        many: What is for many alone.

    Raises:
        typer.Exit: With 1 where a picture failed, with 130 where the user ended it.
        PixelmendError: See `pixelmend.inference.clusters.run_places`.
    """
    from pixelmend.inference.clusters import plan_places, run_places

    if compare is not None:
        raise UsageError("--compare is for one picture, and --engine ray for many: leave one of them out")
    if many.report is not None:
        raise UsageError("--report is for folders, whose pages stand beside them: with --engine ray, give --json FILE")
    if STREAM in sources:
        raise UsageError("- is for one picture, and --engine ray for many: leave one of them out")
    if asked.report is not None:
        check_report(asked.report)
        if asked.report != STANDARD:
            mask = asked.settings.options.mask
            check_apart([Path(mask)] if mask else [], [asked.report], SAME)
    plan = plan_places(sources, asked.output, asked.settings.format)
    with folder_progress("restoring", quiet=asked.quiet) as tell:
        summary = run_places(plan, asked.settings, many.way(), tell)
    end(summary, asked)
