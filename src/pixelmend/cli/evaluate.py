"""``pixelmend evaluate``: measure methods on published sets or on one's own pictures; tables, plots and crops."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelmend.evaluation import Crops, Entry, Plan, Results, Trial
    from pixelmend.evaluation.scores import Distance


def evaluate(  # noqa: PLR0913  (one parameter for each option)
    *,
    data: Annotated[Path, typer.Option(help="Folder of the published sets (--suite), or of your pictures (--task).")],
    suite: Annotated[
        str,
        typer.Option(help="Published sets: denoise, super-resolve, deblur, dejpeg, …; standard for all."),
    ] = "",
    task: Annotated[str, typer.Option(help="Your own pictures: denoise, super-resolve, deblur, dejpeg, inpaint.")] = "",
    methods: Annotated[str, typer.Option(help="Such as pixelmend,bm3d,degraded; the first is compared with.")] = "",
    weights: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Weights of a method; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for scores, tables, plots and crops.")] = Path("results"),
    datasets: Annotated[str, typer.Option(help="Only these sets of the suite, such as cbsd68,kodak24.")] = "",
    levels: Annotated[str, typer.Option(help="Sigmas (0-255), scales, qualities or shares, such as 15,25.")] = "",
    damage: Annotated[str, typer.Option(help="With --task: damage in words, as pixelmend degrade takes it.")] = "",
    lpips: Annotated[str, typer.Option(help="AlexNet's features (file or folder), hub, auto or none.")] = "auto",
    dists: Annotated[str, typer.Option(help="VGG16's features for DISTS (file or folder), hub or none.")] = "none",
    crops: Annotated[int, typer.Option(help="Worst pictures of each set on the page of crops; 0 for none.")] = 6,
    logs: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folder of a training run, for its curve; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N pictures of each set.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the damage.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads; 0 for as many as there are.")] = 0,
    device: Annotated[str, typer.Option(help="What the networks run on: cpu, cuda.")] = "cpu",
) -> None:
    """Measure methods side by side: PSNR, SSIM, LPIPS, time and memory, with the protocol that they were measured by.

    A run that was stopped goes on where it stopped when started again. Exit code 1 when something could not be
    measured.
    """
    import os

    from pixelmend.cli.extras import needs_learn_half
    from pixelmend.errors import UsageError

    if bool(suite) == bool(task):
        raise UsageError("name either --suite (published sets below --data) or --task (your own pictures in --data)")
    if damage and suite:
        raise UsageError("--damage is for your own pictures (--task): a suite has damage of its own")
    with needs_learn_half():
        from pixelmend.evaluation import SUITES, Plan, Results, Setup, make_methods
        from pixelmend.evaluation.suites import STANDARD

    setup = Setup(threads or os.cpu_count() or 1, device)
    trials = _trials(data, suite=suite, task=task, datasets=datasets, levels=levels, damage=damage)
    usual = ("pixelmend", "bicubic", "degraded") if suite == STANDARD or task else SUITES[suite].methods
    made = make_methods(_words(methods) or usual, _pairs(weights or []), setup)
    for name, why in made.failed.items():
        typer.echo(f"{name} cannot be measured: {why}", err=True)
    plan = Plan(
        trials=trials, methods=made.methods, setup=setup, seed=seed, limit=limit, distances=_distances(lpips, dists)
    )
    for idle in plan.idle():
        typer.echo(f"{idle.label} does none of this ({', '.join(sorted(idle.tasks))}), so it is left out", err=True)
    name = suite or f"{data.name}-{task}"
    entries = _run(plan, Results(out / f"{name}.json"), _crops(out, crops))
    _report(entries, made.failed, out, name, crops=crops, logs=logs or [])
    failed = sum(len(entry.failed) for entry in entries) + len(made.failed)
    if failed:
        typer.echo(f"{failed} measurements failed; the table names them, and starting again retries them", err=True)
        raise typer.Exit(1)


def _trials(data: Path, *, suite: str, task: str, datasets: str, levels: str, damage: str) -> "tuple[Trial, ...]":
    from pixelmend.evaluation import own_trials, published_trials

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    if suite:
        return published_trials(suite, data, _words(datasets), _numbers(levels), tell)
    return own_trials(data, task, _numbers(levels), damage, tell)


def _distances(lpips: str, dists: str) -> "dict[str, Distance]":
    """The learned distances that were asked for; with auto LPIPS is left out where its features cannot be had."""
    from pixelmend.errors import UsageError
    from pixelmend.metrics.dists import Dists
    from pixelmend.metrics.lpips import Lpips

    found: dict[str, Distance] = {}
    if lpips == "auto":
        try:
            found["lpips"] = Lpips()
        except UsageError as error:
            typer.echo(f"without LPIPS: {error} (--lpips FILE)", err=True)
    elif lpips != "none":
        found["lpips"] = Lpips(None if lpips == "hub" else Path(lpips))
    if dists != "none":
        found["dists"] = Dists(None if dists == "hub" else Path(dists))
    return found


def _crops(out: Path, count: int) -> "Crops | None":
    from pixelmend.evaluation import Crops

    return Crops(out / "crops") if count else None


def _run(plan: "Plan", results: "Results", crops: "Crops | None") -> "list[Entry]":
    """Measure with a progress bar and the time left, on stderr so that the table can be redirected."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from pixelmend.evaluation import Step, evaluate

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("measuring", total=None, left="")

        def show(step: Step) -> None:
            entry = step.entry
            doing = f"{entry.title} {entry.case} {entry.label}"
            progress.update(
                bar, description=doing, completed=step.done, total=step.total, left=_left(step.seconds_left)
            )

        try:
            return evaluate(plan, results, show, crops)
        except KeyboardInterrupt:
            typer.echo(f"interrupted; scores so far are in {results.path}: start again to go on", err=True)
            raise typer.Exit(130) from None


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} left"


def _report(
    entries: "Sequence[Entry]", failed: dict[str, str], out: Path, name: str, *, crops: int, logs: "Sequence[Path]"
) -> None:
    """The table on standard output and in a file, plots and the page of crops beside it."""
    from pixelmend.evaluation import Crops, markdown_table
    from pixelmend.evaluation.plots import COSTS, plot_costs
    from pixelmend.files import write_text
    from pixelmend.training.curves import plot_curves

    table = markdown_table(entries, failed)
    write_text(out / f"{name}.md", table)
    typer.echo(table, nl=False)
    written = [out / f"{name}.md"]
    for cost in COSTS:
        picture = out / f"{name}-{cost}.webp"
        written += [picture] if plot_costs(entries, cost, picture) else []
    if logs:
        plot_curves({log.name: log for log in logs}, out / f"{name}-curves.webp")
        written.append(out / f"{name}-curves.webp")
    if crops:
        Crops(out / "crops").page(entries, out / f"{name}.html", most=crops)
        written.append(out / f"{name}.html")
    typer.echo(f"wrote {', '.join(str(path) for path in written)}", err=True)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _numbers(text: str) -> tuple[float, ...]:
    from pixelmend.errors import UsageError

    try:
        return tuple(float(word) for word in _words(text))
    except ValueError:
        raise UsageError(f"got --levels {text}: give numbers with commas between, such as 15,25,50") from None


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    from pixelmend.errors import UsageError

    pairs = []
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"got --weights {text}: give a method and its file, such as dncnn=FILE.safetensors")
        pairs.append((name.strip(), file))
    return pairs
