"""``pixelmend data``: what a folder of pictures holds, and fingerprints of sets to keep out of training."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import TYPE_CHECKING, Annotated

import typer

from pixelmend.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pixelmend.data.findings import Finding, Report
    from pixelmend.data.overlap import Library

app = typer.Typer(help="Look after the pictures to learn from and to measure on.", no_args_is_help=True)
EXAMPLES = 5
"""So many names of each kind are shown without --all."""


@app.command()
def check(  # noqa: PLR0913  (one parameter for each option)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; those below are read too.")],
    *,
    patch: Annotated[int, typer.Option(min=1, help="Side of a training crop, pixels.")] = 128,
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR|FILE", help="A set that must not be in DIR, or its fingerprints; repeatable."),
    ] = None,
    overlap: Annotated[bool, typer.Option(help="Compare with the benchmarks, and pictures with each other.")] = True,
    report: Annotated[Path | None, typer.Option("--json", help="Also write a report here.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Name every place, not only some.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Pictures at a time; 0 for as many as processors.")] = 0,
) -> None:
    """Say what a folder of pictures is, decode each, and name what is wrong.

    Exit code 0 where all is well, 1 where something should be mended, 2 for misuse.
    """
    import os

    from pixelmend.cli.extras import needs_learn_half
    from pixelmend.errors import UsageError
    from pixelmend.files import write_text

    with needs_learn_half():
        from pixelmend.data.check import check_folder
    if not folder.is_dir():
        raise UsageError(f"got {folder}, which is no folder: give a folder of pictures")
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise UsageError(f"--json {report}: wanted a file in a folder that exists")
    library = _library(against or []) if overlap else None
    with progress("checking") as tell:
        found = check_folder(folder, library=library, patch=patch, threads=threads or os.cpu_count() or 1, tell=tell)
    for line in _lines(found, library, every=every):
        typer.echo(line)
    if report is not None:
        import json

        write_text(report, json.dumps(found.to_dict(), indent=2) + "\n")
    if found.problems:
        raise typer.Exit(1)


@app.command()
def fingerprint(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The set; of pairs, the clean halves are taken.")],
    *,
    name: Annotated[str, typer.Option(help="What a report is to call it.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Sets of other names stay in it.", show_default=False)
    ],
    threads: Annotated[int, typer.Option(min=0, help="Pictures at a time; 0 for as many as processors.")] = 0,
) -> None:
    """Write fingerprints of a set, for `pixelmend data check --against FILE`."""
    import os

    from pixelmend.cli.extras import needs_learn_half

    with needs_learn_half():
        from pixelmend.data.fingerprint_file import fingerprint_folder, write_fingerprints
    known = fingerprint_folder(folder, name, threads=threads or os.cpu_count() or 1)
    write_fingerprints(output, known)
    typer.echo(f"{output} holds fingerprints of {len(known)} pictures as {name}")


def _library(against: Iterable[Path]) -> Library:
    """The benchmarks that ship, and what was given."""
    from pixelmend.data.fingerprint_file import SHIPPED, fingerprint_folder, read_fingerprints
    from pixelmend.data.overlap import Library
    from pixelmend.errors import UsageError

    known = read_fingerprints(SHIPPED)
    for place in against:
        if not place.exists():
            raise UsageError(f"--against {place}: no such folder or file; give a set or its fingerprints")
        known += fingerprint_folder(place, place.resolve().name) if place.is_dir() else read_fingerprints(place)
    return Library(known)


def _lines(report: Report, library: Library | None, *, every: bool) -> Iterator[str]:
    """The report as it is printed."""
    yield from _what_it_is(report)
    for sign, findings in (("✗", report.problems), ("·", report.notes)):
        for finding in findings:
            yield f"{sign} {finding.title}: {len(finding.names):,}"
            yield from _names(finding, every=every)
    if library is None:
        yield "· not compared with benchmarks"
    elif not any(finding.kind in {"overlap", "shared"} for finding in (*report.problems, *report.notes)):
        sets = len({each.set_name for each in library.known})
        yield f"· none of the {len(library)} pictures of {sets} benchmarks is in it, as far as fingerprints tell"
    yield "something should be mended" if report.problems else "all is well"


def _names(finding: Finding, *, every: bool) -> Iterator[str]:
    shown = finding.names if every else finding.names[:EXAMPLES]
    yield from (f"    {name}" for name in shown)
    if len(shown) < len(finding.names):
        yield f"    and {len(finding.names) - len(shown)} more (--all names them)"


def _what_it_is(report: Report) -> Iterator[str]:
    found = report.found
    pairs = sum(item.degraded is not None for item in found.items)
    yield f"is        {found.title}{f' ({found.task})' if found.task else ''}"
    for split, count in found.splits.items():
        expected = found.expected.get(split) or (sum(found.expected.values()) if not split else 0)
        of = f" of {expected:,}" if expected else ""
        yield f"holds     {f'{split}: ' if split else ''}{count:,}{of} {'clean pictures' if pairs else 'pictures'}"
    if pairs:
        kinds = len({item.variant for item in found.items if item.degraded})
        yield f"pairs     {pairs:,}{f', {kinds} kinds of damage' if kinds > 1 else ''}"
    if report.sizes:
        width, height = report.median_size
        (low_w, low_h), (high_w, high_h) = report.sizes[0], report.sizes[-1]
        yield f"sizes     {low_w}×{low_h} to {high_w}×{high_h}, median {width:g}×{height:g}"
        counted = (report.formats, report.depths, report.colors)
        yield f"files     {report.files:,}: {'; '.join(map(_counted, counted))}; {report.megapixels:,.1f} megapixels"


def _counted(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return str(next(iter(counts)))
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
