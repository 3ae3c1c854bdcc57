"""Files in, damaged files out: what ``pixelmend degrade`` does to each picture."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from pixelmend.data.sources import find_frames, list_pictures, settle
from pixelmend.degradations import average_frames, from_record, perform, to_record
from pixelmend.errors import UnreadableError, UsageError
from pixelmend.files import write_text
from pixelmend.images import decode, from_unit, save, to_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from pixelmend.degradations import Damage, Part
    from pixelmend.images import Picture

RECORD_FORMAT = 1
Depth = Literal["same", "8", "16", "float"]
_DTYPES: dict[Depth, np.dtype[Any]] = {
    "8": np.dtype(np.uint8),
    "16": np.dtype(np.uint16),
    "float": np.dtype(np.float32),
}


@dataclass(frozen=True)
class Job:
    """One picture to make.

    Attributes:
        source: The clean picture; of a sequence its middle frame.
        target: Where the damaged one goes.
        name: Its place in its folder, without the suffix.
        frames: What is averaged first, ``source`` in the middle; none for a picture.
        sharp: Where the middle frame goes, as the clean half of a pair.
    """

    source: Path
    target: Path
    name: str
    frames: tuple[Path, ...] = ()
    sharp: Path | None = None


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


def list_jobs(source: Path, output: Path, *, suffix: str = ".png") -> list[Job]:
    """What is to be damaged, and where each result goes.

    A folder is read with its subfolders, which are made again below ``output``. For one picture ``output`` may be a
    folder too.

    Args:
        source: A picture, or a folder of them.
        output: A file, or a folder.
        suffix: Of results in a folder.

    Raises:
        UsageError: There is no such file or folder, a result would overwrite a picture, or two results each other.
        DataError: The folder holds no picture.
    """
    if not source.is_dir():
        target = output / f"{source.stem}{suffix}" if output.is_dir() else output
        if not source.is_file():
            raise UsageError(f"no picture at {source}: name a file, or a folder of pictures")
        return [Job(source, target, source.stem)]
    _check_apart(source, output)
    jobs: dict[str, Job] = {}
    for path in list_pictures([source]):
        name = path.relative_to(source).with_suffix("").as_posix()
        if name in jobs:
            raise UsageError(f"{jobs[name].source} and {path} would both become {name}{suffix}: rename one of them")
        jobs[name] = Job(path, output / f"{name}{suffix}", name)
    return list(jobs.values())


def list_sequences(source: Path, output: Path, count: int, *, skip_bad: bool, tell: Callable[[str], None]) -> list[Job]:
    """Every ``count`` consecutive frames of a folder as one blurred picture: pairs ``blur/NAME`` and ``sharp/NAME``.

    Sequences follow each other without sharing a frame. NAME is that of the middle frame.

    Args:
        source: A folder of numbered frames, with its subfolders.
        output: A folder.
        count: Frames to average, odd, at least 3.
        skip_bad: Go on without frames that belong to no whole sequence, and tell.
        tell: Takes one line.

    Raises:
        UsageError: The count is even, or ``source`` is no folder.
        DataError: The folder holds no sequence, or frames that belong to none and ``skip_bad`` is not set.
    """
    if count < 3 or count % 2 == 0:
        raise UsageError(f"got {count} frames: choose an odd number of 3 or more, so that one is in the middle")
    if not source.is_dir():
        raise UsageError(f"{source} is no folder: frames that are averaged lie in one, numbered")
    _check_apart(source, output)
    found = find_frames([source], frames=count, piece=count)
    settle(found.faults, good=len(found.items), skip_bad=skip_bad, tell=tell)
    jobs = []
    for item in found.items:
        frames = item.paths[:count]
        name = frames[count // 2].relative_to(source).with_suffix("").as_posix()
        jobs.append(
            Job(frames[count // 2], output / "blur" / f"{name}.png", name, frames, output / "sharp" / f"{name}.png")
        )
    return jobs


def _check_apart(source: Path, output: Path) -> None:
    if output.is_file():
        raise UsageError(f"{output} is a file, and {source} a folder: name a folder for the results")
    if output.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{output} lies inside {source}: choose another place, or results become inputs next time")


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


def degrade_file(job: Job, plan: Sequence[Damage], *, depth: Depth = "same") -> DamagedFile:
    """Damage a picture as a plan says, and write it.

    Grey stays grey. Transparency, colour profile and EXIF are kept; transparency only where the size stays. Where
    pixels are lost, a mask is written beside the result.

    Args:
        job: What becomes what; the folders of its results exist.
        plan: From ``plan_for``, or ``from_record`` of ``degradations``.
        depth: Bits of the result, or "same" as the source; "float" (TIFF) keeps what is beyond black and white.

    Raises:
        UnreadableError: The source cannot be decoded, or frames differ in size.
        UnwritableError: The result cannot be written.
        UsageError: The suffix of the target is not one that is written.
    """
    picture = decode(job.source)
    clean = _averaged(job) if job.frames else _tensor(picture)
    gray = torch.tensor([picture.channels == 1])
    degraded = perform(clean.expand(1, 3, -1, -1), [plan], gray=gray)
    result = degraded.pictures[0, : picture.channels].permute(1, 2, 0).contiguous().numpy()
    dtype = picture.dtype if depth == "same" else _DTYPES[depth]
    notes, like = _told(result, dtype), picture
    if picture.has_alpha and result.shape[:2] != (picture.height, picture.width):
        notes.append("transparency was left out: the size changed")
        like = replace(picture, alpha=None)
    stored = result if dtype == np.float32 else from_unit(result, dtype)
    notes += save(stored, job.target, like=like, depth=dtype)
    if job.sharp is not None:
        save(picture.region(0, 0, picture.height, picture.width), job.sharp, like=picture)
    mask = None
    if degraded.missing is not None:
        mask = job.target.with_name(f"{job.target.stem}_mask.png")
        save((255 * degraded.missing[0, 0].numpy()).astype(np.uint8), mask)
    return DamagedFile(job.target, mask, degraded.plans[0], tuple(notes))


def _tensor(picture: Picture) -> Tensor:
    pixels = to_unit(picture.region(0, 0, picture.height, picture.width))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def _averaged(job: Job) -> Tensor:
    frames = [_tensor(decode(path)) for path in job.frames]
    for path, frame in zip(job.frames, frames, strict=True):
        if frame.shape != frames[0].shape:
            got, wanted = (f"{one.shape[3]}×{one.shape[2]}" for one in (frame, frames[0]))
            raise UnreadableError(f"{path} is {got}, and the frames before it {wanted}: wanted frames of one size")
    return average_frames(torch.stack([frame.expand(1, 3, -1, -1) for frame in frames], dim=1), count=len(frames))[0]


def _told(result: np.ndarray, dtype: np.dtype[Any]) -> list[str]:
    beyond = float(np.mean((result < 0) | (result > 1)))
    if dtype == np.float32 or beyond < 0.0005:
        return []
    return [f"{beyond:.1%} of the values were beyond black or white and are clipped (--depth float keeps them)"]
