"""What a run over places has to go through, before anything is read: which folders, which files, and where to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pixelmend.errors import UsageError
from pixelmend.images import decode
from pixelmend.inference.clusters.parts import Header, read_header
from pixelmend.inference.clusters.places import Place, parse
from pixelmend.inference.clusters.stores import store_of
from pixelmend.inference.clusters.walk import RUN, Source
from pixelmend.inference.folders.listing import MAGIC
from pixelmend.inference.folders.plan import differences
from pixelmend.inference.folders.targets import name_results

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


@dataclass(frozen=True)
class Plan:
    """What is to be restored, and where to.

    Attributes:
        out: Where results go.
        sources: Folders.
        files: Single files that were named, with the names of their results.
    """

    out: Place
    sources: tuple[Source, ...]
    files: tuple[tuple[Place, str], ...] = ()


def plan_places(texts: Sequence[str], out: str | None, form: str | None = None) -> Plan:
    """Find out what a user means; nothing is written, and no folder is looked into.

    Args:
        texts: Folders, files and patterns, here and in stores.
        out: The place for results, which need not exist.
        form: Of all results; None decides for each.

    Raises:
        UsageError: No place for results, a source that does not exist, or places that lie within each other.
        PixelmendError: A store cannot be reached.
    """
    if out is None or out == "-":
        raise UsageError("--engine ray needs a place for the results: give s3://, gs:// or a folder with -o OUT")
    target = parse(out)
    found = [_source(text, several=len(texts) > 1) for text in texts]
    named = _named([each for each in found if isinstance(each, Place)], form)
    folders = [each for each in found if isinstance(each, Source)]
    _check(target, folders, [place for place, _ in named])
    return Plan(target, tuple(folders), named)


def _source(text: str, *, several: bool) -> Source | Place:
    """A folder, or a file; what exists is taken before patterns."""
    place = parse(text)
    leaf = store_of(place).look(place)
    if leaf is not None:
        return Source(place, place.name if several else "") if leaf.is_folder else place
    if MAGIC.isdisjoint(place.path):
        raise UsageError(f"there is nothing at {place}: give pictures, folders or a pattern ('photos/*.jpg')")
    parts = place.path.split("/")
    fixed = next(number for number, part in enumerate(parts) if not MAGIC.isdisjoint(part))
    base = Place(place.scheme, "/".join(parts[:fixed]) or "/")
    if place.scheme and not fixed:
        raise UsageError(f"got {text}: the name of a bucket is no pattern")
    if store_of(base).look(base) is None:
        raise UsageError(f"there is no folder {base}, in which {place} is looked for: check its spelling")
    return Source(base, wanted=tuple(parts[fixed:]))


def _named(files: list[Place], form: str | None) -> tuple[tuple[Place, str], ...]:
    """Files with the names of their results, each of its own."""
    names = name_results(
        [PurePosixPath(each.name) for each in files], form, lambda number: decode(_bytes(files[number]))
    )
    taken: dict[str, Place] = {}
    for place, name in zip(files, names, strict=True):
        other = taken.setdefault(name.name, place)
        if other is not place:
            raise UsageError(f"{other} and {place} would both become {name}: restore them into two places")
    return tuple((place, name) for name, place in taken.items())


def _bytes(place: Place) -> bytes:
    return store_of(place).read(place) or b""


def _check(out: Place, sources: list[Source], files: list[Place]) -> None:
    """Nothing is written where something is read, nothing is read twice, and no two have one place."""
    if not out.scheme and (path := Path(out.path)).exists() and not path.is_dir():
        raise UsageError(f"{out} is a file: give a folder for the results with -o")
    roots = [source.root for source in sources]
    for root in roots:
        if out.holds(root) or root.holds(out):
            raise UsageError(
                f"{out} and {root} lie within each other, and pictures are never changed: choose another -o"
            )
    for file in files:
        if out.holds(file):
            raise UsageError(f"{file} lies within {out}, and pictures are never changed: choose another -o")
    for number, root in enumerate(roots):
        others = [*roots[number + 1 :], *files]
        if within := next((each for each in others if root.holds(each) or each.holds(root)), None):
            raise UsageError(f"{root} and {within} lie within each other: name one of them")
    above = [source.above for source in sources] + [""] * bool(files)
    if len(set(above)) < len(above):
        raise UsageError("two of the sources would have their results in one folder: restore them into two places")


def next_header(plan: Plan, told: dict[str, Any], existing: str) -> Header:
    """How results will be told to be made, see `Way` for what `existing` asks; nothing is written.

    Args:
        plan: What is to be done.
        told: How pictures are to be restored; see `Settings.told`.
        existing: What to do where results are there already.

    Raises:
        UsageError: Results are there, and nothing says what to do with them; or they were made in another way.
        PixelmendError: A store cannot be reached.
    """
    header = read_header(plan.out)
    differing = [] if header is None else differences(told, {"settings": header.settings})
    if existing == "refuse":
        _check_empty(plan.out, header)
    if existing == "resume":
        if differing:
            raise UsageError(
                f"{plan.out} was begun with other settings: {'; '.join(differing)}: give the same ones to go on with "
                "it, or another place with -o"
            )
        if header is None:
            _check_empty(plan.out, header)
    if header is None or differing or existing == "replace":
        header = Header(told)
    return header.next()


def _check_empty(out: Place, header: Header | None) -> None:
    if header is not None:
        raise UsageError(
            f"{out} holds a run: give --resume to go on with it, --skip-existing to leave what is there as it is, or "
            "another place with -o"
        )
    names = [leaf.name for leaf in store_of(out).view(out).entries(out) if leaf.name != RUN]
    if visible := [name for name in names if not name.startswith(".")]:
        raise UsageError(
            f"{out} is not empty ({visible[0]} is there), and nothing in it tells of a run: give --skip-existing to "
            "leave what is there as it is, or another place with -o"
        )
