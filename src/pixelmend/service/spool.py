"""The folder where bodies and results lie while a server runs; it goes with the server, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "pixelmend-serve-"
"""How such folders are called, in the folder for temporary files."""


@contextlib.contextmanager
def spool_folder() -> Iterator[Path]:
    """A folder of the server's own, that only its user can look into. What killed servers left is removed as well."""
    _clear(Path(tempfile.gettempdir()))
    folder, lock = _make()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


if sys.platform == "win32":

    def _make() -> tuple[Path, int]:
        return Path(tempfile.mkdtemp(prefix=PREFIX)), -1

    def _clear(_place: Path) -> None:
        """Folders cannot be locked here: what a killed server leaves stays until the system clears its folder."""
else:
    import fcntl

    def _make() -> tuple[Path, int]:
        """A folder that is locked for as long as its server lives."""
        while True:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, lock
            os.close(lock)  # another server, which was just beginning, took it for one that was left

    def _clear(place: Path) -> None:
        """Remove the folders of this user whose servers are gone."""
        for folder in place.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):  # it is another user's, or its server lives, or removes it just now
                lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
                try:
                    if os.fstat(lock).st_uid == os.getuid():
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(lock)
