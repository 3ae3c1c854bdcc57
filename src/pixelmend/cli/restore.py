"""``pixelmend restore``: damaged pictures in, restored ones out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelmend.cli.restoring.asked import Asked, to_float, to_number, to_region, to_task, to_whole_number
from pixelmend.errors import UsageError

# Imports stand inside functions so that `pixelmend --help` answers at once.

_MUCH, _OUT, _MANY, _MACHINE = "How much", "What is written", "Folders", "The machine"


def restore(  # noqa: PLR0913  (each option is a parameter)
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help="Damaged pictures: files, folders, 'patterns/**/*.jpg'; - reads one from standard input.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A file, or a folder; - is standard output. [default: IN_restored]",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str, typer.Option(help="What to do, or auto; or a model (denoise-base); or the card (.json) of your own.")
    ] = "denoise",
    size: Annotated[
        str | None, typer.Option(help="Weights for the task: nano, small or base. [default: small]", show_default=False)
    ] = None,
    scale: Annotated[str, typer.Option(help="Enlarge by this, for super-resolve.", metavar="auto|N")] = "auto",
    sigma: Annotated[str, typer.Option(help="Noise level, 0 to 255.", metavar="auto|N")] = "auto",
    mask: Annotated[
        Path | None, typer.Option(help="White where pixels are lost, for inpaint.", show_default=False)
    ] = None,
    strength: Annotated[
        str,
        typer.Option(help="1 restores in full, 0 leaves as it is.", metavar="0..1", rich_help_panel=_MUCH),
    ] = "1",
    fidelity: Annotated[
        str, typer.Option(help="1 near to the truth, 0 looks real.", metavar="0..1", rich_help_panel=_MUCH)
    ] = "1",
    keep_grain: Annotated[
        str, typer.Option(help="How much fine grain stays.", metavar="0..1", rich_help_panel=_MUCH)
    ] = "0",
    anchor: Annotated[
        bool, typer.Option(help="Keep large areas as bright and as coloured as they were.", rich_help_panel=_MUCH)
    ] = True,
    region: Annotated[
        str | None,
        typer.Option(
            help="Restore this part only.", metavar="LEFT,TOP,WIDTH,HEIGHT", show_default=False, rich_help_panel=_MUCH
        ),
    ] = None,
    format: Annotated[  # noqa: A002  (the word for it)
        str | None,
        typer.Option(
            help="Of the result: png, jpeg, tiff, webp or avif. [default: by the name]",
            metavar="NAME",
            show_default=False,
            rich_help_panel=_OUT,
        ),
    ] = None,
    quality: Annotated[
        str, typer.Option(help="Of JPEG, WebP and AVIF.", metavar="auto|1..100", rich_help_panel=_OUT)
    ] = "auto",
    compare: Annotated[
        Path | None,
        typer.Option(help="Also write a before/after picture here.", show_default=False, rich_help_panel=_OUT),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", help="Also write a report here; - prints it.", show_default=False, rich_help_panel=_OUT),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page (.html) with every picture before and after.",
            show_default=False,
            rich_help_panel=_MANY,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run into OUT ended.", rich_help_panel=_MANY)
    ] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out what is in OUT already.", rich_help_panel=_MANY)
    ] = False,
    on_error: Annotated[
        str, typer.Option(help="After a picture that fails: skip or stop.", rich_help_panel=_MANY)
    ] = "skip",
    jobs: Annotated[
        str, typer.Option(help="Pictures restored at the same time.", metavar="auto|N", rich_help_panel=_MANY)
    ] = "auto",
    device: Annotated[str, typer.Option(help="Chip: auto, cpu, cuda, coreml, ...", rich_help_panel=_MACHINE)] = "auto",
    engine: Annotated[
        str, typer.Option(help="What runs it: auto, onnxruntime, openvino or torch.", rich_help_panel=_MACHINE)
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto; int8 or float32, where weights have both.", rich_help_panel=_MACHINE)
    ] = "auto",
    tile: Annotated[
        str, typer.Option(help="Piece size in pixels.", metavar="auto|N", rich_help_panel=_MACHINE)
    ] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Restore damaged pictures; what comes in is never changed.

    pixelmend restore photo.jpg

    pixelmend restore photo.jpg --task auto --strength 0.7

    pixelmend restore old.png -o large.png --task super-resolve --scale 2

    pixelmend restore scan.tif -o mended.tif --task inpaint --mask scratches.png

    pixelmend restore photos -o restored --task auto --report restored.html

    pixelmend restore - --task dejpeg < photo.jpg > better.jpg

    Exit code 0 when all is well, 1 when a picture failed, 2 when what was asked for cannot be done.
    """
    from pixelmend.cli.restoring.many import Many, restore_many
    from pixelmend.cli.restoring.one import restore_one
    from pixelmend.inference import Options, Settings, Wish

    options = Options(
        sigma=to_number("sigma", sigma),
        tile=to_whole_number("tile", tile),
        mask=mask,
        strength=to_float("strength", strength, "a number from 0 to 1"),
        keep_grain=to_float("keep-grain", keep_grain, "a number from 0 to 1"),
        anchor=anchor,
        region=to_region(region),
    )
    settings = Settings(
        to_task(task),
        size=size,
        scale=to_whole_number("scale", scale),
        fidelity=to_float("fidelity", fidelity, "a number from 0 to 1"),
        options=options,
        wish=Wish(engine=engine, device=device, precision=precision),
        format=format,
        quality=to_whole_number("quality", quality),
    )
    asked = Asked(settings, output, json, quiet)
    many = Many(
        report=report,
        resume=resume,
        skip_existing=skip_existing,
        on_error=on_error,
        jobs=to_whole_number("jobs", jobs),
    )
    if _is_one(pictures):
        many.check_unused(pictures[0])
        restore_one(pictures[0], compare, asked)
        return
    if compare is not None:
        raise UsageError("--compare is for one picture: --report PAGE.html shows many, before and after")
    restore_many(pictures, asked, many)


def _is_one(pictures: list[str]) -> bool:
    """Whether one picture is named: a file (also one that does not exist), or standard input."""
    if len(pictures) > 1:
        return False
    path = Path(pictures[0])
    return path.is_file() or not (path.is_dir() or set(pictures[0]) & set("*?["))
