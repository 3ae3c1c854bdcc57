"""Fingerprints of benchmarks as a file: hashes only, from which no picture can be made again.

The file is JSON: for each set its title and its pictures, each with a name, the whole hash and the points, packed and
written in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.data.fingerprints import Points, fingerprint
from pixelmend.data.layouts import recognise
from pixelmend.data.overlap import Known
from pixelmend.errors import DataError
from pixelmend.files import write_text
from pixelmend.images import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

SHIPPED = Path(__file__).with_name("fingerprints.json")
"""The benchmarks that come with the package."""
FORMAT = 1
KNOWN_POINTS = 128
"""Local hashes that are kept of each picture of a benchmark."""

_POINT = np.dtype([("bits", "u1", 8), ("place", "<u2", 2), ("size", "<u2"), ("symmetry", "u1")])
_SIZE_UNIT = 64
"""Sizes are kept in parts of so many to a pixel."""


def fingerprint_folder(folder: Path, name: str, *, threads: int = 2) -> list[Known]:
    """Fingerprints of the clean pictures of a set.

    Args:
        folder: The set, in any form that ``layouts.recognise`` knows.
        name: What matches are to call it.
        threads: Pictures that are decoded at the same time.

    Raises:
        DataError: The folder holds no picture.
        UnreadableError: A picture cannot be decoded.
    """
    clean = dict.fromkeys(item.clean for item in recognise(folder).items if item.clean is not None)
    paths = [path for path in clean if path.suffix.lower() != ".mat"]
    stems = [path.stem for path in paths]

    def one(path: Path) -> Known:
        picture = decode(path)
        print_ = fingerprint(picture.region(0, 0, picture.height, picture.width), points=KNOWN_POINTS)
        whole = None if print_.whole is None else print_.whole[0]
        unique = stems.count(path.stem) == 1
        called = path.stem if unique else path.relative_to(folder).with_suffix("").as_posix()
        return Known(name, called, whole, print_.points)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, paths))


def write_fingerprints(path: Path, known: Iterable[Known]) -> None:
    """Write fingerprints; sets of other names that the file holds are kept.

    Raises:
        DataError: The file exists and holds something else.
        UnwritableError: It cannot be written.
    """
    new = list(known)
    names = {each.set_name for each in new}
    kept = [each for each in read_fingerprints(path) if each.set_name not in names] if path.exists() else []
    sets: dict[str, dict[str, Any]] = {}
    for each in sorted([*kept, *new], key=lambda each: (each.set_name, each.picture)):
        sets.setdefault(each.set_name, {})[each.picture] = _pack(each)
    write_text(path, json.dumps({"format": FORMAT, "sets": sets}, indent=1) + "\n")


def read_fingerprints(path: Path) -> list[Known]:
    """The fingerprints of a file.

    Raises:
        DataError: The file is missing or holds something else.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != FORMAT:
            raise DataError(f"{path} has format {held['format']}, wanted {FORMAT}: write it again")
        return [
            _unpack(set_name, picture, packed)
            for set_name, pictures in held["sets"].items()
            for picture, packed in pictures.items()
        ]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; give a file of fingerprints") from None
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise DataError(f"{path} holds no fingerprints ({error!r}): write it with pixelmend data fingerprint") from None


def _pack(known: Known) -> list[str]:
    points = np.zeros(len(known.points), _POINT)
    points["bits"] = np.packbits(known.points.bits, axis=1)
    points["place"] = np.clip(np.rint(known.points.place), 0, 65535)
    points["size"] = np.clip(np.rint(known.points.size * _SIZE_UNIT), 1, 65535)
    points["symmetry"] = known.points.symmetry
    whole = b"" if known.whole is None else np.packbits(known.whole).tobytes()
    return [base64.b64encode(data).decode("ascii") for data in (whole, points.tobytes())]


def _unpack(set_name: str, picture: str, packed: list[str]) -> Known:
    whole, data = (base64.b64decode(text, validate=True) for text in packed)
    points = np.frombuffer(data, _POINT)
    bits = np.unpackbits(np.frombuffer(whole, np.uint8))[:255].astype(bool) if whole else None
    return Known(
        set_name,
        picture,
        bits,
        Points(
            np.unpackbits(points["bits"].reshape(-1, 8), axis=1)[:, :63].astype(bool),
            points["place"].astype(np.float32),
            points["size"].astype(np.float32) / np.float32(_SIZE_UNIT),
            points["symmetry"].copy(),
        ),
    )
