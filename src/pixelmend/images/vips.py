"""libvips as this package uses it: quiet, and with its messages cut to one line."""

from __future__ import annotations

import os

# libvips tells of broken files on stderr as well as through errors; the errors are enough. It reads this
# once, at its start.
os.environ.setdefault("VIPS_WARNING", "0")
# What it decodes goes to a temporary file from this size on, in place of 100 MB: a picture of 8 megapixels.
os.environ.setdefault("VIPS_DISC_THRESHOLD", "24m")
# What it has in hand while it reads and writes grows with its threads: hundreds of rows of the picture for each.
os.environ.setdefault("VIPS_CONCURRENCY", str(min(4, os.cpu_count() or 1)))

import pyvips

__all__ = ["pyvips", "reason"]


def reason(error: pyvips.Error) -> str:
    """The telling line of a libvips error.

    libvips puts one line for each layer that an error went through; the first is pyvips' own, the next the
    cause.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)] if lines else "no reason given"
