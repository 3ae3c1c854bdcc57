"""The published sets that methods are measured on: which they are, where they lie, and their pictures.

What a set is and how it unpacks stands in ``published``; here one is found by name among the folders of a root, and
refused where its scores would not be comparable.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.data.layouts import plain, recognise
from pixelmend.data.published import LAYOUTS
from pixelmend.errors import DataError, PictureError, UnknownNameError, UnreadableError, UsageError
from pixelmend.images import read_float

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

    from pixelmend.data.layouts import Color, Found, Item, Layout

    Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pair:
    """One damaged picture with what it should have been.

    Attributes:
        degraded: float32 (H, W, 3), or (H, W) for a gray set, in [0, 1] as far as the file's format goes.
        clean: The same, ``scale`` times as high and wide in super-resolution.
        kernel: The blur kernel, float32 (k, k), sums to 1; None where the set has none.
    """

    degraded: Pixels
    clean: Pixels
    kernel: Pixels | None


@dataclass(frozen=True)
class Benchmark:
    """A set as it lies on this disk.

    Attributes:
        name: Its name here, a key of ``published.LAYOUTS``.
        title: The name as papers print it.
        color: "rgb" or "gray".
        expected: Clean pictures in the whole set (of the split that was taken); ``paths`` may hold fewer, and a table
            says so.
        paths: The clean pictures, in order of their names.
        checksum: SHA-256 over the names and the decoded pixels of all pictures found.
        items: Every pair, where the set has damaged pictures; else one item for each picture.
    """

    name: str
    title: str
    color: Color
    expected: int
    paths: tuple[Path, ...]
    checksum: str
    items: tuple[Item, ...] = ()

    def load(self, path: Path) -> Pixels:
        """One clean picture: float32 (H, W, 3), or (H, W) for a gray set, in [0, 1].

        Raises:
            UnreadableError: The file cannot be decoded.
        """
        if path.suffix.lower() == ".mat":
            return _read_mat(path).clean
        return read_float(path, color=self.color)

    def load_pair(self, item: Item) -> Pair:
        """One pair, with the kernel where the set has kernels.

        Args:
            item: One of ``items``.

        Raises:
            DataError: The item has no damaged half.
            UnreadableError: A file cannot be decoded.
        """
        if item.degraded is None or item.clean is None:
            raise DataError(f"{self.title} has no damaged picture for {item.stem}: damage the clean one instead")
        if item.degraded.suffix.lower() == ".mat":
            return _read_mat(item.degraded)
        kernel = None if item.kernel is None else _to_kernel(read_float(item.kernel, color="gray"), item.kernel)
        return Pair(read_float(item.degraded, color=self.color), read_float(item.clean, color=self.color), kernel)


def find_benchmark(root: Path, name: str, *, split: str | None = None, variant: str | None = None) -> Benchmark:
    """Find a set among the folders of ``root``.

    Capitals, hyphens, underscores and spaces of the folder's name do not matter, nor does the files' format.
    A part of the set is taken as it is: compare ``len(paths)`` with ``expected``.

    Args:
        root: The folder that holds one folder for each set.
        name: A key of ``published.LAYOUTS``, in any capitals.
        split: "train", "val" or "test"; None takes test, else val, else all there is.
        variant: Which damage ("bicubic/x4"); None takes the set's usual one.

    Raises:
        UnknownNameError: There is no such set, split or variant.
        DataError: The folder is absent or ambiguous, holds no picture, two of one name, one that is none of the
            set's, or more than the set has.
    """
    key = plain(name)
    if key not in LAYOUTS:
        raise UnknownNameError("data set", name, LAYOUTS)
    layout = LAYOUTS[key]
    folder = _folder(root, layout)
    try:
        found = recognise(folder, name=key)
    except DataError as error:
        if "holds no picture" in str(error):
            raise DataError(f"{folder} holds no picture: expected the {layout.count} of {layout.title}") from None
        raise
    items, expected = _choose(found, layout, split, variant)
    _refuse_strangers(found, items, expected)
    paths = tuple(dict.fromkeys(item.clean for item in items if item.clean is not None))
    damaged = (path for item in items for path in (item.degraded, item.kernel) if path is not None)
    checksum = checksum_of(dict.fromkeys((*paths, *damaged)), layout.color)
    return Benchmark(key, layout.title, layout.color, expected, paths, checksum, items)


def _folder(root: Path, layout: Layout) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give the folder that holds {layout.name}/ and the like")
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
    names = {layout.name, *layout.folders}
    matching = [folder for folder in folders if plain(folder.name) in names]
    if not matching:
        found = ", ".join(folder.name for folder in folders[:8]) or "no folders"
        raise DataError(f"{root} holds no folder {layout.name} (found {found}): put the set's pictures there")
    if len(matching) > 1:
        listed = " and ".join(folder.name for folder in matching)
        raise DataError(f"{root} holds {listed}, which are one set: keep one of them")
    return matching[0]


def _choose(found: Found, layout: Layout, split: str | None, variant: str | None) -> tuple[tuple[Item, ...], int]:
    """The items of one split and one kind of damage, and how many clean pictures they should be."""
    splits = set(found.splits)
    if split is not None and split not in splits:
        raise UnknownNameError(f"split of {layout.title}", split, splits)
    taken = split if split is not None else next((each for each in ("test", "val") if each in splits), None)
    items = tuple(item for item in found.items if taken is None or item.split == taken)
    variants = {item.variant for item in items if item.degraded}
    wanted = variant if variant is not None else next((v for v in (layout.variant, "") if v in variants), None)
    if variant is not None and variant not in variants:
        raise UnknownNameError(f"kind of damage of {layout.title}", variant, variants)
    if variants and wanted is not None:
        items = tuple(item for item in items if item.variant == wanted and item.degraded)
    elif variants:
        items = tuple(item for item in items if item.degraded)
    expected = layout.counts.get(taken, layout.count) if taken else layout.count
    return items, expected


def _refuse_strangers(found: Found, items: Iterable[Item], expected: int) -> None:
    """A score over other pictures than the set's would carry the set's name."""
    if found.extra:
        raise DataError(
            f"{found.folder} holds {found.extra[0].name}, none of {found.title}: move away what is not the set's"
        )
    names: dict[tuple[str, str], Path] = {}
    for item in items:
        path = item.degraded or item.clean
        if path is None:
            continue
        other = names.setdefault((item.stem, item.variant), path)
        if other != path:
            raise DataError(f"{found.folder} holds {other.name} and {path.name}: keep one copy of each picture")
    count = len({stem for stem, _ in names})
    if expected and count > expected:
        raise DataError(f"{found.folder} holds {count} pictures: {found.title} has {expected}")


def _read_mat(path: Path) -> Pair:
    """Levin's files: x is the clean picture, y the blurred one, f the kernel; all on the [0, 1] scale.

    Raises:
        UnreadableError: It is no MATLAB file (version 7 or older), or lacks one of the three.
    """
    from scipy.io import loadmat

    try:
        held = loadmat(path)
        clean, degraded, kernel = (np.asarray(held[name], dtype=np.float32) for name in ("x", "y", "f"))
    # scipy raises whatever its parser met: any of them means that the file is not what it should be.
    except Exception as error:  # noqa: BLE001
        raise UnreadableError(
            f"cannot read {path}: wanted a MATLAB file with x, y and f ({error!r}): download it again"
        ) from None
    return Pair(degraded, clean, _to_kernel(kernel, path))


def _to_kernel(kernel: Pixels, path: Path) -> Pixels:
    total = float(kernel.sum())
    if not total > 0:
        raise UnreadableError(
            f"cannot read {path}: the kernel sums to {total:g}, wanted more than 0: download it again"
        )
    return kernel / np.float32(total)


def checksum_of(paths: Iterable[Path], color: Color) -> str:
    """Hash names and pixels, so that lossless copies in other formats agree and any changed pixel shows."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.stem}\n".encode())
        try:
            picture = read_float(path, color=color)
        except (PictureError, UsageError):
            # A broken file is reported where it is measured; here it only has to make a difference.
            with contextlib.suppress(OSError):
                digest.update(path.read_bytes())
            continue
        digest.update(f"{picture.shape}\n".encode())
        # 16-bit integers hold every published pixel, and hide how a decoder divides by 255.
        digest.update(np.round(picture * 65535.0).astype("<u2").tobytes())
    return digest.hexdigest()
