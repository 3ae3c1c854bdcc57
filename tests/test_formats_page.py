"""The page of formats: each cell of its tables is held against what becomes of a file that was made for it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from pixelmend.errors import UnreadableError, UsageError
from pixelmend.images import Encoded, decode, default_format, encode
from tests.images import samples
from tests.images.profile_files import P3
from tests.images.samples import FILES, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.images import Picture

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
LOSSLESS = {"PNG", "WebP", "TIFF", "BMP", "PPM, PGM", "PFM"}
WORDS = {
    "8 bits": "full colour", "16 bits": "16 bits became|uint16 became", "float": "float32 became", "grey": "grey",
    "alpha": "transparency", "ICC": "profile", "EXIF": "EXIF", "XMP": "XMP", "IPTC": "IPTC",
    "orientation": "orientation", "density": "density", "frames": "frames or pages", "CMYK": "CMYK",
}  # fmt: skip
"""What a note says where a property is not kept."""


def table(heading: str) -> list[dict[str, str]]:
    """The rows of the table under a heading, by the names of its columns."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    head, _, *rows = [line for line in part.splitlines() if line.startswith("|")]
    names = [cell.strip() for cell in head.strip("|").split("|")]
    return [dict(zip(names, (cell.strip() for cell in row.strip("|").split("|")), strict=True)) for row in rows]


READ, SAVED = table("From a format into its own"), table("Into another format")


def same_pixels(source: str, dtype: str) -> Callable[[Encoded, Picture], bool]:
    """Whether a result has the pixels of the sample: exactly, or nearly where a format of the two has loss."""

    def check(data: Encoded, _: Picture) -> bool:
        if (samples.bits_of(data) > 8) != (dtype != "uint8"):
            return False
        made = noise(dtype)
        if source in LOSSLESS and (data[:4] in {b"\x89PNG", b"RIFF"} or data[:2] == b"II"):
            found = samples.pixels_of(data)
            return found.dtype == made.dtype and np.array_equal(found, made)
        result = decode(data)
        unit = result.region(0, 0, result.height, result.width) / np.iinfo(result.dtype).max
        return float(np.abs(unit - made / np.iinfo(made.dtype).max).mean()) < 0.02

    return check


def same_float(data: Encoded, _: Picture) -> bool:
    if data[:2] != b"II":
        return False
    found = tifffile.imread(io.BytesIO(data))
    return found.dtype == np.float32 and np.array_equal(found, noise("float32"))


def same_alpha(data: Encoded, picture: Picture) -> bool:
    """Whether transparency is that of the picture that came in, and that is the sample's."""
    found, known = samples.alpha_of(data), picture.opacity(0, 0, picture.height, picture.width)
    assert known is not None
    white = np.iinfo(known.dtype).max
    assert np.ptp(known) > white * 0.9
    return found is not None and float(np.abs(found / 255 - known[:, :, 0] / white).mean()) < 0.01


def checks(source: str) -> dict[str, Callable[[Encoded, Picture], bool]]:
    """Whether a result, as other programs read it, holds a property of the sample."""
    return {
        "8 bits": same_pixels(source, "uint8"),
        "16 bits": same_pixels(source, "uint16"),
        "float": same_float,
        "grey": lambda data, _: samples.is_grey(data),
        "alpha": same_alpha,
        "ICC": lambda data, _: samples.profile_of(data) == P3,
        "EXIF": lambda data, _: samples.exif_of(data) == (samples.MAKER, samples.WHEN),
        "XMP": lambda data, _: samples.xmp_of(data) == samples.XMP,
        "IPTC": lambda data, _: samples.iptc_of(data) == b"kept whole",
        "orientation": lambda data, _: samples.upright(data) == ((samples.HEIGHT, samples.WIDTH), "top right"),
        "density": lambda data, _: samples.dots_of(data) == pytest.approx(samples.DOTS, abs=0.01),
        "frames": lambda data, _: getattr(samples.opened(data), "n_frames", 1) > 1,
        "CMYK": lambda data, _: samples.opened(data).mode == "CMYK",
    }


def outcome(picture: Picture, data: Encoded, source: str, kind: str) -> str:
    """What the table must say."""
    told = any(re.search(WORDS[kind], note) for note in (*picture.notes, *data.notes))
    held = checks(source)[kind](data, picture)
    if kind in {"8 bits", "16 bits", "float", "grey", "alpha", "CMYK"}:  # of these something is always left
        return "converted" if told else ("kept" if held else "lost silently")
    if held:
        return "kept, with a note" if told else "kept"
    return "dropped" if told else "lost silently"


def again(picture: Picture, name: str) -> Encoded:
    return encode(picture.region(0, 0, picture.height, picture.width), name, like=picture)


@pytest.mark.parametrize(
    ("row", "kind"),
    [(row, kind) for row in READ for kind in WORDS],
    ids=lambda it: it["read"] if isinstance(it, dict) else it,
)
def test_from_a_format_into_its_own(row: dict[str, str], kind: str) -> None:
    name = row["read"]
    assert (row[kind] == "–") == (kind not in FILES[name])
    if row[kind] == "–":
        return
    source = FILES[name][kind]()
    if row[kind] == "refused":
        with pytest.raises(UnreadableError, match="convert it first"):
            decode(source)
        return
    picture = decode(source)
    written = default_format(picture)
    assert written.upper() in row["written"].upper().split(", ")
    assert outcome(picture, again(picture, written), name, kind) == row[kind]


@pytest.mark.parametrize(
    ("row", "kind"),
    [(row, kind) for row in SAVED for kind in row if kind != "saved as"],
    ids=lambda it: it["saved as"] if isinstance(it, dict) else it,
)
def test_into_another_format(row: dict[str, str], kind: str) -> None:
    picture = decode(FILES["TIFF"][kind]())
    assert outcome(picture, again(picture, row["saved as"]), "TIFF", kind) == row[kind]


def test_the_tables_name_every_format_and_every_property() -> None:
    assert [row["read"] for row in READ] == list(FILES)
    assert {kind for files in FILES.values() for kind in files} == set(WORDS)
    assert {row["saved as"] for row in SAVED} == {"PNG", "JPEG", "TIFF", "WebP", "AVIF"}


@pytest.mark.parametrize("row", table("Quality"), ids=lambda row: row["format"])
def test_the_table_of_quality(row: dict[str, str]) -> None:
    for name in row["format"].split(", "):
        usual = encode(noise(), name)
        if "error" in row["`quality` 1–100"]:
            with pytest.raises(UsageError, match="loses nothing"):
                encode(noise(), name, quality=80)
        else:
            assert len(encode(noise(), name, quality=40)) < len(encode(noise(), name, quality=90))
        if row["without `quality`"] == "lossless":
            np.testing.assert_array_equal(samples.pixels_of(usual), noise())
        else:
            number = int(row["without `quality`"].split(",")[0])
            assert abs(len(encode(noise(), name, quality=number)) - len(usual)) < 50
