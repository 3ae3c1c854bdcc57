"""``pixelmend evaluate``: measure methods on published sets or on one's own pictures; tables, plots and crops."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Sequence

    from pixelmend.evaluation import Crops, Entry, Plan, Results
    from pixelmend.evaluation.scores import Distance
    from pixelmend.evaluation.suites import Found


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
    datasets: Annotated[str, typer.Option(help="With --suite: only these sets, such as cbsd68,kodak24.")] = "",
    levels: Annotated[str, typer.Option(help="Sigmas (0-255), scales, qualities or shares, such as 15,25.")] = "",
    damage: Annotated[str, typer.Option(help="With --task: damage in words, as pixelmend degrade takes it.")] = "",
    lpips: Annotated[str, typer.Option(help="AlexNet's features (file or folder), hub, auto or none.")] = "auto",
    dists: Annotated[str, typer.Option(help="VGG16's features for DISTS (file or folder), hub or none.")] = "none",
    crops: Annotated[int, typer.Option(min=0, help="Worst pictures of each set on the page of crops; 0 for none.")] = 6,
    logs: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folder of a training run, for its curve; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N pictures of each set.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the damage.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads; 0 for as many as there are.")] = 0,
    device: Annotated[str, typer.Option(help="What the networks run on: cpu, cuda.")] = "cpu",
) -> None:
    """Measure methods side by side: PSNR, SSIM, LPIPS, time and memory, with the protocol that they were measured by.

    A run that was stopped goes on where it stopped when started again. Exit code 1 when something could not be
    measured.
    """
    import os

    from pixelmend.cli.extras import needs_learn_half

    _check_what(suite=suite, task=task, datasets=datasets, levels=levels, damage=damage)
    with needs_learn_half():
        from pixelmend.evaluation import Plan, Results, Setup, make_methods

    setup = Setup(threads or os.cpu_count() or 1, device)
    curves = _curves(logs or [])
    found = _trials(data, suite=suite, task=task, datasets=datasets, levels=levels, damage=damage)
    asked, files = _words(methods), _pairs(weights or [])
    made = make_methods(asked or _usual(suite), files, setup)
    absent = found.failed | made.failed
    for name, why in absent.items():
        typer.echo(f"{name} cannot be measured: {why}", err=True)
    learned = _distances(lpips, dists)
    plan = Plan(found.trials, made.methods, setup, seed=seed, limit=limit, distances=learned)
    absent |= _idle(plan, asked, {name for name, _ in files})
    name = suite or f"{data.resolve().name}-{task}"
    entries = _run(plan, Results(out / f"{name}.json"), _crops(out, crops))
    _report(entries, absent, out, name, crops=crops, curves=curves, first=plan.methods[0].label)
    if failed := sum(len(entry.failed) for entry in entries):
        typer.echo(f"{failed} measurements failed; the table names them, and starting again retries them", err=True)
    if failed or absent:
        raise typer.Exit(1)


def _check_what(*, suite: str, task: str, datasets: str, levels: str, damage: str) -> None:
    """Refuse options that do not go together, since one of them would do nothing."""
    from pixelmend.errors import UsageError

    if bool(suite) == bool(task):
        raise UsageError("name either --suite (published sets below --data) or --task (your own pictures in --data)")
    if damage and suite:
        raise UsageError("--damage is for your own pictures (--task): a suite has damage of its own")
    if datasets and task:
        raise UsageError("--datasets chooses from a suite: with --task, give the folder of the pictures as --data")
    if levels and damage:
        raise UsageError("got both --levels and --damage: write the strength into the damage, such as noise(sigma=25)")


def _usual(suite: str) -> tuple[str, ...]:
    """The methods that are measured where none are named."""
    from pixelmend.evaluation import SUITES

    return SUITES[suite].methods if suite in SUITES else ("pixelmend", "bicubic", "degraded")


def _idle(plan: "Plan", asked: "Container[str]", weighted: "Collection[str]") -> dict[str, str]:
    """Tell of methods that take none of the trials.

    A method that comes in parts, such as a model for each task, is idle where all its parts are; but of weights that
    were named each counts.

    Args:
        plan: What is to be measured.
        asked: Names of methods that the user gave.
        weighted: Those with weights that the user gave.

    Returns:
        Why they are not measured, by label, without the usual ones that nobody asked for.
    """
    idle = plan.idle()
    busy = {method.name for method in plan.methods if method not in idle}
    tasks: dict[tuple[str, str], set[str]] = {}
    for method in idle:
        if method.name in weighted or method.name not in busy:
            tasks.setdefault((method.name, method.label), set()).update(method.tasks)
    reasons = {key: f"does none of this ({', '.join(sorted(able))})" for key, able in tasks.items()}
    for (_, label), why in reasons.items():
        typer.echo(f"{label} {why}, so it is left out", err=True)
    return {label: why for (name, label), why in reasons.items() if name in asked or name in weighted}


def _trials(data: Path, *, suite: str, task: str, datasets: str, levels: str, damage: str) -> "Found":
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


def _curves(logs: "Sequence[Path]") -> "dict[str, Path]":
    """What to call each training run, and its folder; one that holds no run is told before hours of measuring."""
    from pixelmend.evaluation.methods import shortest_names
    from pixelmend.training.rows import read_rows

    folders = list(dict.fromkeys(log.resolve() for log in logs))
    for folder in folders:
        read_rows(folder / "validation.csv")
    return dict(zip(shortest_names(folders), folders, strict=True))


def _report(  # noqa: PLR0913  (one place that knows of all that is left behind)
    entries: "Sequence[Entry]",
    absent: dict[str, str],
    out: Path,
    name: str,
    *,
    crops: int,
    curves: "dict[str, Path]",
    first: str,
) -> None:
    """The table in a file, plots and the page of crops beside it, and then the table on standard output."""
    from pixelmend.evaluation import Crops, markdown_table
    from pixelmend.evaluation.plots import COSTS, plot_costs
    from pixelmend.files import write_text
    from pixelmend.training.curves import plot_curves

    table = markdown_table(entries, absent, first=first)
    write_text(out / f"{name}.md", table)
    written = [out / f"{name}.md"]
    for cost in COSTS:
        picture = out / f"{name}-{cost}.webp"
        written += [picture] if plot_costs(entries, cost, picture) else []
    if curves:
        plot_curves(curves, out / f"{name}-curves.webp")
        written.append(out / f"{name}-curves.webp")
    if crops:
        Crops(out / "crops").page(entries, out / f"{name}.html", most=crops, first=first)
        written.append(out / f"{name}.html")
    _print(table)
    typer.echo(f"wrote {', '.join(str(path) for path in written)}", err=True)


def _print(text: str) -> None:
    """Write to standard output, with "?" for signs such as σ that its encoding lacks."""
    import sys

    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(text.encode(encoding, "replace").decode(encoding), nl=False)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _numbers(text: str) -> tuple[float, ...]:
    import math

    from pixelmend.errors import UsageError

    try:
        numbers = tuple(float(word) for word in _words(text))
    except ValueError:
        numbers = (math.nan,)
    if not all(map(math.isfinite, numbers)):
        raise UsageError(f"got --levels {text}: give numbers with commas between, such as 15,25,50")
    return numbers


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    from pixelmend.errors import UsageError

    pairs = []
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"got --weights {text}: give a method and its file, such as dncnn=FILE.safetensors")
        pairs.append((name.strip(), file))
    return pairs
