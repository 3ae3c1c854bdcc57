"""Restores a picture of a gigapixel, and measures the memory, the time and the room on the disk that it takes.

python -m benchmarks.huge                          # 32768×32768, RGB of 8 bits: 10 minutes and 20 GB of disk
python -m benchmarks.huge --side 10000 --tiled     # a smaller one, stored in tiles
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

BOUND = 1.5e9
"""Bytes of memory that a gigapixel may take."""
_EVERY = 0.5
"""Seconds between two looks at the process."""


@dataclass
class Taken:
    """What a process took.

    Attributes:
        seconds: From its start to its end.
        peak: Of resident memory, bytes: its own and that of files and libraries mapped into it.
        own: The same, without files and libraries.
        temporary: Of files without a name that it held at a time, bytes.
    """

    seconds: float = 0.0
    peak: int = 0
    own: int = 0
    temporary: int = 0


def make(path: Path, side: int, *, tiled: bool) -> None:
    """Write a TIFF with edges, texture and noise of sigma 15, strip by strip."""
    from pixelmend.images.vips import pyvips

    x, y = pyvips.Image.xyz(side, side)
    bands = []
    for a, b in ((31, 57), (43, 23), (91, 37)):
        waves = (x * (57.3 / a)).sin() * (y * (57.3 / b)).cos() * 60 + ((x / 97).floor() + (y / 61).floor()) % 2 * 30
        bands.append(waves + 113 + pyvips.Image.gaussnoise(side, side, sigma=15, mean=0))
    picture = bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")
    options = {"tile": True, "tile_width": 512, "tile_height": 512} if tiled else {}
    picture.tiffsave(str(path), bigtiff=True, **options)


def watched(command: list[str], environment: dict[str, str]) -> Taken:
    """Run a command, and look at its memory and its temporary files on the way.

    Raises:
        CalledProcessError: It failed.
    """
    taken, start = Taken(), time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    while process.poll() is None:
        _look(process.pid, taken)
        time.sleep(_EVERY)
    taken.seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return taken


def _look(process: int, taken: Taken) -> None:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        maps = Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
    except OSError:  # it has just ended
        return
    told = {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"^(\w+):\s+(\d+) kB", status, re.MULTILINE)}
    taken.peak = max(taken.peak, told.get("VmHWM", 0))
    taken.own = max(taken.own, told.get("RssAnon", 0))
    # Files that have lost their names last as long as they are mapped or open.
    sizes: dict[int, int] = {}
    for first, last, offset, inode in re.findall(
        r"^(\w+)-(\w+) \S+ (\w+) \S+ (\d+) .*\(deleted\)$", maps, re.MULTILINE
    ):
        end = int(offset, 16) + int(last, 16) - int(first, 16)
        sizes[int(inode)] = max(sizes.get(int(inode), 0), end)
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{process}/fd").iterdir():
            if "(deleted)" in str(each.readlink()):
                found = each.stat()
                sizes[found.st_ino] = max(sizes.get(found.st_ino, 0), found.st_size)
    taken.temporary = max(taken.temporary, sum(sizes.values()))


def main() -> int:
    """Make it, restore it, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=32768, help="Height and width, pixels.")
    parser.add_argument("--tiled", action="store_true", help="Store the picture in tiles.")
    parser.add_argument("--picture", type=Path, help="Restore this, and make none.")
    parser.add_argument("--folder", type=Path, help="Where to work. [default: a new one among temporary files]")
    parser.add_argument("--options", default="--size nano --engine onnxruntime", help="Of pixelmend restore.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixelmend-huge-", dir=chosen.folder) as folder:
        source, target, told = (
            chosen.picture or Path(folder) / "in.tif",
            Path(folder) / "out.tif",
            Path(folder) / "told",
        )
        if chosen.picture is None:
            make(source, chosen.side, tiled=chosen.tiled)
        command = [sys.executable, "-m", "pixelmend", "restore", str(source), "-o", str(target), "--json", str(told)]
        taken = watched([*command, *chosen.options.split()], {**os.environ, "TMPDIR": folder})
        report = json.loads(told.read_text(encoding="utf-8"))
        sizes = source.stat().st_size, target.stat().st_size
    width, height = report["width"], report["height"]
    print(f"{width}×{height}, {width * height / 1e6:.0f} megapixels, stored in {'tiles' if chosen.tiled else 'strips'}")
    print(f"restored in {report['tiles']} pieces by {report['model']}, {report['engine']}, {report['precision']}")
    print(f"time        {taken.seconds:.0f} s, of which {report['seconds']:.0f} s from the first pixel to the last")
    print(
        f"peak memory {taken.peak / 1e9:.2f} GB, of which {taken.own / 1e9:.2f} GB its own; wanted ≤ {BOUND / 1e9} GB"
    )
    print(
        f"temporary   {taken.temporary / 1e9:.1f} GB; what came in {sizes[0] / 1e9:.1f} GB, out {sizes[1] / 1e9:.1f} GB"
    )
    return 0 if taken.peak <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
