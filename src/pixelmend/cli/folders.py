"""``pixelmend restore`` with more than one picture: runs, shows how far it is, and tells what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from pixelmend.cli.progress import folder_progress

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.inference import Settings
    from pixelmend.inference.folders import Plan, Way


def restore_folder(plan: Plan, settings: Settings, way: Way, *, report: Path | None, quiet: bool) -> int:
    """Restore what is planned and tell of it.

    Args:
        plan: From `plan_folder`.
        settings: How pictures are restored.
        way: How the folder is gone through; its page is written.
        report: Where the JSON goes; "-" is standard output, on which nothing else is then said.
        quiet: Say nothing but what failed.

    Returns:
        The exit code.

    Raises:
        PixelmendError: See `run_folder`; a report could not be written.
    """
    from pixelmend.files import write_text
    from pixelmend.inference.folders import run_folder, write_page

    with folder_progress("restoring", quiet=quiet) as tell:
        summary = run_folder(plan, settings, way, tell)
    if way.page is not None:
        write_page(summary, way.page)
    told = json.dumps(summary.to_dict(), indent=2) + "\n"
    on_stdout = str(report) == "-"
    if on_stdout:
        typer.echo(told, nl=False)
    elif report is not None:
        write_text(report, told)
    for line in summary.lines():
        if not quiet or line.startswith(("failed ", "stopped ")):
            typer.echo(line, err=quiet or on_stdout)
    return summary.exit_code
