"""libvips as this package uses it: quiet, and with its messages cut to one line."""

from __future__ import annotations

import os
from typing import Any

# libvips tells of broken files on stderr as well as through errors; the errors are enough. It reads this
# once, at its start.
os.environ.setdefault("VIPS_WARNING", "0")
# What it decodes goes to a temporary file from this size on, in place of 100 MB: a picture of 8 megapixels.
os.environ.setdefault("VIPS_DISC_THRESHOLD", "24m")
# What it has in hand while it reads and writes grows with its threads: hundreds of rows of the picture for each.
os.environ.setdefault("VIPS_CONCURRENCY", str(min(4, os.cpu_count() or 1)))

import pyvips

# pyvips passes warnings on to a logger, and says on stderr that it cannot where they quote a file that is not UTF-8.
if getattr(pyvips, "_log_handler_id", None):
    pyvips.glib_lib.g_log_remove_handler(b"VIPS", pyvips._log_handler_id)  # noqa: SLF001  (there is no other way)
    pyvips._log_handler_id = None  # noqa: SLF001  (it would be removed again at the end)

__all__ = ["nameable", "pyvips", "reason"]


def reason(error: pyvips.Error) -> str:
    """The telling line of a libvips error.

    libvips puts one line for each layer that an error went through; the first is pyvips' own, the next the
    cause.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)] if lines else "no reason given"


def nameable(image: Any) -> tuple[Any, list[str]]:
    """The same image without fields whose names are not UTF-8, which pyvips cannot take; and what is to be said of it.

    Files may hold any: names of texts in a PNG are Latin-1, by its rules.
    """
    names: list[bytes] = []
    array = pyvips.vips_lib.vips_image_get_fields(image.pointer)
    while array[len(names)] != pyvips.ffi.NULL:
        names.append(pyvips.ffi.string(array[len(names)]))
        pyvips.glib_lib.g_free(array[len(names) - 1])
    pyvips.glib_lib.g_free(array)
    odd = [name for name in names if name.decode("utf-8", "replace").encode() != name]
    if not odd:
        return image, []
    image = image.copy()
    for name in odd:
        image.remove(name)
    return image, ["what has a name that is not in UTF-8 was left out"]
