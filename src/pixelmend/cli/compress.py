"""``pixelmend compress``: a trained network made smaller, measured on your own pictures, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Imports stand inside functions so that `pixelmend --help` answers at once.


QUANTIZE = ("none", "int8", "fp16")
IMPORTANCE = ("taylor", "norm")


def compress(  # noqa: PLR0913  (each option is a parameter)
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="The name of weights that ship, such as denoise-small, a card (.json), or a .safetensors file.",
            show_default=False,
        ),
    ],
    *,
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Clean pictures to recover and calibrate with.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the result; a new one.")] = (
        Path("compressed")
    ),
    share: Annotated[
        float, typer.Option("--prune", metavar="P", min=0, max=0.95, help="Share of the parameters to take out.")
    ] = 0.0,
    quantize: Annotated[
        str, typer.Option(help="Fewer bits: int8 computes in them, fp16 only stores them; or none.")
    ] = "none",
    validate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pictures to measure with. [default: a fifth of --data]", show_default=False),
    ] = None,
    minutes: Annotated[float, typer.Option(metavar="N", min=0.01, help="Budget of learning in minutes.")] = 15.0,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Budget in steps instead; repeatable.", show_default=False)
    ] = None,
    budget_db: Annotated[
        float | None,
        typer.Option(metavar="DB", help="What may be lost. [default: 0.10, or 0.20 with --prune]", show_default=False),
    ] = None,
    importance: Annotated[
        str, typer.Option(help="How channels are judged: taylor (by the loss) or norm (by their weights).")
    ] = "taylor",
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="Prune in so many steps.")] = 1,
    multiple: Annotated[int, typer.Option(metavar="N", min=1, help="Round widths to multiples of this.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Decides what is drawn.")] = 0,
    name: Annotated[str | None, typer.Option(help="What the result is called.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="Chip that recovers: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Make a trained network smaller: prune channels, let it recover on your clean pictures, store it in fewer bits.

    A result that is larger, slower, or worse than it may be is refused: nothing is written (exit code 1).

    pixelmend compress denoise-small --prune 0.3 --data photographs -o small

    pixelmend restore noisy.png -o restored.png --task small/denoise-small-pruned30.json
    """
    from pixelmend.cli.extras import needs_learn_half

    _check(device, quantize, importance, name)
    with needs_learn_half("compress"):
        from pixelmend.compression import CompressOptions, table
        from pixelmend.compression import compress as run

    options = CompressOptions(
        data=data,
        validate=validate,
        share=share,
        quantize=quantize,  # type: ignore[arg-type] # checked above
        minutes=minutes,
        steps=steps,
        budget_db=budget_db,
        importance=importance,  # type: ignore[arg-type] # checked above
        rounds=rounds,
        multiple=multiple,
        seed=seed,
        name=name,
        device=device,
    )
    done = run(model, output, options, tell=typer.echo)
    card = output / f"{done.card.name}.json"
    typer.echo(f"\n{table(done.figures)}\n")
    typer.echo(f"wrote     {output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
    typer.echo(f"try it    pixelmend restore IN -o OUT --task {card}")


def _check(device: str, quantize: str, importance: str, name: str | None) -> None:
    """Refuse before the work what would be refused after it."""
    import re

    from pixelmend.errors import UnknownNameError, UsageError

    for kind, given, known in (
        ("device", device, ("auto", "cpu", "cuda", "mps")),
        ("--quantize", quantize, QUANTIZE),
        ("--importance", importance, IMPORTANCE),
    ):
        if given not in known:
            raise UnknownNameError(kind, given, known)
    if name is not None and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise UsageError(f"--name {name!r}: wanted small letters, digits and dashes, such as my-denoiser")
