"""At strength 0 a file comes out as it went in: every pixel, and all that came with it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

import pixelmend
from tests.images.test_kept import MAKERS, Made, check, pictures


@pytest.mark.parametrize(("source", "target"), [("png", "png"), ("tiff", "tiff"), ("png", "tiff"), ("tiff", "png")])
@settings(max_examples=25, deadline=None)
@given(made=pictures(("uint8", "uint16"), (1, 2, 3, 4)))
def test_through_png_and_tiff(source: str, target: str, made: Made) -> None:
    check(made, pixelmend.restore(MAKERS[source](made), strength=0, format=target), date=source != "tiff")


@settings(max_examples=25, deadline=None)
@given(made=pictures(("uint8",), (3, 4)))
def test_through_webp(made: Made) -> None:
    check(made, pixelmend.restore(MAKERS["webp"](made), strength=0), date=True)
