"""``pixelmend restore``: one picture in, one restored picture out."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import TYPE_CHECKING, Annotated

import typer

from pixelmend.cli.progress import progress
from pixelmend.errors import UsageError

# Imports stand inside functions so that `pixelmend --help` answers at once.

if TYPE_CHECKING:
    from pixelmend.catalog import Card
    from pixelmend.images import Picture, Pixels
    from pixelmend.inference import Report


def restore(  # noqa: PLR0913  (each option is a parameter)
    picture: Annotated[Path, typer.Argument(metavar="IN", help="The damaged picture.", show_default=False)],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A file, or a folder. [default: IN_restored]",
            show_default=False,
        ),
    ] = None,
    task: Annotated[str, typer.Option(help="What to do; or the card (.json) of your own model.")] = "denoise",
    sigma: Annotated[str, typer.Option(help="Noise level, 0 to 255.", metavar="auto|N")] = "auto",
    device: Annotated[str, typer.Option(help="Chip: auto, cpu, cuda, coreml, ...")] = "auto",
    tile: Annotated[str, typer.Option(help="Piece size in pixels.", metavar="auto|N")] = "auto",
    compare: Annotated[
        Path | None, typer.Option(help="Also write a before/after picture here.", show_default=False)
    ] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Also write a report here.", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Restore a damaged picture; IN itself is never changed."""
    from pixelmend.files import write_text
    from pixelmend.images import check_target, decode, save
    from pixelmend.inference import Options, cached_engine, restore_picture

    options = Options(sigma=_number("sigma", sigma), tile=_whole_number("tile", tile))
    card = _card(task)
    opened = decode(picture)
    target = _target(opened, output)
    check_target(target, like=opened)
    if compare is not None:
        check_target(compare, like=opened)
    _check_apart(opened, [each for each in (target, compare, report) if each is not None])
    if report is not None:
        _check_report(report)
    engine = cached_engine(card.path, device)
    with progress("restoring", quiet=quiet) as tell:
        pixels, found = restore_picture(opened, card, engine, options, tell)
    notes = (*found.notes, *save(pixels, target, like=opened))
    if compare is not None:
        _write_compare(opened, pixels, compare)
    if report is not None:
        told = {**found.to_dict(), "notes": notes, "input": str(picture), "output": str(target)}
        write_text(report, json.dumps(told, indent=2) + "\n")
    if not quiet:
        _say(found, notes, [each for each in (target, compare, report) if each is not None])


def _number(name: str, text: str) -> float | None:
    if text.strip().lower() == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"got {name} {text!r}, wanted a number or 'auto'") from None


def _whole_number(name: str, text: str) -> int | None:
    number = _number(name, text)
    if number is not None and not number.is_integer():  # also refuses nan and inf
        raise UsageError(f"got {name} {text!r}, wanted a whole number or 'auto'")
    return None if number is None else int(number)


def _card(task: str) -> Card:
    from pixelmend import catalog

    return catalog.load(task) if task.lower().endswith(".json") else catalog.find(task)


def _target(opened: Picture, output: Path | None) -> Path:
    from pixelmend.inference import default_output

    if output is None:
        return default_output(opened)
    return default_output(opened, folder=output) if output.is_dir() else output


def _check_apart(opened: Picture, outputs: list[Path]) -> None:
    """No output may overwrite another, nor the input."""
    places = [each.resolve() for each in outputs]
    if opened.path is not None:
        places.append(opened.path.resolve())
    if len(set(places)) < len(places):
        raise UsageError("two of input, output, --compare and --json are the same file: give each its own")


def _check_report(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--json {path}: wanted a file in a folder that exists")


def _write_compare(opened: Picture, pixels: Pixels, path: Path) -> None:
    from pixelmend.images import save, side_by_side

    save(side_by_side(opened, pixels), path)


_DEPTHS = {"uint8": "8 bits", "uint16": "16 bits", "float32": "float"}


def _say(found: Report, notes: tuple[str, ...], written: list[Path]) -> None:
    """What was found, what was done, where it is."""
    colour = "grey" if found.channels == 1 else "colour"
    alpha = " with transparency" if found.has_alpha else ""
    how = "estimated" if found.sigma_estimated else "given"
    pieces = "in one piece" if found.tiles == 1 else f"in {found.tiles} pieces"
    size = f"{found.width}×{found.height} {colour}{alpha}, {_DEPTHS[found.depth]} ({found.format})"
    typer.echo(f"found     {size}, noise level {found.sigma:.1f} of 255 ({how})")
    typer.echo(f"restored  with {found.model} {pieces}, {found.seconds:.1f} s")
    for note in notes:
        typer.echo(f"note      {note}")
    typer.echo(f"wrote     {', '.join(map(str, written))}")
