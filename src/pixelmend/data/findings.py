"""What the facts of a folder's files add up to: problems, which should be mended, and notes, which should be known."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.data.layouts import frame_folders
from pixelmend.data.overlap import WHOLE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pixelmend.data.check import Facts
    from pixelmend.data.layouts import Found, Item

ALL_SYMMETRIES_UP_TO = 20_000
"""Pictures among which turned look-alikes are sought too; among more, only those that stand alike."""
MOST_LOOK_ALIKES = 10_000
_BLOCK = 256


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found, and where.

    Attributes:
        kind: A word for programs: "broken", "missing", "partner", "pair-size", "frame-size", "small", "duplicate",
            "overlap", "shared", "extra", "look-alike".
        title: What it is, for readers; the count stands behind it.
        names: Every place, one line each.
    """

    kind: str
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All that is said about a folder.

    Attributes:
        found: What the folder is.
        files: Pictures and other files of the set that were opened.
        own_set: The benchmark that the folder itself is, or None.
        sizes: Width and height of every picture that could be decoded, smallest area first.
        megapixels: Of all of them.
        formats: How many of each file format, most frequent first.
        depths: The same of bit depths.
        colors: The same of grey and colour.
        problems: What should be mended.
        notes: What should be known.
    """

    found: Found
    files: int
    own_set: str | None
    sizes: tuple[tuple[int, int], ...]
    megapixels: float
    formats: Mapping[str, int]
    depths: Mapping[str, int]
    colors: Mapping[str, int]
    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def median_size(self) -> tuple[float, float]:
        """Median width and median height, pixels; (0, 0) where nothing could be decoded."""
        if not self.sizes:
            return 0.0, 0.0
        return median(width for width, _ in self.sizes), median(height for _, height in self.sizes)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON holds it; all names, no picture's own facts."""
        found = self.found
        return {
            "folder": str(found.folder),
            "layout": found.name,
            "title": found.title,
            "task": found.task,
            "published_names": found.published,
            "splits": found.splits,
            "expected": dict(found.expected),
            "pairs": sum(item.degraded is not None for item in found.items),
            "files": self.files,
            "megapixels": round(self.megapixels, 3),
            "smallest": list(self.sizes[0]) if self.sizes else None,
            "median": list(self.median_size),
            "largest": list(self.sizes[-1]) if self.sizes else None,
            "formats": dict(self.formats),
            "depths": dict(self.depths),
            "colors": dict(self.colors),
            "problems": {each.kind: list(each.names) for each in self.problems},
            "notes": {each.kind: list(each.names) for each in self.notes},
        }


