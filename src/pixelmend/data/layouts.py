"""What a folder of pictures is: the form of a published set, pairs, the frames of a video, or plain pictures.

Sets are told by structure and file names alone; no file is opened. The table of sets is in ``published``; what one of
its entries says, and how a folder is compared with it, is here.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pixelmend.data.sources import SUFFIXES, walk
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Color = Literal["rgb", "gray"]
Role = Literal["clean", "degraded", "kernel", "both"]

DEGRADED_FOLDERS = ("blur", "blurry", "blurred", "noisy", "noise", "input", "lq", "lr", "degraded", "compressed")
CLEAN_FOLDERS = ("sharp", "clean", "target", "gt", "hq", "hr", "groundtruth", "original", "reference")
"""Names that tell the two halves of a set of pairs, in any capitals."""


@dataclass(frozen=True)
class Rule:
    """One kind of file in a published form.

    Attributes:
        role: "clean", "degraded", "kernel", or "both" (one file that holds a whole pair).
        pattern: Regular expression for the end of a path without its suffix, any capitals. Its groups ``split``,
            ``scene``, ``stem`` say which picture it is, ``variant`` and ``shot`` which damage.
        named: The names alone could be anyone's: the set's name must be that of a folder above.
    """

    role: Role
    pattern: str
    named: bool = False

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, to be matched from the start of a path's component to the end."""
        return re.compile(rf"(?:^|.*/){self.pattern}", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """A published set, as it unpacks from its publisher.

    Attributes:
        name: Our name, small letters.
        title: As papers print it.
        task: What it is used for.
        color: "rgb" or "gray".
        rules: Its files; the first that matches a path counts.
        counts: Clean pictures (pairs, where it has pairs) in each split; the split "" where there are none.
        stems: Their names, where they can be listed, in the forms that are found.
        folders: Other names of its folder, as ``plain`` writes them.
        variant: Which damage is meant where none is asked for.
    """

    name: str
    title: str
    task: str
    color: Color
    rules: tuple[Rule, ...]
    counts: Mapping[str, int]
    stems: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    variant: str = ""

    @property
    def count(self) -> int:
        """Pictures in the whole set."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Item:
    """One picture of a set, or one pair.

    Attributes:
        stem: Its name: split, scene and file name as far as the form has them, with "/" between.
        split: "train", "val", "test" or "".
        clean: The clean picture; None where it is missing.
        degraded: The damaged one, or None.
        kernel: The blur kernel, or None.
        variant: Which damage ("x2", "kernel3"), or "".
    """

    stem: str
    split: str
    clean: Path | None
    degraded: Path | None = None
    kernel: Path | None = None
    variant: str = ""


@dataclass(frozen=True)
class Found:
    """What a folder is.

    Attributes:
        folder: The folder.
        name: A name of ``published.LAYOUTS``, or "pairs", "frames", "pictures", or "mixed" (pairs and pictures).
        title: As a reader would say it.
        task: What it is used for, or "".
        color: As the set is read; None where no published set was recognised.
        published: True where the files are named as their publisher names them.
        items: Pictures or pairs, sorted.
        expected: Clean pictures of each split found, in the whole set; {} where unknown.
        missing: Names of pictures that the set has and the folder has not.
        partnerless: Files of a pair whose other half is missing.
        extra: Pictures that do not belong to the form.
    """

    folder: Path
    name: str
    title: str
    task: str
    color: Color | None
    published: bool
    items: tuple[Item, ...]
    expected: Mapping[str, int]
    missing: tuple[str, ...] = ()
    partnerless: tuple[Path, ...] = ()
    extra: tuple[Path, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether any item has a damaged half."""
        return any(item.degraded for item in self.items)

    @property
    def splits(self) -> dict[str, int]:
        """Different pictures in each split."""
        names: dict[str, set[str]] = {}
        for item in self.items:
            names.setdefault(item.split, set()).add(item.stem)
        return {split: len(stems) for split, stems in sorted(names.items())}


def plain(name: str) -> str:
    """A name without capitals, hyphens, underscores and spaces."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def list_files(folder: Path) -> list[Path]:
    """Every picture (and .mat file) in a folder and those below; see ``sources.walk``.

    Raises:
        DataError: It is no folder, or one below cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give a folder of pictures")
    return walk(folder, {*SUFFIXES, ".mat"})


def recognise(folder: Path, *, name: str | None = None) -> Found:
    """Say what a folder is.

    A published set is recognised by the names of its files; else by the name of its folder together with two folders
    of pairs or with plain pictures. What is none is "pairs", "frames" or "pictures".

    Args:
        folder: Any folder: of a set, or one inside it that still tells which set it is.
        name: Take it for this set, a key of ``published.LAYOUTS``, whatever the folder is called.

    Raises:
        DataError: It is no folder, or holds no picture.
    """
    from pixelmend.data.published import LAYOUTS

    files = list_files(folder)
    pictures = [path for path in files if path.suffix.lower() != ".mat"]
    named = _named(folder, files)
    best: tuple[int, Found] | None = None
    for layout in [LAYOUTS[name]] if name else LAYOUTS.values():
        matched = _match(layout, named, sure=name is not None)
        if matched and (best is None or len(matched) > best[0]):
            best = len(matched), _published(layout, folder, matched, [p for p in files if p not in matched])
    # A few files named like a set's do not make a folder of other pictures that set.
    if best and (best[0] * 2 > len(files) or name):
        return best[1]
    if not pictures:
        wanted = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{folder} holds no picture: wanted files that end in {wanted}, here or in folders below")
    called = next(
        (each for each in LAYOUTS.values() if plain(folder.resolve().name) in {each.name, *each.folders}), None
    )
    return _generic(folder, pictures, LAYOUTS[name] if name else called)


Key = tuple[str, str, str, str]
"""Split, scene, stem, variant: small letters."""


@dataclass(frozen=True)
class _Named:
    """A file as the rules see it: the end of its path without the suffix, and the plain names of the folders above."""

    path: Path
    text: str
    above: frozenset[str]
    is_mat: bool


def _named(folder: Path, files: Iterable[Path]) -> list[_Named]:
    """The files with the last folders above ``folder`` before their names, which may tell the set or the split."""
    context = "/".join(folder.resolve().parts[-3:]).lstrip("/")
    start = len(str(folder)) + 1
    above: dict[str, frozenset[str]] = {}
    named = []
    for path in files:
        inside, _, name = str(path)[start:].replace(os.sep, "/").rpartition("/")
        place = f"{context}/{inside}" if inside else context
        if place not in above:
            above[place] = frozenset(map(plain, place.split("/")))
        text = f"{place}/{name.rpartition('.')[0]}"
        named.append(_Named(path, text, above[place], name.lower().endswith(".mat")))
    return named


def _match(layout: Layout, files: Iterable[_Named], *, sure: bool) -> dict[Path, tuple[Role, Key]]:
    """Which files belong to a set, in which role."""
    names = {layout.name, *layout.folders}
    matched: dict[Path, tuple[Role, Key]] = {}
    for file in files:
        called = sure or not names.isdisjoint(file.above)
        for rule in layout.rules:
            if (rule.named and not called) or (rule.role == "both") != file.is_mat:
                continue
            if (match := rule.compiled.fullmatch(file.text)) is not None:
                groups = {key: (value or "").lower() for key, value in match.groupdict().items()}
                split = {"valid": "val", "validation": "val"}.get(groups.get("split", ""), groups.get("split", ""))
                variant = "/".join(filter(None, (groups.get("variant"), groups.get("shot"))))
                matched[file.path] = rule.role, (split, groups.get("scene", ""), groups.get("stem", ""), variant)
                break
    return matched


def _published(layout: Layout, folder: Path, matched: Mapping[Path, tuple[Role, Key]], rest: Iterable[Path]) -> Found:
    items, partnerless = _pair_up(matched, paired={"degraded"} <= {role for role, _ in matched.values()})
    splits = {item.split for item in items}
    expected = {split: count for split, count in layout.counts.items() if split in splits}
    return Found(
        folder, layout.name, layout.title, layout.task, layout.color, True, items, expected,
        _missing(layout, items), partnerless, tuple(rest),
    )  # fmt: skip


def _pair_up(matched: Mapping[Path, tuple[Role, Key]], *, paired: bool) -> tuple[tuple[Item, ...], tuple[Path, ...]]:
    """Join clean and damaged files of one key; a damaged variant may share a clean picture that has none."""
    by_role: dict[str, dict[Key, Path]] = {"clean": {}, "degraded": {}, "kernel": {}, "both": {}}
    for path, (role, key) in matched.items():
        if key in by_role[role]:
            raise DataError(f"{by_role[role][key]} and {path} are one picture: keep one copy of each")
        by_role[role][key] = path
    clean, kernels = by_role["clean"], {key[3]: path for key, path in by_role["kernel"].items()}
    items, partnerless, used = [], [], set()
    for key, path in by_role["degraded"].items():
        mate = key if key in clean else (*key[:3], "")
        if mate not in clean:
            partnerless.append(path)
            continue
        used.add(mate)
        items.append(Item(_stem(key), key[0], clean[mate], path, kernels.get(key[3]), key[3]))
    damaged_splits = {item.split for item in items}
    for key, path in by_role["both"].items():
        items.append(Item(_stem(key), key[0], path, path, path, key[3]))
    for key, path in clean.items():
        if key in used:
            continue
        items.append(Item(_stem(key), key[0], path, variant=key[3]))
        if paired and key[0] in damaged_splits:
            partnerless.append(path)
    return tuple(sorted(items, key=lambda item: (item.stem, item.variant))), tuple(sorted(partnerless))


def _stem(key: Key) -> str:
    return "/".join(part for part in key[:3] if part)


def _missing(layout: Layout, items: Iterable[Item]) -> tuple[str, ...]:
    """Names that a split lacks, of the published naming that is nearest to what is there."""
    missing: list[str] = []
    have: dict[str, set[str]] = {}
    for item in items:
        have.setdefault(item.split, set()).add(item.stem.removeprefix(f"{item.split}/"))
    for split, stems in have.items():
        namings = layout.stems.get(split, ())
        if namings:
            nearest = max(namings, key=lambda names: len(stems & set(names)))
            missing += [f"{split}/{name}".lstrip("/") for name in nearest if name not in stems]
    return tuple(missing)


def _generic(folder: Path, pictures: list[Path], layout: Layout | None) -> Found:
    """Pairs in two folders, else frames, else pictures; under a set's name where its folder bears it."""
    halves = _halves(folder, pictures)
    items, alone = _pair_up(halves, paired=True)
    single = [path for path in pictures if path not in halves]
    items += tuple(Item(path.relative_to(folder).with_suffix("").as_posix(), "", path) for path in single)
    if not halves:
        name, title = (
            ("frames", "numbered frames")
            if frame_folders(pictures) == {path.parent for path in pictures}
            else ("pictures", "pictures")
        )
    else:
        name, title = ("mixed", "pairs and single pictures") if single else ("pairs", "pairs in two folders")
    if layout is None:
        return Found(folder, name, title, "", None, False, items, {}, (), alone)
    return Found(
        folder, layout.name, layout.title, layout.task, layout.color, False, items, layout.counts, (), alone
    )  # fmt: skip


def _halves(folder: Path, pictures: Iterable[Path]) -> dict[Path, tuple[Role, Key]]:
    """The files of two-folder pairs; none of a place where both halves are there and no name is in both."""
    halves: dict[Path, tuple[Role, Key]] = {}
    places: dict[str, dict[str, set[str]]] = {}
    for path in pictures:
        if (half := _half_of_pair(path.relative_to(folder))) is not None:
            halves[path] = half
            role, key = half
            places.setdefault(key[1], {"clean": set(), "degraded": set()})[role].add(key[2])
    strangers = {
        scene for scene, h in places.items() if h["clean"] and h["degraded"] and not h["clean"] & h["degraded"]
    }
    if not any(half["clean"] & half["degraded"] for half in places.values()):
        return {}
    return {path: half for path, half in halves.items() if half[1][1] not in strangers}


def _half_of_pair(path: Path) -> tuple[Role, Key] | None:
    """Which half a path is, by the last folder that says so; and the path without that folder, as its key."""
    parts = list(path.with_suffix("").parts)
    for index in range(len(parts) - 2, -1, -1):
        word = parts[index].lower()
        role: Role | None = "degraded" if word in DEGRADED_FOLDERS else "clean" if word in CLEAN_FOLDERS else None
        if role is not None:
            rest = parts[:index] + parts[index + 1 :]
            return role, ("", "/".join(rest[:-1]), rest[-1], "")
    return None


def frame_folders(pictures: Iterable[Path]) -> set[Path]:
    """Folders that hold eight pictures or more, of one name and numbers that follow each other with no gap."""
    folders: dict[Path, list[re.Match[str] | None]] = {}
    for path in pictures:
        folders.setdefault(path.parent, []).append(re.fullmatch(r"(.*?)(\d+)", path.stem))
    frames = set()
    for folder, names in folders.items():
        numbers = sorted(int(match[2]) for match in names if match)
        starts = {match[1] for match in names if match}
        if len(numbers) >= max(8, len(names)) and len(starts) == 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
            frames.add(folder)
    return frames
