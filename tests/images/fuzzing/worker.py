"""A process that reads damaged files, so that what kills or stops a decoder kills or stops nobody else.

As a program it takes numbers of files from its standard input, one a line, and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.images.fuzzing.mutate import damaged

if TYPE_CHECKING:
    from pixelmend.images import Picture

_ROOM = 3 * 2**30
"""Bytes of addresses that may be taken beside those at the start: far beyond what is allowed to be used."""
_WHOLE = 2**22
"""Pixels of a picture that is looked at whole; of a larger one, its corners and its middle."""
_STATUS = Path("/proc/self/status")
_PEAK = Path("/proc/self/clear_refs")


def outcome(data: bytes) -> str:
    """What comes of a file: "picture", or what an error says, without the words that depend on the file.

    Raises:
        Exception: Whatever is raised that is not Pixelmend's own.
    """
    from pixelmend.errors import PixelmendError
    from pixelmend.images import decode

    try:
        picture = decode(data)
        _look(picture)
    except PixelmendError as error:
        text = str(error)
        if "\n" in text:
            raise ValueError(f"an error of more than one line: {text!r}") from error
        kind = re.sub(r"\(.*?\)+|\d+(\.\d+)?", "…", text.partition(": ")[2] or text)
        return f"{type(error).__name__}: {kind[:70]}"
    return f"picture ({picture.format})"


def _look(picture: Picture) -> None:
    """Everything that a restoration looks at: pixels, transparency, colours, and what is carried over."""
    from pixelmend.images import encode, to_unit

    height, width = picture.height, picture.width
    if height * width <= _WHOLE:
        places = [(0, 0, height, width)]
    else:
        part = (min(64, height), min(64, width))
        tops, lefts = (0, (height - part[0]) // 2, height - part[0]), (0, (width - part[1]) // 2, width - part[1])
        places = [(top, left, *part) for top, left in zip(tops, lefts, strict=True)]
    for place in places:
        pixels = picture.region(*place)
        picture.opacity(*place)
        if picture.space is not None:
            picture.space.from_srgb(picture.space.to_srgb(to_unit(pixels)))
    if height * width <= 2**16:
        encode(pixels, ("png", "jpeg", "tiff", "webp")[width % 4], like=picture)


def main() -> None:
    """Be that process."""
    seed = int(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    outcome(damaged(seed, 0)[1])  # so that everything is loaded
    taken = _kilobytes("VmSize") * 1024
    resource.setrlimit(resource.RLIMIT_AS, (taken + _ROOM, taken + _ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps({"open files": _open_files(), "resident": _kilobytes("VmRSS")}), file=answers)
    for line in sys.stdin:
        number = int(line)
        data = damaged(seed, number)[1]
        _PEAK.write_text("5")  # the peak is counted from here
        before, start = _kilobytes("VmRSS"), time.process_time()
        try:
            kind = outcome(data)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is what is looked for)
            kind = f"RAISED {type(error).__name__}: {error}"
        told = {
            "number": number, "kind": kind, "seconds": time.process_time() - start,
            "megabytes": (_kilobytes("VmHWM") - before) / 1024,
            "open files": _open_files(), "resident": _kilobytes("VmRSS"),
        }  # fmt: skip
        print(json.dumps(told), file=answers)


def _kilobytes(what: str) -> int:
    found = re.search(rf"^{what}:\s+(\d+)", _STATUS.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


if __name__ == "__main__":
    main()
