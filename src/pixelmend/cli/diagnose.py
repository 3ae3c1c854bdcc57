"""``pixelmend diagnose``: what is wrong with pictures, how sure that is, and the command that mends it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelmend.cli.reports import STANDARD, check_report, write_report

if TYPE_CHECKING:
    from pixelmend.diagnosis import Advice, Diagnosis

# Imports stand inside functions so that `pixelmend --help` answers at once.

STDIN = Path("-")


def diagnose(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...",
            help="Pictures, folders, 'patterns/**/*.jpg'; - reads one from standard input.",
            show_default=False,
        ),
    ],
    *,
    report: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Also write a report here; - prints it, and nothing else.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Say what is wrong with pictures, and what to do about it; nothing is changed.

    Exit code 1 when a picture could not be read; the others are told all the same.

    pixelmend diagnose photo.jpg

    pixelmend diagnose holiday --json holiday.json

    pixelmend diagnose - --json - < photo.jpg
    """
    from pixelmend.errors import PictureError

    if report is not None:
        check_report(report)
    files, unreadable = _files(pictures)
    many = len(files) > 1 or pictures[0].is_dir()
    told: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = [{"input": "", "error": why} for why in unreadable]
    for why in unreadable:
        typer.echo(f"pixelmend: {why}", err=True)
    for path in files:
        try:
            found, advice = _look(path)
        except PictureError as error:
            failed.append({"input": str(path), "error": str(error)})
            typer.echo(f"pixelmend: {error}", err=True)
            continue
        told.append(_as_dict(path, found, advice))
        if not quiet and report != STANDARD:
            lines = _row(path, found, advice, first=len(told) == 1) if many else _page(path, found, advice)
            typer.echo("\n".join(lines))
    if report is not None:
        write_report(report, {"pictures": told, "failed": failed})
    if failed:
        raise typer.Exit(1)


def _files(pictures: list[Path]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The pictures named, those in folders named and those that fit patterns; folders that could not be looked into.

    Raises:
        UsageError: A folder holds none.
    """
    from pixelmend.inference.folders import find_pictures

    if pictures == [STDIN]:
        return (STDIN,), ()
    listing = find_pictures(pictures)
    return tuple(each.source for each in listing.pictures), listing.unreadable


def _look(path: Path) -> tuple[Diagnosis, Advice]:
    from pixelmend.diagnosis import advise
    from pixelmend.diagnosis import diagnose as look
    from pixelmend.images import decode

    encoded = sys.stdin.buffer.read() if path == STDIN else None
    found = look(decode(path if encoded is None else encoded), encoded=encoded)
    return found, advise(found)


def _as_dict(path: Path, found: Diagnosis, advice: Advice) -> dict[str, Any]:
    from pixelmend.diagnosis.words import command

    return {"input": str(path), **found.to_dict(), "advice": asdict(advice), "command": command(str(path), advice)}


def _page(path: Path, found: Diagnosis, advice: Advice) -> list[str]:
    """All that is told of one picture."""
    from pixelmend.diagnosis.words import command, lines

    colour = "grey" if found.channels == 1 else "colour"
    name = "standard input" if path == STDIN else str(path)
    told = [("picture", f"{name}, {found.width}×{found.height} {colour} ({found.format})"), *lines(found)]
    run = command(str(path), advice)
    told.append(("advice", f"{advice.task or 'leave it as it is'}: {advice.reason}"))
    told += [("run", run)] if run is not None else []
    return [f"{word:<9}{text}" for word, text in told]


def _row(path: Path, found: Diagnosis, advice: Advice, *, first: bool) -> list[str]:
    """A line of the table, with its head before the first."""
    head = [f"{'matters':<13}{'sure':<6}{'noise':>6}{'JPEG':>6}  {'task':<20}picture"] if first else []
    quality = "–" if found.jpeg.quality is None else str(found.jpeg.quality)
    numbers = f"{found.confidence:<6.2f}{found.noise.sigma:>6.1f}{quality:>6}"
    return [*head, f"{found.main:<13}{numbers}  {advice.task or '–':<20}{path}"]
