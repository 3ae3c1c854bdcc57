"""``pixelmend diagnose``: what is wrong with pictures, how sure that is, and the command that mends it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelmend.diagnosis import Advice, Diagnosis

# Imports stand inside functions so that `pixelmend --help` answers at once.

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".avif", ".gif", ".heic", ".bmp", ".ppm"}
)
"""Of files that are looked at in a folder."""
STDIN = Path("-")
_STDOUT = Path("-")


def diagnose(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...", help="Pictures, or folders of them; - reads one from standard input.", show_default=False
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
    from pixelmend.errors import PictureError, UsageError

    if report is not None and report != _STDOUT and (report.is_dir() or not report.parent.is_dir()):
        raise UsageError(f"--json {report}: wanted a file in a folder that exists, or - for standard output")
    many = len(pictures) > 1 or pictures[0].is_dir()
    told: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    silent = quiet or report == _STDOUT
    for path in _files(pictures):
        try:
            found, advice = _look(path)
        except PictureError as error:
            failed.append({"input": str(path), "error": str(error)})
            typer.echo(f"pixelmend: {error}", err=True)
            continue
        told.append(_as_dict(path, found, advice))
        if not silent:
            typer.echo(
                "\n".join(_row(path, found, advice, first=len(told) == 1) if many else _page(path, found, advice))
            )
    _write(report, {"pictures": told, "failed": failed})
    if failed:
        raise typer.Exit(1)


def _files(pictures: list[Path]) -> Iterator[Path]:
    """The pictures named, and those in folders named, in order.

    Raises:
        UsageError: A folder holds none.
    """
    from pixelmend.errors import UsageError

    for path in pictures:
        if not path.is_dir():
            yield path
            continue
        inside = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file()]
        if not inside:
            raise UsageError(f"{path} holds no pictures: wanted {', '.join(sorted(SUFFIXES))}")
        yield from inside


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


def _write(report: Path | None, told: dict[str, Any]) -> None:
    from pixelmend.files import write_text

    if report is None:
        return
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if report == _STDOUT:
        typer.echo(text, nl=False)
    else:
        write_text(report, text)
