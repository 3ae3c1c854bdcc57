"""The first bytes of every kind of file that is read tell its format, and those of others tell none."""

from __future__ import annotations

import pytest

from pixelmend.images import HEAD, READABLE_FORMATS, decode, format_by_bytes
from tests.images import bombs, samples

CASES = [(form, case) for form, cases in samples.FILES.items() for case in cases]


@pytest.mark.parametrize(("form", "case"), CASES)
def test_the_head_says_what_decoding_finds(form: str, case: str) -> None:
    data = samples.FILES[form][case]()
    assert format_by_bytes(data[:HEAD]) == (decode(data).format if data[4:12] != b"ftypavis" else "avif")


def test_every_format_is_known() -> None:
    plain = {"pgm": b"P5 1 1 255\n\0", "ppm": b"P6\n1 1 255\n\0\0\0", "pfm": b"Pf\n1 1\n-1\n\0\0\0\0"}
    for form, data in plain.items():
        assert format_by_bytes(data) == decode(data).format == form
    found = {format_by_bytes(cases[next(iter(cases))]()[:HEAD]) for cases in samples.FILES.values()}
    assert found | set(plain) == set(READABLE_FORMATS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"P1 1 1 1\n",
        b"P5",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        b"\0\0\0\x08ftyp",
        b"\x89PNG\r\n",
        b"GIF88a",
        b"\xff\xd8",
        b"\0\0\1\0\1\0",
        b"8BPS\0\1",
    ],
)
def test_others_are_none(data: bytes) -> None:
    assert format_by_bytes(data) is None


def test_bombs_are_told_as_what_they_say_they_are() -> None:
    assert format_by_bytes(bombs.png(60000, 60000)) == "png"
    assert format_by_bytes(bombs.tiff([bombs.page(9, 9)], big=True)) == "tiff"
    assert format_by_bytes(bombs.gif(40000)) == "gif"
