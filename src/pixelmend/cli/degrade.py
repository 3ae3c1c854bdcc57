"""``pixelmend degrade``: damage pictures on purpose, to learn from, to test with, or to see what it does."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import TYPE_CHECKING, Annotated

import typer

from pixelmend.cli.progress import progress
from pixelmend.errors import PictureError, UnknownNameError, UsageError

# Imports stand inside functions so that `pixelmend --help` answers at once.

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.data.damage_files import DamagedFile, Depth, Job
    from pixelmend.degradations import Damage

DEPTHS: tuple[Depth, ...] = ("same", "8", "16", "float")


def degrade(  # noqa: PLR0913  (each option is a parameter)
    source: Annotated[
        Path | None, typer.Argument(metavar="IN", help="A picture, or a folder of them.", show_default=False)
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="A file, or a folder.", show_default=False)
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="A named chain, such as phone-night.", show_default=False)
    ] = "",
    chain: Annotated[
        str, typer.Option(metavar="CHAIN", help='Such as "noise(sigma=5..25) | jpeg(quality=20)".', show_default=False)
    ] = "",
    repeat: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Do again what a record tells.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other damage from the same chain.")] = 0,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write down what was done to each picture (JSON).", show_default=False),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Average N consecutive frames of the folder IN first; makes blur/ and sharp/.",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[str, typer.Option(help="Bits of the result: same, 8, 16 or float.")] = "same",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Do without pictures that cannot be read.")] = False,
    show: Annotated[
        bool, typer.Option("--list", help="Show every kind with its parameters, and every preset.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Damage pictures on purpose; IN itself is never changed.

    The damage of a picture is a function of the chain, the seed and the picture's name. Exit code 1 when a picture
    failed.

    pixelmend degrade photo.jpg -o noisy.png --chain "noise(sigma=25) | jpeg(quality=20)"

    pixelmend degrade photos -o damaged --preset real-esrgan-like --seed 7 --record damage.json

    pixelmend degrade frames -o pairs --frames 9
    """
    from pixelmend.cli.extras import needs_learn_half

    with needs_learn_half():
        from pixelmend.data.damage_files import list_jobs, list_sequences, write_record

    if show:
        _list()
        return
    if source is None or output is None:
        raise UsageError("wanted IN and -o OUT, such as: pixelmend degrade photo.jpg -o noisy.png --preset awgn-25")
    if depth not in DEPTHS:
        raise UnknownNameError("depth", depth, DEPTHS)
    plan = _planner(preset, chain, repeat, seed, needed=frames is None)
    if frames is None:
        jobs = list_jobs(source, output, suffix=".tif" if depth == "float" else ".png")
    else:
        jobs = list_sequences(source, output, frames, skip_bad=skip_bad, tell=lambda line: typer.echo(line, err=True))
    done, bad = _work([(job, plan(job.name)) for job in jobs], depth, quiet=quiet)
    if record is not None:
        write_record(record, done)
    _tell_bad(bad, len(jobs), skip_bad=skip_bad)
    if done and not quiet:
        _tell_done(done, output if source.is_dir() else None, record)
    if bad and not skip_bad:
        raise typer.Exit(1)


def _planner(
    preset: str, chain: str, repeat: Path | None, seed: int, *, needed: bool
) -> Callable[[str], tuple[Damage, ...]]:
    """What gives each picture's damage by its name."""
    from pixelmend.data.damage_files import plan_for, read_record
    from pixelmend.degradations import PRESETS, find_preset, parse_chain

    asked = sum(map(bool, (preset, chain, repeat)))
    if not asked and not needed:
        return lambda _: ()
    if asked != 1:
        raise UsageError("wanted one of --preset NAME, --chain CHAIN and --repeat FILE (--list shows the names)")
    if repeat is None:
        drawn = find_preset(preset) if preset else parse_chain(chain, PRESETS)
        return lambda name: plan_for(drawn, name, seed)
    told = read_record(repeat)

    def repeated(name: str) -> tuple[Damage, ...]:
        if name not in told:
            raise UnknownNameError(f"picture of {repeat}", name, told)
        return told[name]

    return repeated


def _work(
    jobs: list[tuple[Job, tuple[Damage, ...]]], depth: Depth, *, quiet: bool
) -> tuple[dict[str, DamagedFile], list[PictureError]]:
    """Damage one picture after the other; those that fail are told at the end."""
    from pixelmend.data.damage_files import degrade_file
    from pixelmend.files import make_folder
    from pixelmend.images import check_target

    for job, _ in jobs:
        for path in (job.target, job.sharp):
            if path is not None:
                make_folder(path.parent)
    check_target(jobs[0][0].target)
    done: dict[str, DamagedFile] = {}
    bad: list[PictureError] = []
    with progress("damaging", quiet=quiet) as tell:
        for number, (job, plan) in enumerate(jobs, 1):
            try:
                done[job.name] = degrade_file(job, plan, depth=depth)
            except PictureError as error:
                bad.append(error)
            tell(number, len(jobs))
    return done, bad


def _tell_bad(bad: list[PictureError], jobs: int, *, skip_bad: bool) -> None:
    """The first pictures that failed, and how many."""
    for error in bad[:5]:
        typer.echo(f"pixelmend: {error}", err=True)
    if bad:
        more = f", {len(bad) - 5} of them not named here" if len(bad) > 5 else ""
        advice = "left out as asked" if skip_bad else "the others were damaged; --skip-bad says that this is fine"
        typer.echo(f"pixelmend: {len(bad)} of {jobs} pictures failed{more}: {advice}", err=True)


def _tell_done(done: dict[str, DamagedFile], folder: Path | None, record: Path | None) -> None:
    """What was done to one picture; of a folder, to how many."""
    from pixelmend.degradations import describe

    masks = [one.mask for one in done.values() if one.mask is not None]
    if folder is None:
        (one,) = done.values()
        typer.echo(f"did    {describe(one.plan) or 'nothing: no step was drawn'}")
        written = [one.target, *masks]
    else:
        typer.echo(f"did    {len(done)} pictures" + (f", with {len(masks)} masks of what is missing" if masks else ""))
        written = [folder]
    for note in sorted({note for one in done.values() for note in one.notes})[:5]:
        typer.echo(f"note   {note}")
    typer.echo(f"wrote  {', '.join(map(str, [*written, record] if record else written))}")


def _list() -> None:
    """Everything that a chain may hold."""
    from pixelmend.degradations import KINDS, PRESETS, parameters_of

    typer.echo("Kinds of damage: name(parameter=value, or low..high to draw between, or one/another)\n")
    for name, kind in KINDS.items():
        typer.echo(f"  {name}: {(kind.__doc__ or '').strip().splitlines()[0]}")
        for line in parameters_of(kind):
            typer.echo(f"      {line}")
    typer.echo("\nTogether: a | b one after the other; shuffle(a | b) in random order; one(a | b) one of them;")
    typer.echo("p=0.5 among the parameters: only for half of the pictures (inside one: its weight)\n")
    typer.echo("Presets:\n")
    for name, text in PRESETS.items():
        typer.echo(f"  {name}: {' '.join(text.split())}")
