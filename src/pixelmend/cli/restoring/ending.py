"""How a run over many pictures ends, wherever they lay: its report, what is said, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import typer

from pixelmend.cli.reports import STANDARD, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.cli.restoring.asked import Asked


class Summary(Protocol):
    """What a run came to."""

    @property
    def exit_code(self) -> int:
        """0 done, 1 a picture failed, 130 ended by the user."""

    def lines(self) -> tuple[str, ...]:
        """The same for people."""

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""


def end(summary: Summary, asked: Asked, page: Path | None = None) -> None:
    """Write the report, say what came of it, and leave.

    Args:
        summary: What came of it.
        asked: Where the report goes, and whether more than errors is said.
        page: That was written as well.

    Raises:
        typer.Exit: With 1 where a picture failed, with 130 where the user ended it.
        UnwritableError: The report cannot be written.
    """
    if asked.report is not None:
        write_report(asked.report, summary.to_dict())
    if not asked.quiet:
        written = "" if page is None else f", {page}"
        typer.echo("\n".join(summary.lines()) + written, err=asked.report == STANDARD)
    elif summary.exit_code:
        typer.echo("\n".join(line for line in summary.lines() if line.startswith(("failed", "stopped"))), err=True)
    if summary.exit_code:
        raise typer.Exit(summary.exit_code)
