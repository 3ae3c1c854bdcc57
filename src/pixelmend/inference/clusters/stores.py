"""Stores of pictures, all alike: what lies in a folder, and bringing files to and from this machine.

Objects appear whole by themselves; files are written beside their place and renamed.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pixelmend.errors import MissingExtraError, UnreadableError
from pixelmend.files import make_folder, replacing
from pixelmend.inference.clusters.troubles import told_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow.fs import FileInfo, FileSystem  # type: ignore[import-untyped]

    from pixelmend.inference.clusters.places import Place

_PIECE = 2**23
"""Bytes that are read from a store at a time."""


@dataclass(frozen=True)
class Leaf:
    """What lies in a folder.

    Attributes:
        name: Its own.
        is_folder: Whether more lies in it.
        size: Bytes; 0 for folders.
        mtime_ns: When it was changed, nanoseconds; stores of objects tell it to the second.
    """

    name: str
    is_folder: bool = False
    size: int = 0
    mtime_ns: int = 0


class View(Protocol):
    """What lies in folders."""

    def entries(self, folder: Place) -> list[Leaf]:
        """What lies directly in a folder, by name; nothing where there is none.

        Raises:
            PixelmendError: It cannot be looked into.
        """


class Store(Protocol):
    """Where things lie under places; every method may be called from several threads.

    Attributes:
        divides: Whether folders can be told without going through all that lies in them, and are never links, so that
            several may go through them side by side.
    """

    divides: bool

    def entries(self, folder: Place) -> list[Leaf]:
        """As `View`; a store that does not divide tells of files alone."""

    def view(self, root: Place) -> View:
        """What tells of all folders from a place downwards.

        Raises:
            PixelmendError: It cannot be looked into.
        """

    def look(self, place: Place) -> Leaf | None:
        """What lies at a place; None where nothing does.

        Raises:
            PixelmendError: It cannot be told.
        """

    def identity(self, folder: Place) -> object:
        """What is the same for two names of one folder.

        Raises:
            PixelmendError: It is gone.
        """

    def lend(self, place: Place, spool: Path) -> Path:
        """A file of this machine that holds what lies at a place: the file itself, or a copy at `spool`.

        Raises:
            PixelmendError: It cannot be read.
        """

    def target(self, place: Place, spool: Path) -> Path:
        """Where a result is to be written, before it is handed to `keep`: its place itself, or `spool`."""

    def keep(self, written: Path, place: Place) -> None:
        """Have what was written to `target` at its place, whole.

        Raises:
            PixelmendError: It cannot be stored.
        """

    def read(self, place: Place) -> bytes | None:
        """What lies at a place; None where nothing does.

        Raises:
            PixelmendError: It cannot be read.
        """

    def write(self, place: Place, data: bytes) -> None:
        """Store bytes at a place, whole.

        Raises:
            PixelmendError: They cannot be stored.
        """


class Files:
    """The files of this machine, or those that all machines of a cluster see alike."""

    divides = False

    def view(self, root: Place) -> View:  # noqa: ARG002  (of a protocol)
        """See `Store`."""
        return self

    def entries(self, folder: Place) -> list[Leaf]:
        """See `Store`."""
        try:
            with os.scandir(folder.path) as found:
                return sorted((_leaf(each) for each in found), key=lambda leaf: os.fsencode(leaf.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnreadableError(f"cannot look into {folder}: {error.strerror}") from error

    def look(self, place: Place) -> Leaf | None:
        """See `Store`."""
        path = Path(place.path)
        try:
            stat = path.stat()
        except OSError:
            return Leaf(place.name) if path.is_symlink() else None
        return Leaf(place.name, path.is_dir(), stat.st_size, stat.st_mtime_ns)

    def identity(self, folder: Place) -> object:
        """See `Store`."""
        try:
            stat = Path(folder.path).stat()
        except OSError as error:
            raise UnreadableError(f"cannot look into {folder}: {error.strerror}") from error
        return stat.st_dev, stat.st_ino

    def lend(self, place: Place, spool: Path) -> Path:  # noqa: ARG002  (of a protocol)
        """See `Store`."""
        return Path(place.path)

    def target(self, place: Place, spool: Path) -> Path:  # noqa: ARG002  (of a protocol)
        """See `Store`."""
        return Path(place.path)

    def keep(self, written: Path, place: Place) -> None:
        """See `Store`: it was written there."""

    def read(self, place: Place) -> bytes | None:
        """See `Store`."""
        try:
            return Path(place.path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreadableError(f"cannot read {place}: {error.strerror}") from error

    def write(self, place: Place, data: bytes) -> None:
        """See `Store`."""
        path = Path(place.path)
        make_folder(path.parent)
        with replacing(path) as beside:
            beside.write_bytes(data)


def _leaf(entry: os.DirEntry[str]) -> Leaf:
    try:
        if entry.is_dir():
            return Leaf(entry.name, is_folder=True)
        stat = entry.stat()
    except OSError:  # a link to nothing, which fails under its name
        return Leaf(entry.name)
    return Leaf(entry.name, size=stat.st_size, mtime_ns=stat.st_mtime_ns)


class Objects:
    """A bucket of S3, of what speaks like S3, or of Google.

    Args:
        system: What speaks to it.
        divides: See `Store`. Google's tells of a folder only where somebody made an object of its name.
    """

    def __init__(self, system: FileSystem, *, divides: bool) -> None:
        self._system, self.divides = system, divides

    def view(self, root: Place) -> View:
        """See `Store`."""
        return self if self.divides else _Listed(self._infos(root, recursive=True))

    def entries(self, folder: Place) -> list[Leaf]:
        """See `Store`."""
        return sorted((_told(each) for each in self._infos(folder)), key=lambda leaf: leaf.name)

    def look(self, place: Place) -> Leaf | None:
        """See `Store`."""
        with _asking(place, "look into"):
            found = self._system.get_file_info(place.path)
        return None if found.type.name == "NotFound" else _told(found)

    def identity(self, folder: Place) -> object:
        """See `Store`: each has one name."""
        return folder.path

    def lend(self, place: Place, spool: Path) -> Path:
        """See `Store`."""
        with _asking(place, "read"), self._system.open_input_stream(place.path) as stream, spool.open("wb") as file:
            shutil.copyfileobj(stream, file, _PIECE)
        return spool

    def target(self, place: Place, spool: Path) -> Path:  # noqa: ARG002  (of a protocol)
        """See `Store`."""
        return spool

    def keep(self, written: Path, place: Place) -> None:
        """See `Store`."""
        with _asking(place, "write"), written.open("rb") as file, self._system.open_output_stream(place.path) as stream:
            shutil.copyfileobj(file, stream, _PIECE)

    def read(self, place: Place) -> bytes | None:
        """See `Store`."""
        with _asking(place, "read"):
            try:
                with self._system.open_input_stream(place.path) as stream:
                    data: bytes = stream.read()
            except FileNotFoundError:
                return None
        return data

    def write(self, place: Place, data: bytes) -> None:
        """See `Store`."""
        with _asking(place, "write"), self._system.open_output_stream(place.path) as stream:
            stream.write(data)

    def _infos(self, folder: Place, *, recursive: bool = False) -> list[FileInfo]:
        from pyarrow.fs import FileSelector

        with _asking(folder, "look into"):
            return list(self._system.get_file_info(FileSelector(folder.path, True, recursive)))


@contextmanager
def _asking(place: Place, doing: str) -> Iterator[None]:
    """What a store says where it refuses becomes an error of ours; not all of it is an `OSError`."""
    from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

    try:
        yield
    except (OSError, ArrowException) as error:
        raise told_of(error, place, doing) from None


def _told(info: FileInfo) -> Leaf:
    if info.type.name == "Directory":
        return Leaf(info.base_name, is_folder=True)
    return Leaf(info.base_name, size=info.size, mtime_ns=info.mtime_ns or 0)


class _Listed:
    """What lies in folders, by a list of all files below one."""

    def __init__(self, infos: list[FileInfo]) -> None:
        self._folders: dict[str, dict[str, Leaf]] = defaultdict(dict)
        for info in infos:
            leaf, path = _told(info), info.path
            while leaf.name not in self._folders[above := path.rpartition("/")[0]]:
                self._folders[above][leaf.name] = leaf
                if "/" not in above:  # the bucket
                    break
                path, leaf = above, Leaf(above.rpartition("/")[2], is_folder=True)

    def entries(self, folder: Place) -> list[Leaf]:
        """See `View`."""
        return sorted(self._folders.get(folder.path, {}).values(), key=lambda leaf: leaf.name)


def store_of(place: Place) -> Store:
    """The store that a place is in.

    Raises:
        MissingExtraError: What speaks to it is not installed.
        PixelmendError: It cannot be reached.
    """
    return _store(place.scheme, place.bucket)


@lru_cache(maxsize=64)
def _store(scheme: str, bucket: str) -> Store:
    if not scheme:
        return Files()
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: F401  (whether it is there)
    except ImportError:
        raise MissingExtraError("pyarrow", "ray") from None
    return Objects(_s3(bucket), divides=True) if scheme == "s3" else Objects(_google(), divides=False)


def _s3(bucket: str) -> FileSystem:
    """Amazon's S3, or what AWS_ENDPOINT_URL names; credentials are found as all of Amazon's programs find them."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
    if endpoint is None and region is None:
        try:
            region = resolve_s3_region(bucket)
        except OSError:  # the first thing that is asked of the bucket tells what is wrong
            region = None
    scheme, _, host = endpoint.rpartition("://") if endpoint else ("", "", None)
    return S3FileSystem(
        region=region,
        scheme=scheme or "https",
        endpoint_override=host,
        anonymous=_is_yes("AWS_NO_SIGN_REQUEST"),
        connect_timeout=10,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=5),
        allow_delayed_open=True,  # small objects are written by one request, not by three
        background_writes=False,
    )


def _google() -> FileSystem:
    """Google's, or the emulator that STORAGE_EMULATOR_HOST names."""
    from datetime import timedelta

    from pyarrow.fs import GcsFileSystem

    scheme, _, host = os.environ.get("STORAGE_EMULATOR_HOST", "").rpartition("://")
    return GcsFileSystem(
        anonymous=bool(host) or _is_yes("GS_NO_SIGN_REQUEST"),
        scheme=(scheme or "http") if host else None,
        endpoint_override=host or None,
        retry_time_limit=timedelta(seconds=30),
    )


def _is_yes(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in {"yes", "true", "1", "on"}
