"""The report of a folder as a page: a line for each picture, failures on top, to be searched and sorted.

It is written as the run goes, so that a thousand pictures need no more memory than ten: what comes out well waits in a
temporary file until the end, since failures stand before it.
"""

from __future__ import annotations

import html
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from pixelmend.files import make_folder, replacing
from pixelmend.pages.frame import asset, closing, figure, filled, opening

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "replace"}  # names of files need not be text


@dataclass(frozen=True)
class Entry:
    """What is told of one picture.

    Attributes:
        name: Its path below the folder, as the user knows it.
        did: What was done, such as "denoise, denoise-small"; "" where nothing was.
        found: What was found, such as "500×500 colour, 8 bits (png), noise level 24.8 of 255".
        seconds: That it took; None where nothing was done.
        notes: What could not be kept, a sentence each.
        error: Why it failed; "" where it did not.
        before: Address of the crop before, relative to the page (from `save_change`); "" for none.
        after: Address of the crop after.
        output: Address of the result, relative to the page; "" for no link.
    """

    name: str
    did: str = ""
    found: str = ""
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    error: str = ""
    before: str = ""
    after: str = ""
    output: str = ""


class FolderPage:
    """Writes the page, one picture after the other; the file is there, whole, once the block ends.

    ::

        with FolderPage(path, title="Restored pictures") as page:
            page.add(Entry("a.jpg", ...))

    Args:
        path: The page; its folder is made where it is missing.
        title: Plain text.
        facts: What holds for the whole run, a sentence each.

    Raises:
        UnwritableError: The folder cannot be written to, or the disk is full.
    """

    def __init__(self, path: Path, *, title: str, facts: Sequence[str] = ()) -> None:
        self._path, self._title, self._facts = path, title, tuple(facts)
        self._counts = {"failed": 0, "noted": 0, "done": 0}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Open what is written to."""
        make_folder(self._path.parent)
        self._parts = {failed: self._open.enter_context(_spool()) for failed in (True, False)}
        return self

    def add(self, entry: Entry) -> None:
        """Tell of one more picture."""
        kind = "failed" if entry.error else "noted" if entry.notes else "done"
        self._counts[kind] += 1
        self._parts[bool(entry.error)].write(_article(entry, kind, sum(self._counts.values())))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the page together, also where the run was stopped: what was told until then is told."""
        with self._open, replacing(self._path) as beside, beside.open("w", **_TEXT) as file:
            style, script = asset("folder.css"), asset("folder.js")
            file.write(opening(self._title, style=style, script=script))
            file.write(filled(asset("folder.html"), self._head()))
            for failed in (True, False):
                self._parts[failed].seek(0)
                shutil.copyfileobj(self._parts[failed], file)
            file.write("</div>\n")
            file.write(closing(script))

    def _head(self) -> dict[str, str]:
        total = sum(self._counts.values())
        return {
            "title": html.escape(self._title),
            "facts": "".join(f"<p>{html.escape(fact)}</p>" for fact in self._facts),
            "total": str(total),
            "failed": str(self._counts["failed"]),
            "noted": str(self._counts["noted"]),
        }


def write_folder_page(path: Path, entries: Iterable[Entry], *, title: str, facts: Sequence[str] = ()) -> None:
    """The whole page from what is known of each picture, such as a manifest that is read line by line.

    Args:
        path: The page.
        entries: One for each picture, in the order of the run.
        title: Plain text.
        facts: What holds for the whole run, a sentence each.

    Raises:
        UnwritableError: The folder cannot be written to, or the disk is full.
    """
    with FolderPage(path, title=title, facts=facts) as page:
        for entry in entries:
            page.add(entry)


def _spool() -> IO[str]:
    """Text that waits; in memory while it is short."""
    return tempfile.SpooledTemporaryFile(2**20, "w+", **_TEXT)


def _address(path: str) -> str:
    """Of a file beside the page, whatever its name holds."""
    return quote(path, errors="surrogateescape")


def _article(entry: Entry, kind: str, number: int) -> str:
    name = html.escape(entry.name)
    heading = f'<a href="{_address(entry.output)}">{name}</a>' if entry.output else name
    seconds = "" if entry.seconds is None else f"{entry.seconds:.2f} s"
    lines = [
        f'<p class="error">{html.escape(entry.error)}</p>' if entry.error else "",
        f"<p>{html.escape(entry.found)}</p>" if entry.found else "",
        f"<p>{html.escape(', '.join(part for part in (entry.did, seconds) if part))}</p>",
        *(f'<p class="note">{html.escape(note)}</p>' for note in entry.notes),
    ]
    pictures = [
        figure(_address(address), word)
        for word, address in (("before", entry.before), ("after", entry.after))
        if address
    ]
    time = -1 if entry.seconds is None else entry.seconds
    return (
        f'<article class="{kind}" data-kind="{kind}" data-number="{number}" data-seconds="{time:.3f}">'
        f'<div class="words"><h3>{heading}</h3>{"".join(lines)}</div><div class="crops">{"".join(pictures)}</div>'
        "</article>\n"
    )
