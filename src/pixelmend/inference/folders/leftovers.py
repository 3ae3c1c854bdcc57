"""What a run that was killed leaves behind: results that were half written."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_PART = re.compile(r"\.(?P<stem>.*)\.[0-9a-f]{12}\.part", re.DOTALL)
"""How `pixelmend.files.create_beside` calls what is not yet whole."""
_STEM = 100


def clear(targets: Iterable[Path]) -> None:
    """Delete the halves of some files, which nobody writes any more; those of others stay."""
    stems: dict[Path, set[str]] = defaultdict(set)
    for target in targets:
        stems[target.parent].add(target.stem[:_STEM])
    for folder, known in stems.items():
        _clear(folder, lambda stem, known=known: stem in known)  # type: ignore[misc]


def clear_folder(folder: Path) -> None:
    """Delete the halves of all files in a folder of our own."""
    _clear(folder, lambda _stem: True)


def _clear(folder: Path, is_ours: Callable[[str], bool]) -> None:
    with contextlib.suppress(OSError):  # no such folder, or none of ours: a half file harms nobody
        for path in list(folder.iterdir()):
            if (part := _PART.fullmatch(path.name)) and is_ours(part["stem"]):
                path.unlink()
