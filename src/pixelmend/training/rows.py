"""Rows of named numbers in a CSV file that grows while a run lasts, and that a kill at any moment leaves readable."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from pixelmend.errors import DataError, UnwritableError, UsageError
from pixelmend.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FIRST = ("step", "mpx", "minutes")
"""The columns that every file begins with: optimizer steps done, megapixels of crops seen, minutes of training."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class Rows:
    """One CSV file: a header, then a line for each row, stored the moment it is appended.

    The first row decides the columns. A later row that brings a new name gives the file a column more, empty in the
    rows before; a name that a row lacks is an empty cell. Numbers are kept to eight digits; "nan" and "inf" are
    written as such. A last line that a kill cut short is taken away when the file is opened.

    Args:
        path: The file; it and its folder are made by the first row.

    Raises:
        DataError: There is a file, and it is none of ours.
        UnwritableError: A line that was cut short cannot be taken away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: list[str] = []
        if not path.exists():
            return
        text = _read(path)
        lines = _whole_lines(text)
        if text and not text.endswith("\n"):
            write_text(path, "".join(f"{line}\n" for line in lines))
        if lines:
            self._columns = _header(lines[0], path)

    def append(self, step: int, mpx: float, minutes: float, values: Mapping[str, float]) -> None:
        """Store one row.

        Raises:
            UsageError: A name that is no word, or that of one of the first columns.
            UnwritableError: The disk is full or the place cannot be written to; the rows before are unchanged.
        """
        for name in values:
            if name in FIRST or not _NAME.fullmatch(name):
                raise UsageError(
                    f"got {name!r} as the name of a value, wanted letters, digits, '_', '.' or '-', and none of "
                    f"{', '.join(FIRST)}: choose another name"
                )
        row = dict(zip(FIRST, (str(int(step)), _cell(mpx), _cell(minutes)), strict=True))
        row |= {name: _cell(value) for name, value in values.items()}
        new = [name for name in row if name not in self._columns]
        columns = self._columns + new
        line = ",".join(row.get(name, "") for name in columns)
        if not new:
            self._add(line)
            return
        old = _whole_lines(_read(self.path))[1:] if self._columns else []
        lines = [",".join(columns), *(each + "," * len(new) for each in old), line]
        write_text(self.path, "".join(f"{each}\n" for each in lines))
        self._columns = columns

    def rewind(self, step: int) -> None:
        """Drop the rows after ``step``.

        Raises:
            DataError: A line does not begin with a whole number.
            UnwritableError: The shortened file cannot be written; the old one is unchanged.
        """
        if not self._columns:
            return
        header, *lines = _whole_lines(_read(self.path))
        kept = [each for number, each in enumerate(lines, 2) if _step_of(each, self.path, number) <= step]
        if len(kept) < len(lines):
            write_text(self.path, "".join(f"{each}\n" for each in (header, *kept)))

    def _add(self, line: str) -> None:
        try:
            size = self.path.stat().st_size
            try:
                with self.path.open("ab") as file:
                    file.write(f"{line}\n".encode())
            except OSError:
                # What did fit of the line must not become the beginning of the next one.
                with contextlib.suppress(OSError):
                    os.truncate(self.path, size)
                raise
        except OSError as error:
            raise UnwritableError(
                f"cannot write {self.path}: {error.strerror}; make space or mend the folder, then go on with --resume"
            ) from error


def read_rows(path: Path) -> list[dict[str, float]]:
    """The rows of a file that ``Rows`` wrote, also while it is being written to: a half line at the end is left out.

    Returns:
        For each row its numbers by name, with "step", "mpx" and "minutes"; what was an empty cell is absent.

    Raises:
        DataError: The file is missing, or a line of it is not one of ours.
    """
    lines = _whole_lines(_read(path))
    if not lines:
        return []
    names = _header(lines[0], path)
    return [_parsed(line, names, path, number) for number, line in enumerate(lines[1:], 2)]


def _parsed(line: str, names: list[str], path: Path, number: int) -> dict[str, float]:
    cells = line.split(",")
    try:
        return {name: float(cell) for name, cell in zip(names, cells, strict=True) if cell}
    except ValueError:
        raise DataError(
            f"{path}, line {number}: got {line[:60]!r}, wanted {len(names)} cells, each a number or empty: remove it"
        ) from None


def _step_of(line: str, path: Path, number: int) -> int:
    try:
        return int(line.partition(",")[0])
    except ValueError:
        raise DataError(
            f"{path}, line {number}: got {line[:60]!r}, wanted a line that begins with a step: remove the line"
        ) from None


def _header(line: str, path: Path) -> list[str]:
    names = line.split(",")
    if tuple(names[: len(FIRST)]) != FIRST:
        raise DataError(f"{path} begins with {line[:60]!r}, wanted {','.join(FIRST)}: move the file away")
    return names


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name the folder of a run") from error


def _whole_lines(text: str) -> list[str]:
    """The lines that came to their end."""
    return text.split("\n")[:-1]


def _cell(value: float) -> str:
    return f"{float(value):.8g}"
