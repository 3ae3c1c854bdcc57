"""``pixelmend restore``: damaged pictures in, restored ones out."""

from __future__ import annotations

from pathlib import Path

from pixelmend.cli.restoring import options  # noqa: TC001  (typer reads the annotations as it runs)
from pixelmend.cli.restoring.asked import Asked, to_float, to_number, to_region, to_task, to_whole_number
from pixelmend.errors import UsageError

# Imports stand inside functions so that `pixelmend --help` answers at once.


def restore(  # noqa: PLR0913  (each option is a parameter)
    pictures: options.Pictures,
    *,
    output: options.Output = None,
    task: options.Task = "denoise",
    size: options.Size = None,
    scale: options.Scale = "auto",
    sigma: options.Sigma = "auto",
    mask: options.Mask = None,
    strength: options.Strength = "1",
    fidelity: options.Fidelity = "1",
    keep_grain: options.KeepGrain = "0",
    anchor: options.Anchor = True,
    region: options.Region = None,
    format: options.Format = None,  # noqa: A002  (the word for it)
    quality: options.Quality = "auto",
    compare: options.Compare = None,
    json: options.Json = None,
    report: options.Page = None,
    resume: options.Resume = False,
    skip_existing: options.SkipExisting = False,
    on_error: options.OnError = "skip",
    jobs: options.Jobs = "auto",
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    tile: options.Tile = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Restore damaged pictures; what comes in is never changed.

    pixelmend restore photo.jpg

    pixelmend restore photo.jpg --task auto --strength 0.7

    pixelmend restore old.png -o large.png --task super-resolve --scale 2

    pixelmend restore scan.tif -o mended.tif --task inpaint --mask scratches.png

    pixelmend restore photos -o restored --task auto --report restored.html

    pixelmend restore s3://bucket/photos -o s3://bucket/restored --engine ray

    pixelmend restore - --task dejpeg < photo.jpg > better.jpg

    Exit code 0 when all is well, 1 when a picture failed, 2 when what was asked for cannot be done.
    """
    from pixelmend.cli.restoring.many import Many, restore_many
    from pixelmend.cli.restoring.one import restore_one
    from pixelmend.cli.restoring.places import RAY, check_here, restore_places
    from pixelmend.inference import Options, Settings, Wish

    told = Options(
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
        options=told,
        wish=Wish(engine="auto" if engine == RAY else engine, device=device, precision=precision),
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
    if engine == RAY:
        restore_places(pictures, compare, asked, many)
        return
    check_here([*pictures, output or ""])
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
