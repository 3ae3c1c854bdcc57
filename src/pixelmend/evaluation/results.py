"""What was measured, picture by picture, and the JSON file that keeps it across runs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pixelmend.errors import DataError
from pixelmend.files import write_text
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 1
_PACKAGES = ("pixelmend", "numpy", "onnxruntime", "scikit-image", "torch", "pyvips")


@dataclass(frozen=True)
class PictureScore:
    """The scores of one picture: PSNR in dB, SSIM, and the seconds that restoring it took."""

    psnr: float
    ssim: float
    seconds: float


@dataclass
class Entry:
    """One method on one set at one noise level, under one protocol.

    Attributes:
        method: The method's name, a key of ``METHODS``.
        label: How tables call it; tells two weights of one method apart.
        parameters: Learned parameters; None where there are none or where they are not known.
        weights: SHA-256 of the weights file, or "" for a method that has none.
        dataset: The set's name.
        title: The set's name as papers print it.
        sigma: Noise level on the 0–255 scale.
        protocol: How it was measured.
        threads: Processor threads that the method could use.
        device: The device it ran on.
        expected: Pictures of the whole set.
        pictures: Scores by picture name.
        failed: What went wrong, by picture name.
    """

    method: str
    label: str
    parameters: int | None
    weights: str
    dataset: str
    title: str
    sigma: float
    protocol: Protocol
    threads: int
    device: str
    expected: int
    pictures: dict[str, PictureScore] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What must agree for scores of another run to be taken over; threads too, for the seconds' sake."""
        measured = (self.method, self.weights, self.dataset, self.sigma, self.protocol.to_dict())
        identity = (*measured, self.threads, self.device)
        return json.dumps(identity, sort_keys=True)

    def mean(self, quantity: str) -> float:
        """The mean over the pictures that have a score of "psnr", "ssim" or "seconds".

        Raises:
            DataError: No picture has a score.
        """
        if not self.pictures:
            raise DataError(f"{self.label} has no score on {self.title} at sigma {self.sigma:g}: every picture failed")
        values = [float(getattr(score, quantity)) for score in self.pictures.values()]
        return sum(values) / len(values)

    def to_dict(self) -> dict[str, Any]:
        """Everything, with the means, ready for JSON."""
        fields = asdict(self)
        means = {q: self.mean(q) for q in ("psnr", "ssim", "seconds")} if self.pictures else None
        return {**fields, "count": len(self.pictures), "mean": means}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Entry:
        """The inverse of ``to_dict``."""
        fields = {name: value for name, value in stored.items() if name not in ("count", "mean")}
        fields["protocol"] = Protocol(**fields["protocol"])
        fields["pictures"] = {name: PictureScore(**score) for name, score in fields["pictures"].items()}
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
        return entry

    def save(self) -> None:
        """Write the file at once or not at all.

        Raises:
            UnwritableError: The folder cannot be written to, or the disk is full; an older file is untouched.
        """
        content = {
            "format": _FORMAT,
            "versions": versions(),
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "entries": [entry.to_dict() for entry in self.entries.values()],
        }
        write_text(self.path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _foreign(path: Path, finding: str) -> DataError:
    return DataError(
        f"{path} does not hold results of this version ({finding}): move it away, or choose another folder"
    )


def versions() -> dict[str, str]:
    """Versions of what a number depends on; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
