"""docs/limits.md: its figures are those of the code, and its errors are what is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pixelmend.errors import UnreadableError
from pixelmend.images import decode, limits
from tests.images import bombs

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "limits.md").read_text(encoding="utf-8")


def row(start: str) -> list[str]:
    """The cells of the row that begins with these words."""
    found = re.search(rf"^\| {re.escape(start)}[^|]* \|(.*)\|$", PAGE, re.MULTILINE)
    assert found, start
    return [cell.strip() for cell in found[1].split("|")]


def test_limits_are_those_of_the_code() -> None:
    assert row("megapixels of a picture")[0] == f"{limits.MEGAPIXELS:g}"
    assert row("memory that decoding takes")[0] == f"{limits.MEMORY / 1e9:g} GB"
    assert row("pages of a TIFF")[0] == str(limits.PAGES)
    assert limits.VARIABLE in PAGE


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("AVIF and HEIC, 8 bits", "heif"), ("AVIF and HEIC, 10 or 12 bits", "heif"), ("WebP, GIF", "webp"),
        ("BMP", "bmp"), ("progressive JPEG", "jpeg"), ("interlaced PNG", "png"),
    ],
)  # fmt: skip
def test_megapixels_follow_from_bytes(kind: str, form: str) -> None:
    held, most = map(float, row(kind))
    side = int((most * 1e6) ** 0.5)
    size = 10**9  # of a file that is long enough to hold it
    limits.check_declared(limits.Declared(side, side, form, 0, held, size=size), "a")
    larger = side + side // 50
    with pytest.raises(UnreadableError, match="memory"):
        limits.check_declared(limits.Declared(larger, larger, form, 0, held, size=size), "a")


def test_the_error_is_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scan.png").write_bytes(bombs.png(60000, 60000))
    with pytest.raises(UnreadableError) as caught:
        decode("scan.png")
    assert f"\n{caught.value}\n" in PAGE
