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
    task: Annotated[
        str, typer.Option(help="What to do; or a model (denoise-base); or the card (.json) of your own.")
    ] = "denoise",
    size: Annotated[
        str | None, typer.Option(help="Weights for the task: nano, small or base. [default: small]", show_default=False)
    ] = None,
    scale: Annotated[str, typer.Option(help="Enlarge by this, for super-resolve.", metavar="auto|N")] = "auto",
    mask: Annotated[
        Path | None, typer.Option(help="White where pixels are lost, for inpaint.", show_default=False)
    ] = None,
    fidelity: Annotated[str, typer.Option(help="1 near to the truth, 0 looks real.", metavar="0..1")] = "1",
    sigma: Annotated[str, typer.Option(help="Noise level, 0 to 255.", metavar="auto|N")] = "auto",
    device: Annotated[str, typer.Option(help="Chip: auto, cpu, cuda, coreml, ...")] = "auto",
    engine: Annotated[str, typer.Option(help="What runs it: auto, onnxruntime, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto; int8 or float32, where weights have both.")] = "auto",
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
    from pixelmend.inference import Options, Wish, find_weights, restore_picture

    options = Options(sigma=_number("sigma", sigma), tile=_whole_number("tile", tile), mask=mask)
    wish = Wish(engine=engine, device=device, precision=precision)
    share = _float("fidelity", fidelity, "a number from 0 to 1")
    weights = find_weights(_task(task), size=size, scale=_whole_number("scale", scale), fidelity=share)
    opened = decode(picture)
    target = _target(opened, output)
    check_target(target, like=opened, scale=weights.card.scale)
    if compare is not None:
        check_target(compare, like=opened)
    _check_apart([each for each in (opened.path, mask) if each], [each for each in (target, compare, report) if each])
    if report is not None:
        _check_report(report)
    megapixels = opened.width * opened.height / 1e6
    running = weights.engine(wish, megapixels)
    with progress("restoring", quiet=quiet) as tell:
        pixels, found = restore_picture(opened, weights.card, running, options, tell)
    notes = (*found.notes, *weights.advice(wish, megapixels), *save(pixels, target, like=opened))
    if compare is not None:
        _write_compare(opened, pixels, compare)
    if report is not None:
        told = {**found.to_dict(), "notes": notes, "input": str(picture), "output": str(target)}
        write_text(report, json.dumps(told, indent=2) + "\n")
    if not quiet:
        _say(found, notes, [each for each in (target, compare, report) if each is not None])


def _float(name: str, text: str, wanted: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"got {name} {text!r}, wanted {wanted}") from None


def _number(name: str, text: str) -> float | None:
    return None if text.strip().lower() == "auto" else _float(name, text, "a number or 'auto'")


def _whole_number(name: str, text: str) -> int | None:
    number = _number(name, text)
    if number is not None and not number.is_integer():  # also refuses nan and inf
        raise UsageError(f"got {name} {text!r}, wanted a whole number or 'auto'")
    return None if number is None else int(number)


def _task(task: str) -> str | Card:
    from pixelmend import catalog

    return catalog.load(task) if task.lower().endswith(".json") else task


def _target(opened: Picture, output: Path | None) -> Path:
    from pixelmend.inference import default_output

    if output is None:
        return default_output(opened)
    return default_output(opened, folder=output) if output.is_dir() else output


def _check_apart(inputs: list[Path], outputs: list[Path]) -> None:
    """No output may overwrite another, nor an input."""
    places = [each.resolve() for each in outputs]
    if len(set(places)) < len(places) or {each.resolve() for each in inputs} & set(places):
        raise UsageError("two of input, output, --mask, --compare and --json are the same file: give each its own")


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
    level = "" if found.sigma is None else f", noise level {found.sigma:.1f} of 255 ({how})"
    lost = "" if found.lost is None else f", {100 * found.lost:.1f} % lost"
    larger = "" if found.output_width == found.width else f" to {found.output_width}×{found.output_height}"
    typer.echo(f"found     {size}{level}{lost}")
    where = "" if found.device == "cpu" else f" on {found.device}"
    engine = f"{found.engine}{where}, {found.precision}"
    typer.echo(f"restored  with {found.model}{larger} {pieces}, {found.seconds:.1f} s ({engine})")
    for note in notes:
        typer.echo(f"note      {note}")
    typer.echo(f"wrote     {', '.join(map(str, written))}")
