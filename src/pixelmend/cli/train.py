"""``pixelmend train``: a recipe in, weights out."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        Path, typer.Argument(help="A TOML file, such as recipes/denoise-small.toml.", show_default=False)
    ],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a value of the recipe, such as data.batch=8; repeatable."
        ),
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Budget in minutes, instead of the recipe's.", show_default=False)
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Do without pictures that cannot be used.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of this name.")] = False,
) -> None:
    """Train a network; its weights, state, log and curves are left in runs/NAME.

    On several GPUs or machines: torchrun --nnodes N --nproc-per-node M -m pixelmend train RECIPE
    """
    from pixelmend.cli.extras import needs_learn_half

    with needs_learn_half():
        from pixelmend.training import load_recipe, processes
        from pixelmend.training import train as run

    if skip_bad:
        settings = [*(settings or []), "data.skip_bad=true"]
    loaded = load_recipe(recipe, settings, max_minutes=max_minutes)
    weights = run(loaded, resume=resume, tell=typer.echo)
    if processes.rank():
        return
    typer.echo(f"the best weights are in {weights}")
    if loaded.model.architecture == "hybrid":  # others are there to be measured
        typer.echo(f"to run them: pixelmend export {weights} -o models")
