"""``pixelmend evaluate``: measure methods on benchmark sets, and print a table with its protocol."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixelmend.evaluation import Entry, Plan, Results


def evaluate(  # noqa: PLR0913  (one parameter for each option)
    *,
    data: Annotated[Path, typer.Option(help="Folder that holds one folder for each data set.")],
    suite: Annotated[str, typer.Option(help="What is measured: denoise.")] = "denoise",
    datasets: Annotated[str, typer.Option(help="Such as cbsd68,kodak24; default: the suite's.")] = "",
    sigmas: Annotated[str, typer.Option(help="Noise levels (0-255), such as 15,25; default: the suite's.")] = "",
    methods: Annotated[str, typer.Option(help="Of pixelmend,dncnn,noisy; default: the suite's.")] = "",
    weights: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Weights of a method; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for scores (JSON) and table (Markdown).")] = Path("results"),
    limit: Annotated[int | None, typer.Option(help="Only the first N pictures of each set.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads; 0 for as many as there are.")] = 0,
    device: Annotated[str, typer.Option(help="What the networks run on: cpu, cuda.")] = "cpu",
) -> None:
    """Measure PSNR and SSIM of methods on benchmark sets.

    A run that was stopped goes on where it stopped when started again. Exit code 1 when a picture failed.
    """
    import os

    from pixelmend.cli.extras import needs_learn_half
    from pixelmend.data.benchmarks import find_benchmark
    from pixelmend.errors import UnknownNameError
    from pixelmend.files import write_text

    with needs_learn_half():
        from pixelmend.evaluation import SUITES, Plan, Results, Setup, make_methods, markdown_table

    if suite not in SUITES:
        raise UnknownNameError("suite", suite, SUITES)
    defaults = SUITES[suite]
    setup = Setup(threads or os.cpu_count() or 1, device)
    plan = Plan(
        methods=make_methods(_words(methods) or defaults.methods, _pairs(weights or []), setup),
        benchmarks=tuple(find_benchmark(data, name) for name in _words(datasets) or defaults.datasets),
        sigmas=_numbers(sigmas) or defaults.sigmas,
        seed=seed,
        setup=setup,
        limit=limit,
    )
    entries = _run(plan, Results(out / f"{suite}.json"))
    table = markdown_table(entries)
    write_text(out / f"{suite}.md", table)
    typer.echo(table, nl=False)
    failed = sum(len(entry.failed) for entry in entries)
    if failed:
        typer.echo(f"{failed} measurements failed; the table names them, and starting again retries them", err=True)
        raise typer.Exit(1)


def _run(plan: "Plan", results: "Results") -> "list[Entry]":
    """Measure with a progress bar and the time left, on stderr so that the table can be redirected."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pixelmend.evaluation import Step, count_missing, evaluate

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=count_missing(plan, results))

        def show(step: Step) -> None:
            entry = step.entry
            doing = f"{entry.title} σ {entry.sigma:g} {entry.label}"
            progress.update(task, description=doing, advance=0 if step.reused else 1)

        try:
            return evaluate(plan, results, show)
        except KeyboardInterrupt:
            typer.echo(f"interrupted; scores so far are in {results.path}: start again to go on", err=True)
            raise typer.Exit(130) from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _numbers(text: str) -> tuple[float, ...]:
    from pixelmend.errors import UsageError

    try:
        return tuple(float(word) for word in _words(text))
    except ValueError:
        raise UsageError(f"got --sigmas {text}: give numbers with commas between, such as 15,25,50") from None


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    from pixelmend.errors import UsageError

    pairs = []
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"got --weights {text}: give a method and its file, such as dncnn=FILE.safetensors")
        pairs.append((name.strip(), file))
    return pairs
