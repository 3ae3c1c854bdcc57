"""The published sets of clean pictures that denoising is measured on: which they are, and where they lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pixelmend.errors import DataError, PictureError, UnknownNameError
from pixelmend.images import read_float

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})


@dataclass(frozen=True)
class BenchmarkSpec:
    """What is known of a set before any file is seen.

    Attributes:
        title: The name as papers print it.
        color: "rgb" or "gray".
        count: Pictures in the whole set.
    """

    title: str
    color: Literal["rgb", "gray"]
    count: int


# BSD68: D. Martin, C. Fowlkes, D. Tal and J. Malik (ICCV 2001), the 68 pictures that S. Roth and M. Black
# chose (CVPR 2005), as gray and as colour. Kodak24: Kodak's photographs in the 500×500 form that FFDNet and
# later work print numbers for.
BENCHMARKS = {
    "bsd68": BenchmarkSpec("BSD68", "gray", 68),
    "cbsd68": BenchmarkSpec("CBSD68", "rgb", 68),
    "kodak24": BenchmarkSpec("Kodak24", "rgb", 24),
}


@dataclass(frozen=True)
class Benchmark:
    """A set as it lies on this disk.

    Attributes:
        name: Its name here, a key of ``BENCHMARKS``.
        title: The name as papers print it.
        color: "rgb" or "gray".
        expected: Pictures in the whole set; ``paths`` may hold fewer, and a table says so.
        paths: The pictures, sorted by file name; a picture's name is its file's stem.
        checksum: SHA-256 over the names and the decoded pixels of all pictures found.
    """

    name: str
    title: str
    color: Literal["rgb", "gray"]
    expected: int
    paths: tuple[Path, ...]
    checksum: str

    def load(self, path: Path) -> npt.NDArray[np.float32]:
        """One clean picture: float32 (H, W, 3), or (H, W) for a gray set, in [0, 1].

        Raises:
            UnreadableError: The file cannot be decoded.
        """
        return read_float(path, color=self.color)


def find_benchmark(root: Path, name: str) -> Benchmark:
    """Find a set among the folders of ``root``.

    Capitals, hyphens, underscores and spaces of the folder's name do not matter, nor does the files' format.
    A part of the set is taken as it is: compare ``len(paths)`` with ``expected``.

    Args:
        root: The folder that holds one folder for each set.
        name: A key of ``BENCHMARKS``, in any capitals.

    Raises:
        UnknownNameError: There is no such set.
        DataError: The folder is absent or ambiguous, holds no picture, two of one name, or more than
            the set has.
    """
    key = _plain(name)
    if key not in BENCHMARKS:
        raise UnknownNameError("data set", name, BENCHMARKS)
    spec = BENCHMARKS[key]
    paths = _pictures(_folder(root, key), spec)
    checksum = _checksum(paths, spec.color)
    return Benchmark(key, spec.title, spec.color, spec.count, paths, checksum)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _folder(root: Path, key: str) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give the folder that holds {key}/ and the like")
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
    matching = [folder for folder in folders if _plain(folder.name) == key]
    if not matching:
        found = ", ".join(folder.name for folder in folders[:8]) or "no folders"
        raise DataError(f"{root} holds no folder {key} (found {found}): put the set's pictures there")
    if len(matching) > 1:
        names = " and ".join(folder.name for folder in matching)
        raise DataError(f"{root} holds {names}, which are one set: keep one of them")
    return matching[0]


def _pictures(folder: Path, spec: BenchmarkSpec) -> tuple[Path, ...]:
    paths = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()),
        key=lambda path: path.name,
    )
    if not paths:
        raise DataError(f"{folder} holds no picture: expected the {spec.count} of {spec.title}")
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise DataError(f"{folder} holds {seen[path.stem].name} and {path.name}: keep one copy of each picture")
        seen[path.stem] = path
    if len(paths) > spec.count:
        raise DataError(f"{folder} holds {len(paths)} pictures: {spec.title} has {spec.count}")
    return tuple(paths)


def _checksum(paths: Iterable[Path], color: Literal["rgb", "gray"]) -> str:
    """Hash names and pixels, so that lossless copies in other formats agree and any changed pixel shows."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.stem}\n".encode())
        try:
            picture = read_float(path, color=color)
        except PictureError:
            # A broken file is reported where it is measured; here it only has to make a difference.
            digest.update(path.read_bytes())
            continue
        digest.update(f"{picture.shape}\n".encode())
        # 16-bit integers hold every published pixel, and hide how a decoder divides by 255.
        digest.update(np.round(picture * 65535.0).astype("<u2").tobytes())
    return digest.hexdigest()
