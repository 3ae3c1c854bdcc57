"""What was measured, picture by picture, and the JSON file that keeps it across runs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pixelmend.errors import DataError
from pixelmend.evaluation.scores import PictureScore
from pixelmend.files import write_text
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FORMAT = 2
_PACKAGES = (
    "pixelmend", "numpy", "onnxruntime", "scikit-image", "scikit-learn", "torch", "pyvips", "lpips", "bm3d", "deepinv",
    "spandrel",
)  # fmt: skip


@dataclass
class Entry:
    """One method on one set under one case of damage and one protocol.

    Attributes:
        method: The method's name, a key of ``METHODS``.
        label: How tables call it; tells two weights of one method apart.
        note: What a reader of its numbers must know; "" for nothing.
        parameters: Learned parameters; None where there are none or where they are not known.
        weights: SHA-256 of the weights file, or "" for a method that has none.
        dataset: The set's name.
        title: The set's name as papers print it.
        task: What was to be done.
        case: The damage and its strength, as tables call it ("σ 25").
        protocol: How it was measured.
        threads: Processor threads that the method could use.
        device: The device it ran on.
        machine: The machine in words.
        versions: Of what a number depends on.
        expected: Pictures of the whole set.
        pictures: Scores by picture name.
        failed: What went wrong, by picture name.
    """

    method: str
    label: str
    note: str
    parameters: int | None
    weights: str
    dataset: str
    title: str
    task: str
    case: str
    protocol: Protocol
    threads: int
    device: str
    machine: str
    versions: dict[str, str]
    expected: int
    pictures: dict[str, PictureScore] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What must agree for scores of another run to be taken over; the machine too, for the seconds' sake."""
        measured = (self.method, self.weights, self.note, self.dataset, self.task, self.case, self.protocol.to_dict())
        return json.dumps((*measured, self.threads, self.device, self.machine, self.versions), sort_keys=True)

    def values(self, quantity: str) -> dict[str, float]:
        """A quantity of ``PictureScore`` by picture, where it was measured."""
        found = {name: getattr(score, quantity) for name, score in sorted(self.pictures.items())}
        return {name: float(value) for name, value in found.items() if value is not None}

    def mean(self, quantity: str) -> float | None:
        """The mean over the pictures that have it; None where none has."""
        values = list(self.values(quantity).values())
        return sum(values) / len(values) if values else None

    def narrowed(self, names: Iterable[str]) -> Entry:
        """The same entry with the named pictures only, in order of their names."""
        wanted = set(names)
        fields = {**vars(self)}
        fields["pictures"] = {n: score for n, score in sorted(self.pictures.items()) if n in wanted}
        fields["failed"] = {n: error for n, error in sorted(self.failed.items()) if n in wanted}
        return Entry(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        pictures = {name: score.to_dict() for name, score in self.pictures.items()}
        return {**asdict(self), "pictures": pictures}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Entry:
        """The inverse of ``to_dict``."""
        fields = {**stored}
        fields["protocol"] = Protocol(**fields["protocol"])
        fields["pictures"] = {name: PictureScore.from_dict(score) for name, score in fields["pictures"].items()}
        return cls(**fields)


class Results:
    """Entries by key, kept in one JSON file."""

    def __init__(self, path: Path) -> None:
        """Take over what the file holds already, if there is one.

        Raises:
            DataError: The file is there and is not one of ours.
        """
        self.path = path
        self.entries: dict[str, Entry] = {}
        if not path.exists():
            return
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            written = stored["format"]
            entries = [Entry.from_dict(entry) for entry in stored["entries"]] if written == _FORMAT else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _foreign(path, repr(error)) from error
        if entries is None:
            raise _foreign(path, f"format {written!r}")
        self.entries = {entry.key: entry for entry in entries}

    def entry(self, wanted: Entry) -> Entry:
        """The stored entry of the same key, under its present label, or the wanted one, now stored."""
        entry = self.entries.setdefault(wanted.key, wanted)
        entry.label, entry.parameters, entry.title = wanted.label, wanted.parameters, wanted.title
        entry.expected = wanted.expected
        return entry

    def save(self) -> None:
        """Write the file at once or not at all.

        Raises:
            UnwritableError: The folder cannot be written to, or the disk is full; an older file is untouched.
        """
        head = {"format": _FORMAT}
        text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
        entries = ",\n".join(_written(entry.to_dict()) for entry in self.entries.values())
        write_text(self.path, f'{text},\n "entries": [\n{entries}\n ]\n}}\n')


def _written(entry: dict[str, Any]) -> str:
    """One entry as JSON, a line for each picture, so that a changed score is one changed line."""
    pictures = entry.pop("pictures")
    head = json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    lines = ",\n".join(
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(score, allow_nan=False)}"
        for name, score in pictures.items()
    )
    return f'{head},\n "pictures": {{\n{lines}\n }}}}'


def machine() -> str:
    """This machine in words."""
    return f"{platform.machine()}, {os.cpu_count()} processors"


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of what a number depends on; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _foreign(path: Path, finding: str) -> DataError:
    return DataError(
        f"{path} does not hold results of this version ({finding}): move it away, or choose another folder"
    )
