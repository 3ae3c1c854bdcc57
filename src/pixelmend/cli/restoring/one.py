"""One picture: from a file or standard input, to a file or standard output."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pixelmend.cli.progress import progress
from pixelmend.cli.reports import STANDARD, check_apart, check_report, write_report
from pixelmend.cli.restoring.asked import SAME, STREAM
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pixelmend.cli.restoring.asked import Asked
    from pixelmend.images import Encoded, Picture, Pixels
    from pixelmend.inference import Report, Work

_DEPTHS = {"uint8": "8 bits", "uint16": "16 bits", "float32": "float"}


def restore_one(source: str, compare: Path | None, asked: Asked) -> None:
    """Restore one picture.

    Args:
        source: A path, or `STREAM`.
        compare: Where a picture of before and after goes; None for nowhere.
        asked: All else.

    Raises:
        PixelmendError: See `pixelmend.inference.restore_file`.
    """
    from pixelmend.images import check_target, decode, save, side_by_side
    from pixelmend.inference import begin

    opened = decode(_read_stream() if source == STREAM else Path(source))
    target = _target(opened, asked)
    work = begin(opened, asked.settings)
    work.check(target)
    streamed = (target is None) + (asked.report == STANDARD)
    if streamed > 1:
        raise UsageError("standard output holds the picture or the report of --json -: give one of them a file")
    if compare is not None:
        check_target(compare, like=opened)
    mask = asked.settings.options.mask
    files = [None if asked.report == STANDARD else asked.report, compare, target]
    written = [Path(each) for each in reversed(files) if each is not None]
    check_apart([Path(each) for each in (opened.path, mask) if each], written, SAME)
    if asked.report is not None:
        check_report(asked.report)
    with progress("restoring", quiet=asked.quiet) as tell:
        pixels, found = work.run(tell)
    found = replace(found, notes=(*found.notes, *_write(work, pixels, target)))
    if compare is not None:
        save(side_by_side(opened, pixels), compare)
    if asked.report is not None:
        place = STREAM if target is None else str(target)
        write_report(asked.report, {**found.to_dict(), "input": source, "output": place})
    if not asked.quiet:
        _say(found, written, apart=bool(streamed))


def _read_stream() -> bytes:
    if sys.stdin.isatty():
        raise UsageError("IN is -, but nothing is piped in: name a file, or give a picture, such as: ... - < photo.jpg")
    return sys.stdin.buffer.read()


def _target(opened: Picture, asked: Asked) -> Path | None:
    """Where the result goes; None for standard output."""
    from pixelmend.inference import default_output

    output, form = asked.output, asked.settings.format
    if output is None and opened.path is not None:
        return default_output(opened, format=form)
    if output is None or output == STREAM:
        if sys.stdout.isatty():
            raise UsageError("the result would go to the terminal: give a file with -o, or pipe it on")
        return None
    place = Path(output)
    return default_output(opened, folder=place, format=form) if place.is_dir() else place


def _write(work: Work, pixels: Pixels, target: Path | None) -> tuple[str, ...]:
    """Write the result to its place; what could not be kept."""
    if target is not None:
        return work.save(pixels, target)
    encoded: Encoded = work.give_back(pixels)
    sys.stdout.buffer.write(encoded)
    sys.stdout.buffer.flush()
    return encoded.notes


def _say(found: Report, written: list[Path], *, apart: bool) -> None:
    """What was found, what was done, where it is."""
    colour = "grey" if found.channels == 1 else "colour"
    alpha = " with transparency" if found.has_alpha else ""
    how = "estimated" if found.sigma_estimated else "given"
    pieces = "in one piece" if found.tiles == 1 else f"in {found.tiles} pieces"
    size = f"{found.width}×{found.height} {colour}{alpha}, {_DEPTHS[found.depth]} ({found.format})"
    level = "" if found.sigma is None else f", noise level {found.sigma:.1f} of 255 ({how})"
    lost = "" if found.lost is None else f", {100 * found.lost:.1f} % lost"
    larger = "" if found.output_width == found.width else f" to {found.output_width}×{found.output_height}"
    typer.echo(f"found     {size}{level}{lost}", err=apart)
    where = "" if found.device == "cpu" else f" on {found.device}"
    engine = f"{found.engine}{where}, {found.precision}"
    if found.advice:
        typer.echo(f"advice    {found.advice}", err=apart)
    if not found.tiles:
        typer.echo("restored  nothing: it comes back as it was", err=apart)
    else:
        typer.echo(f"restored  with {found.model}{larger} {pieces}, {found.seconds:.1f} s ({engine})", err=apart)
    for note in found.notes:
        typer.echo(f"note      {note}", err=apart)
    if written:
        typer.echo(f"wrote     {', '.join(map(str, written))}", err=apart)
