"""Where pictures lie and results go: folders of this machine, and prefixes in the stores of S3 and of Google."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

from pixelmend.errors import UsageError

_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]+)://(?P<path>.*)", re.DOTALL)
_SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs"}
"""What an address may begin with, and what it is called here."""


@dataclass(frozen=True)
class Place:
    """A folder or a file, in a store.

    Attributes:
        scheme: "s3", "gs"; "" for what this machine calls its files.
        path: Bucket and key, parts joined by "/", none at its end; or an absolute path.
    """

    scheme: str
    path: str

    def __str__(self) -> str:
        """The address, as a user writes it."""
        return f"{self.scheme}://{self.path}" if self.scheme else self.path

    def __truediv__(self, name: str) -> Place:
        """What lies within; "" is the folder itself."""
        return replace(self, path=f"{self.path.rstrip('/')}/{name}") if name else self

    @property
    def bucket(self) -> str:
        """What a store of objects is divided into; "" for files."""
        return self.path.partition("/")[0] if self.scheme else ""

    @property
    def name(self) -> str:
        """The last part."""
        return self.path.rpartition("/")[2]

    @property
    def above(self) -> Place:
        """The folder that it lies in."""
        return replace(self, path=self.path.rpartition("/")[0] or "/")

    def holds(self, other: Place) -> bool:
        """Whether another place is this one, or lies within it."""
        if self.scheme != other.scheme:
            return False
        ours, theirs = (each.path if each.scheme else os.path.realpath(each.path) for each in (self, other))
        return f"{theirs.rstrip('/')}/".startswith(f"{ours.rstrip('/')}/")


def is_address(text: str) -> bool:
    """Whether a text names a place in a store, and no file of this machine."""
    return _SCHEME.fullmatch(text) is not None


def parse(text: str) -> Place:
    """The place that a user names.

    >>> parse("s3://photos/2024/")
    Place(scheme='s3', path='photos/2024')

    Args:
        text: "s3://BUCKET/PREFIX", "gs://BUCKET/PREFIX", or a path.

    Raises:
        UsageError: Another kind of store, or no bucket.
    """
    found = _SCHEME.fullmatch(text)
    if found is None:
        return Place("", os.path.abspath(text))  # noqa: PTH100  (links stay what they are)
    scheme, path = _SCHEMES.get(found["scheme"].lower()), found["path"].rstrip("/")
    if scheme is None:
        raise UsageError(f"got {text}, wanted s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or a folder")
    if not path or path.startswith("/"):
        raise UsageError(f"{text} names no bucket: give {scheme}://BUCKET/PREFIX")
    return Place(scheme, path)
