"""Files in, damaged files out: what ``pixelmend degrade`` does to each picture."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from pixelmend.data.sources import list_pictures
from pixelmend.degradations import from_record, perform, to_record
from pixelmend.errors import UsageError
from pixelmend.files import write_text
from pixelmend.images import decode, from_unit, save, to_unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pixelmend.degradations import Damage, Part

RECORD_FORMAT = 1
Depth = Literal["same", "8", "16", "float"]
_DTYPES: dict[Depth, np.dtype[Any]] = {
    "8": np.dtype(np.uint8),
    "16": np.dtype(np.uint16),
    "float": np.dtype(np.float32),
}


@dataclass(frozen=True)
class Job:
    """A picture, where its damaged copy goes, and its name: the place in its folder, without the suffix."""

    source: Path
    target: Path
    name: str


@dataclass(frozen=True)
class DamagedFile:
    """What was done to one picture.

    Attributes:
        target: The damaged picture.
        mask: What it has lost, white where pixels are missing; None where none are.
        plan: Each step with all its parameters.
        notes: What a reader should know, one sentence each.
    """

    target: Path
    mask: Path | None
    plan: tuple[Damage, ...]
    notes: tuple[str, ...]


def list_jobs(source: Path, output: Path) -> list[Job]:
    """What is to be damaged, and where each result goes.

    A folder is read with its subfolders, which are made again below ``output``; results there are PNG. For one picture
    ``output`` may be a folder too.

    Raises:
        UsageError: There is no such file or folder, a result would overwrite a picture, or two results each other.
        DataError: The folder holds no picture.
    """
    if not source.is_dir():
        target = output / f"{source.stem}.png" if output.is_dir() else output
        if not source.is_file():
            raise UsageError(f"no picture at {source}: name a file, or a folder of pictures")
        return [Job(source, target, source.stem)]
    if output.is_file():
        raise UsageError(f"{output} is a file, and {source} a folder: name a folder for the results")
    if output.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{output} lies inside {source}: choose another place, or results become inputs next time")
    jobs: dict[str, Job] = {}
    for path in list_pictures([source]):
        name = path.relative_to(source).with_suffix("").as_posix()
        if name in jobs:
            raise UsageError(f"{jobs[name].source} and {path} would both become {name}.png: rename one of them")
        jobs[name] = Job(path, output / f"{name}.png", name)
    return list(jobs.values())


def write_record(path: Path, done: dict[str, DamagedFile]) -> None:
    """Write down what was done to each picture, as JSON that ``read_record`` reads."""
    pictures = {name: to_record(file.plan) for name, file in done.items()}
    write_text(path, json.dumps({"format": RECORD_FORMAT, "pictures": pictures}, indent=1) + "\n")


def read_record(path: Path) -> dict[str, tuple[Damage, ...]]:
    """The damage of each picture by its name.

    Raises:
        UsageError: No such file, not a record, or one that this version does not know.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        known = tree["format"] == RECORD_FORMAT
        pictures = tree["pictures"].items() if known else ()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is not a record of damage ({error}): wanted a file that --record wrote") from error
    if not known:
        raise UsageError(f"{path} has format {tree['format']!r}: this version reads {RECORD_FORMAT}")
    return {name: from_record(steps) for name, steps in pictures}


def plan_for(chain: Part, name: str, seed: int) -> tuple[Damage, ...]:
    """Draw the damage of one picture: a function of the chain, the picture's name and the seed.

    Args:
        chain: What to draw from.
        name: The picture's place in its folder, without the suffix; pictures of other names get other damage.
        seed: Any integer ≥ 0.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
    return tuple(step for step in chain.sample(1, generator)[0] if step is not None)


def degrade_file(source: Path, target: Path, plan: Sequence[Damage], *, depth: Depth = "same") -> DamagedFile:
    """Damage a picture as a plan says, and write it.

    Grey stays grey. Transparency, colour profile and EXIF are kept; transparency only where the size stays. Where
    pixels are lost, a mask is written beside the result.

    Args:
        source: A picture.
        target: Where the result goes; its folder exists.
        plan: From ``plan_for``, or ``from_record`` of ``degradations``.
        depth: Bits of the result, or "same" as the source; "float" (TIFF) keeps what is beyond black and white.

    Raises:
        UnreadableError: The source cannot be decoded.
        UnwritableError: The result cannot be written.
        UsageError: The suffix of the target is not one that is written.
    """
    picture = decode(source)
    pixels = to_unit(picture.region(0, 0, picture.height, picture.width))
    clean = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    gray = picture.channels == 1
    degraded = perform(clean.expand(1, 3, -1, -1), [plan], gray=torch.tensor([gray]))
    result = degraded.pictures[0, : picture.channels].permute(1, 2, 0).contiguous().numpy()
    dtype = picture.dtype if depth == "same" else _DTYPES[depth]
    notes, like = _told(result, dtype), picture
    if picture.has_alpha and result.shape[:2] != (picture.height, picture.width):
        notes.append("transparency was left out: the size changed")
        like = replace(picture, alpha=None)
    stored = result if dtype == np.float32 else from_unit(result, dtype)
    notes += save(stored, target, like=like, depth=dtype)
    mask = None
    if degraded.missing is not None:
        mask = target.with_name(f"{target.stem}_mask.png")
        save((255 * degraded.missing[0, 0].numpy()).astype(np.uint8), mask)
    return DamagedFile(target, mask, degraded.plans[0], tuple(notes))


def _told(result: np.ndarray, dtype: np.dtype[Any]) -> list[str]:
    beyond = float(np.mean((result < 0) | (result > 1)))
    if dtype == np.float32 or beyond < 0.0005:
        return []
    return [f"{beyond:.1%} of the values were beyond black or white and are clipped (--depth float keeps them)"]
