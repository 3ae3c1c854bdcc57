"""The page that shows what a run over a folder did, picture by picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pixelmend.inference.auto import NOTHING
from pixelmend.inference.folders.crops import crops_of
from pixelmend.inference.folders.manifest import FAILED, KEPT
from pixelmend.inference.processes import readable
from pixelmend.pages import Entry as Row
from pixelmend.pages import write_folder_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelmend.inference.folders.manifest import Entry
    from pixelmend.inference.folders.summary import Summary

_DEPTHS = {"uint8": "8 bits", "uint16": "16 bits", "float32": "float"}


def write_page(summary: Summary, page: Path) -> None:
    """Write the page of a run that was told to store crops for it.

    Args:
        summary: Of the run.
        page: Where to; as `Way.page` named it.

    Raises:
        UnwritableError: The disk is full, or the folder cannot be written to.
    """
    facts = [line.strip() for line in summary.lines() if not line.startswith(("failed  ", "note  ", "wrote"))]
    facts += [readable(why) for why in summary.unreadable]
    write_folder_page(page, _rows(summary, page), title=f"Restored pictures in {readable(summary.out)}", facts=facts)


def _rows(summary: Summary, page: Path) -> Iterator[Row]:
    for entry in summary.entries:
        before, after = crops_of(entry.report, page)
        yield Row(
            name=readable(entry.name),
            did=_did(entry),
            found=_found(entry.report),
            seconds=entry.seconds or None,
            notes=tuple(entry.report.get("notes", ())),
            error=entry.error,
            before=before,
            after=after,
            output=_address(summary.out / entry.name, page) if entry.state != FAILED else "",
        )


def _did(entry: Entry) -> str:
    if entry.state == KEPT:
        return "was there already, and was left alone"
    if entry.state == FAILED:
        return ""
    report = entry.report
    why = f": {report['advice']}" if report.get("advice") else ""
    if report.get("model") == NOTHING:
        return str(report["advice"])
    larger = report.get("output_width", 0) != report.get("width", 0)
    size = f" to {report.get('output_width')}×{report.get('output_height')}" if larger else ""
    return f"{report.get('model', '')}{size}{why}"


def _found(report: dict[str, Any]) -> str:
    """What was found, as `pixelmend restore` says it of one picture."""
    if "width" not in report:
        return ""
    colour = "grey" if report.get("channels") == 1 else "colour"
    alpha = " with transparency" if report.get("has_alpha") else ""
    depth = _DEPTHS.get(str(report.get("depth")), "")
    level = "" if report.get("sigma") is None else f", noise level {report['sigma']:.1f} of 255"
    return f"{report['width']}×{report['height']} {colour}{alpha}, {depth} ({report.get('format')}){level}"


def _address(target: Path, page: Path) -> str:
    """Where a result is, seen from the page."""
    return os.path.relpath(target.resolve(), page.parent.resolve()).replace(os.sep, "/")
