"""Where each result goes: below the folder for results, as its picture lies below the folder that was named."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelmend.errors import PixelmendError, UnknownNameError, UsageError
from pixelmend.images import decode, default_suffix, format_named, suffix_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path, PurePath

    from pixelmend.images import Picture
    from pixelmend.inference.folders.listing import Found


@dataclass(frozen=True)
class Job:
    """One picture to restore.

    Attributes:
        source: The file.
        target: Where the result goes.
        name: The target below the folder for results, parts joined by "/": what a manifest knows it by.
    """

    source: Path
    target: Path
    name: str


def plan_jobs(pictures: Sequence[Found], out: Path, form: str | None = None) -> tuple[Job, ...]:
    """Give each picture its target: the place that `name_results` says, below the folder for results.

    Args:
        pictures: From `find_pictures`.
        out: The folder for results.
        form: See `name_results`.

    Raises:
        UnknownNameError: No such format.
        UsageError: Two pictures would have one result, or a result would be written over a picture.
    """
    places = name_results([each.place for each in pictures], form, lambda number: decode(pictures[number].source))
    jobs = [Job(each.source, out / place, place.as_posix()) for each, place in zip(pictures, places, strict=True)]
    _check(jobs)
    return tuple(jobs)


def name_results(
    pictures: Sequence[PurePath], form: str | None, look: Callable[[int], Picture]
) -> tuple[PurePath, ...]:
    """What results are called.

    A result has its picture's name and, where that format is written, its suffix; else that of `default_suffix`. Where
    two would be called alike because of another suffix, that of the picture stays in the name: scan.bmp becomes
    scan.bmp.png beside scan.png. Only pictures of one folder matter to each other.

    Args:
        pictures: Where they lie below the folder that was named.
        form: The format of all results, see `pixelmend.images.format_named`; None decides for each.
        look: Opens a picture, by its number, where its name does not decide.

    Raises:
        UnknownNameError: No such format.
    """
    plain = [place.with_suffix(_suffix(place, form, number, look)) for number, place in enumerate(pictures)]
    counts = Counter(plain)
    return tuple(
        place.with_name(place.name + result.suffix) if result.name != place.name and counts[result] > 1 else result
        for place, result in zip(pictures, plain, strict=True)
    )


def _suffix(place: PurePath, form: str | None, number: int, look: Callable[[int], Picture]) -> str:
    own = place.suffix
    try:
        known = format_named(own)
    except UnknownNameError:  # not one that is written
        known = ""
    if form is not None:
        return own if known == format_named(form) else suffix_for(form)
    if known:
        return own
    try:
        return default_suffix(look(number))
    except PixelmendError:  # it will fail, under some name
        return ".png"


def _check(jobs: Sequence[Job]) -> None:
    """Refuse what would be written over."""
    taken: dict[str, Job] = {}
    for job in jobs:
        other = taken.setdefault(job.name, job)
        if other is not job:
            raise UsageError(
                f"{other.source} and {job.source} would both become {job.target}: restore them into two folders"
            )
    sources = {_place(job.source): job for job in jobs}
    for job in jobs:
        if (over := sources.get(_place(job.target))) is not None:
            raise UsageError(
                f"the result of {job.source} would be written over {over.source}, and pictures are never changed: "
                "choose another folder with -o"
            )


def _place(path: Path) -> str:
    """A path by which two names of one place are the same; a link at its end is a place of its own."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118  (bytes of names as they are)