def findings(found: Found, facts: Mapping[Path, Facts], patch: int) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Problems and notes, the gravest first; kinds of which there is none are left out.

    Args:
        found: What the folder is.
        facts: Of each of its files.
        patch: Side of a training crop, pixels.
    """
    good = {path: each for path, each in facts.items() if each.fault is None}

    def name(path: Path) -> str:
        return path.relative_to(found.folder).as_posix()

    broken = [f"{name(path)}: {each.fault}" for path, each in facts.items() if each.fault is not None]
    overlap = list(_overlaps(found, good, name))
    own = [line for line, shown in overlap if not shown]
    # Sets of masks give one mask to many pictures.
    masks, same = found.name == "masks", tuple(_same(good.values(), name))
    problems = (
        Finding("broken", "cannot be read", tuple(broken)),
        Finding("missing", f"missing of {found.title}", found.missing),
        Finding("partner", "without the other half of the pair", tuple(map(name, found.partnerless))),
        Finding(
            "pair-size", "sizes of the two halves do not fit (pairs)", tuple(_unequal_pairs(found.items, good, name))
        ),
        Finding("frame-size", "frames of several sizes (folders)", tuple(_mixed_frames(found, good, name))),
        Finding("duplicate", "the very same pixels (groups of files)", () if masks else same),
        Finding("overlap", "show a picture of a benchmark", tuple(line for line, shown in overlap if shown)),
        Finding("small", f"smaller than a training crop of {patch}×{patch}", tuple(_small(found, good, patch, name))),
    )
    notes = (
        Finding("duplicate", "the very same mask (groups of files)", same if masks else ()),
        Finding("shared", "show a picture of another benchmark too", tuple(own)),
        Finding("extra", f"not of the form of {found.title}", tuple(map(name, found.extra))),
        Finding("look-alike", "look alike (pairs of pictures)", tuple(_look_alikes(found, good, name))),
    )
    return tuple(each for each in problems if each.names), tuple(each for each in notes if each.names)


def _overlaps(found: Found, good: Mapping[Path, Facts], name: Callable[[Path], str]) -> Iterator[tuple[str, bool]]:
    """Each picture that shows one of a benchmark; True where the folder is no benchmark of the library itself."""
    for path, each in good.items():
        others = [match for match in each.matches if match.set_name != found.name]
        if not others:
            continue
        first = others[0]
        how = (
            f"a part in common, {first.agreeing} points agree" if first.part else f"{first.distance} of 255 bits differ"
        )
        also = ", ".join(dict.fromkeys(f"{m.set_name} {m.picture}" for m in others[1:]))
        line = f"{name(path)}: {first.set_name} {first.picture} ({how}){f'; also {also}' if also else ''}"
        itself = any(match.set_name == found.name for match in each.matches)
        yield line, not itself


def _unequal_pairs(items: Iterable[Item], good: Mapping[Path, Facts], name: Callable[[Path], str]) -> Iterator[str]:
    """Pairs of neither one size nor a whole enlargement (super-resolution; remainders are cut off there)."""
    for item in items:
        if item.clean is None or item.degraded is None or not {item.clean, item.degraded} <= good.keys():
            continue
        clean, degraded = good[item.clean], good[item.degraded]
        scale = max(1, round(clean.width / degraded.width))
        spare = clean.width - scale * degraded.width, clean.height - scale * degraded.height
        if not all(0 <= left < scale for left in spare):
            sizes = f"{degraded.width}×{degraded.height} and {clean.width}×{clean.height}"
            yield f"{name(item.degraded)} and {name(item.clean)}: {sizes}"


def _mixed_frames(found: Found, good: Mapping[Path, Facts], name: Callable[[Path], str]) -> Iterator[str]:
    if found.name not in {"frames", "reds", "gopro"}:
        return
    sizes: dict[Path, set[tuple[int, int]]] = defaultdict(set)
    for path, each in good.items():
        sizes[path.parent].add((each.width, each.height))
    for folder, several in sizes.items():
        if len(several) > 1 and (found.name == "frames" or found.published):
            yield f"{name(folder)}: {', '.join(f'{w}×{h}' for w, h in sorted(several))}"


def _same(facts: Iterable[Facts], name: Callable[[Path], str]) -> Iterator[str]:
    groups: dict[bytes, list[Path]] = defaultdict(list)
    for each in facts:
        groups[each.digest].append(each.path)
    for paths in groups.values():
        if len(paths) > 1:
            yield " = ".join(map(name, paths))


def _small(found: Found, good: Mapping[Path, Facts], patch: int, name: Callable[[Path], str]) -> Iterator[str]:
    for path in dict.fromkeys(item.clean for item in found.items):
        if path is not None and path in good and min(good[path].width, good[path].height) < patch:
            yield f"{name(path)}: {good[path].width}×{good[path].height}"


def _look_alikes(found: Found, good: Mapping[Path, Facts], name: Callable[[Path], str]) -> Iterator[str]:
    """Pictures with near hashes, but other pixels; not sought where neighbours are frames of one scene."""
    if found.name in {"frames", "reds", "gopro", "realblur", "sidd", "fmdd", "polyu"}:
        return
    frames = frame_folders(good)
    held = [(each.path, each.digest, each.turned) for each in good.values() if each.turned is not None]
    if len(held) < 2:
        return
    turned = np.stack([hashes for _, _, hashes in held])
    standing = _signs(turned[:, 0])
    told = 0
    symmetries = range(8 if len(held) <= ALL_SYMMETRIES_UP_TO else 1)
    for start in range(0, len(held), _BLOCK):
        block = turned[start : start + _BLOCK]
        # Signs multiply to +1 where bits agree.
        same = np.max([_signs(block[:, s]) @ standing[start:].T for s in symmetries], axis=0)
        for row, column in np.argwhere(same >= 255 - 2 * WHOLE_LIMIT).tolist():
            first, second = held[start + row], held[start + column]
            neighbours = first[0].parent == second[0].parent and first[0].parent in frames
            if column > row and first[1] != second[1] and not neighbours:
                if told == MOST_LOOK_ALIKES:
                    yield f"sought no further after {told:,}"
                    return
                told += 1
                yield f"{name(first[0])} ~ {name(second[0])}: {int(255 - same[row, column]) // 2} of 255 bits differ"


def _signs(packed: np.ndarray) -> np.ndarray:
    bits = np.unpackbits(packed, axis=1)[:, :255]
    return bits.astype(np.float32) * 2 - 1
