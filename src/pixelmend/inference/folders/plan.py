"""What a run over a folder has to do: all pictures, less what is done or left alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pixelmend.errors import UsageError
from pixelmend.inference.folders.listing import find_pictures
from pixelmend.inference.folders.manifest import DONE, KEPT, Entry
from pixelmend.inference.folders.targets import Job, plan_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pixelmend.inference.folders.manifest import Manifest


@dataclass(frozen=True)
class Plan:
    """What is to be restored, and where to.

    Attributes:
        out: The folder for results.
        jobs: A line for each picture.
        left_out: See `Listing`.
        unreadable: See `Listing`.
    """

    out: Path
    jobs: tuple[Job, ...]
    left_out: dict[str, int]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """How a folder is gone through.

    Attributes:
        existing: What to do where results are there already. "refuse" asks the user; "resume" goes on with a run that
            was ended, and does again what is not as it left it; "skip" leaves every result that is there, whoever made
            it; "replace" begins anew.
        on_error: "skip" goes on with the next picture, "stop" begins none after the first that failed.
        jobs: How many processes; None for what suits the machine.
        page: Where `write_page` will write its page, for which crops are stored; None for none.
    """

    existing: Literal["refuse", "resume", "skip", "replace"] = "refuse"
    on_error: Literal["skip", "stop"] = "skip"
    jobs: int | None = None
    page: Path | None = None


def plan_folder(sources: Sequence[str | Path], out: Path | None, form: str | None = None) -> Plan:
    """Find out what is to be done; nothing is written.

    Args:
        sources: See `find_pictures`.
        out: The folder for results, which need not exist.
        form: See `plan_jobs`.

    Raises:
        UsageError: No folder for results, or one that is a file; see also `find_pictures` and `plan_jobs`.
    """
    if out is None:
        raise UsageError("several pictures need a folder for their results: give one with -o OUT")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: give a folder for the results with -o")
    listing = find_pictures(sources, out)
    return Plan(out, plan_jobs(listing.pictures, out, form), listing.left_out, listing.unreadable)


USUAL = Way()
"""Nothing is asked."""


@dataclass(frozen=True)
class Todo:
    """What is to be done with the pictures of a plan.

    Attributes:
        jobs: To be restored.
        earlier: What an earlier run did, and is as it left it.
        kept: Entries of results that are left alone, and are not in the manifest.
        fresh: Whether the manifest begins anew.
    """

    jobs: tuple[Job, ...]
    earlier: tuple[Entry, ...]
    kept: tuple[Entry, ...]
    fresh: bool


def find_todo(plan: Plan, manifest: Manifest, way: Way, told: dict[str, Any]) -> Todo:
    """Sort out what is to be done.

    Args:
        plan: All pictures.
        manifest: Of the folder for results.
        way: What to do with results that are there.
        told: How pictures are to be restored; see `Settings.told`.

    Raises:
        UsageError: Results are there, and nothing says what to do with them; or they were made in another way.
    """
    differing = differences(told, manifest.header)
    if way.existing == "refuse":
        _check_empty(plan, manifest)
    elif way.existing == "resume":
        _check_same(plan, manifest, differing)
    fresh = manifest.header is None or way.existing == "replace" or bool(differing)
    known = {} if fresh else manifest.entries
    jobs, earlier, kept = [], [], []
    for job in plan.jobs:
        entry = known.get(job.name)
        if entry is not None and _stands(job, entry):
            earlier.append(entry)
        elif way.existing == "skip" and os.path.lexists(job.target):
            kept.append(Entry(job.name, os.fspath(job.source), KEPT))
        else:
            jobs.append(job)
    return Todo(tuple(jobs), tuple(earlier), tuple(kept), fresh)


def as_stored(told: dict[str, Any]) -> dict[str, Any]:
    """Settings as they come back from a file of JSON."""
    stored: dict[str, Any] = json.loads(json.dumps(told))
    return stored


def differences(told: dict[str, Any], header: dict[str, Any] | None) -> list[str]:
    """In what settings differ from those that a folder was begun with, such as "sigma (25 before, 10 now)"."""
    if header is None:
        return []
    before, now = header["settings"], as_stored(told)
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name} ({_word(name, before.get(name))} before, {_word(name, now.get(name))} now)" for name in names]


def _word(name: str, value: Any) -> str:
    if name == "weights" and isinstance(value, list):
        return " + ".join(f"{share:g} × {card} of checksum {checksum[:8]}" for share, card, checksum in value)
    return "none" if value is None else json.dumps(value).strip('"')


def _stands(job: Job, entry: Entry) -> bool:
    """Whether what an entry tells of is still so."""
    if entry.state == KEPT:
        return os.path.lexists(job.target)
    if entry.state != DONE or entry.before is None or entry.after is None:
        return False
    return entry.before.fits(job.source) and entry.after.fits(job.target)


def _check_empty(plan: Plan, manifest: Manifest) -> None:
    there = _there(plan)
    if manifest.header is not None:
        done = sum(entry.state == DONE for entry in manifest.entries.values())
        raise UsageError(
            f"{plan.out} holds a run that did {done} pictures: give --resume to go on with it, --skip-existing to "
            "leave what is there as it is, or another folder with -o"
        )
    if there:
        raise UsageError(
            f"{len(there)} of {len(plan.jobs)} results are there already, such as {there[0].target}: give "
            "--skip-existing to leave them as they are, or another folder with -o"
        )


def _check_same(plan: Plan, manifest: Manifest, differing: list[str]) -> None:
    if differing:
        raise UsageError(
            f"{plan.out} was begun with other settings: {'; '.join(differing)}: give the same ones to go on with it, "
            "or another folder with -o"
        )
    if manifest.header is None and (there := _there(plan)):
        raise UsageError(
            f"{there[0].target} is there, but nothing in {plan.out} tells how it was made, so --resume cannot go on: "
            "give --skip-existing to leave what is there as it is, or another folder with -o"
        )


def _there(plan: Plan) -> list[Job]:
    return [job for job in plan.jobs if os.path.lexists(job.target)]
