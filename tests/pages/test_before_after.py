"""The page with the slider: whole in one file, safe from names, and used in a browser as a reader would use it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pixelmend.images import ArrayPicture, Upright, decode, read_rgb8
from pixelmend.pages import Side, before_after_page, comparison_sheet
from tests.pages.reading import Parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browsing import Browser, Step


def upright(pixels: np.ndarray[Any, Any]) -> Upright:
    return Upright.of(ArrayPicture(pixels, None, pixels))


def sides(height: int, width: int, count: int = 2) -> list[Side]:
    """Pictures that differ in every pixel."""
    y, x = np.mgrid[0:height, 0:width]
    first = np.stack([x % 256, y % 256, (x * y) % 256], axis=2).astype(np.uint8)
    pictures = [first, 255 - first, first // 2][:count]
    return [Side(name, upright(each)) for name, each in zip(["before", "after", "truth"], pictures, strict=False)]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[list[Side]], str]:
    """Writes a page, gives its address."""

    def write(pictures: list[Side]) -> str:
        path = tmp_path / "a page.html"
        path.write_text(before_after_page(pictures, title="Two"), encoding="utf-8")
        return path.as_uri()

    return write


LIVE: Step = {"wait": "document.querySelector('#stage.live') !== null"}
VALUE: Step = {"evaluate": "Number(document.getElementById('handle').getAttribute('aria-valuenow'))"}
ZOOM: Step = {"evaluate": "document.getElementById('zoom').textContent"}
PLACE: Step = {"evaluate": "document.querySelector('.layer img').style.transform"}
BOX: Step = {
    "evaluate": "(({ x, y, width, height }) => [x, y, width, height])"
    "(document.getElementById('stage').getBoundingClientRect())"
}


def test_everything_is_in_it() -> None:
    page = Parts(before_after_page(sides(50, 60), title="Two", table=[("to c", "a"), ("PSNR", "1.5")], notes=["So."]))
    assert page.addresses != []
    assert all(address.startswith("data:image/webp;base64,") for address in page.addresses)
    assert {"link", "iframe"}.isdisjoint(page.tags)
    assert {"Two", "1.5", "So."} <= set(page.text)


def test_the_pictures_are_in_it_pixel_for_pixel() -> None:
    pictures = sides(50, 60)
    page = Parts(before_after_page(pictures, title="Two"))
    for side, address in zip(pictures, page.addresses, strict=False):
        held = decode(base64.b64decode(address.partition(",")[2]))
        np.testing.assert_array_equal(held.region(0, 0, 50, 60), side.picture.whole())


def test_names_are_only_text() -> None:
    evil = "<script>alert(1)</script>\" onerror='x' {{crops}} &amp;"
    first, second = sides(20, 30)
    page = Parts(before_after_page([Side(evil, first.picture), second], title=evil, notes=[evil], table=[(evil,)] * 2))
    assert page.tags.count("script") == 1
    assert page.text.count(evil) >= 4


def test_large_pictures_are_reduced_and_it_says_so() -> None:
    page = Parts(before_after_page(sides(2100, 3000), title="Two"))
    assert any("are 3000×2100; under the slider they are reduced to 2390×1673" in text for text in page.text)
    shown = decode(base64.b64decode(page.addresses[0].partition(",")[2]))
    assert (shown.width, shown.height) == (2390, 1673)
    crop = decode(base64.b64decode(page.addresses[2].partition(",")[2]))
    assert (crop.width, crop.height) == (160, 160)


def test_the_border_moves_by_keys_mouse_and_finger(browser: Browser, written: Callable[[list[Side]], str]) -> None:
    address = written(sides(300, 400))
    keys = ["ArrowRight", "ArrowLeft", "ArrowLeft", "PageUp", "End", "Home"]
    steps: list[Step] = [LIVE, VALUE, {"focus": "#handle"}]
    steps += [step for key in keys for step in ({"press": key}, VALUE)]
    seen = browser.open(address, [*steps, BOX])
    assert seen["errors"] == []
    assert seen["addresses"] == [address]
    *values, (x, y, width, height) = seen["values"]
    assert values == [50, 51, 50, 49, 59, 100, 0]
    middle = y + height / 2
    drag: Step = {"drag": [(x + width / 2, middle), (x + width / 4, middle)]}
    assert browser.open(address, [LIVE, drag, VALUE])["values"] == [25]
    tap: Step = {"tap": [(x + width / 2, middle), (x + 0.7 * width, middle)]}
    assert browser.open(address, [LIVE, tap, VALUE], touch=True)["values"] == [70]


def test_pixels_are_shown_one_to_one_and_are_moved(browser: Browser, written: Callable[[list[Side]], str]) -> None:
    address = written(sides(1200, 1600))
    steps: list[Step] = [LIVE, ZOOM, {"click": "#one"}, ZOOM, PLACE, BOX]
    *_, (x, y, width, height) = seen = browser.open(address, steps)["values"]
    fitted, single, place = seen[:3]
    assert 40 < float(fitted.removesuffix(" %")) < 60
    assert single == "100 %"
    assert place.endswith("scale(1)")
    from_, to = (x + width / 4, y + height / 2), (x + width / 4 - 50, y + height / 2 - 30)
    keys: list[Step] = [{"focus": "#stage"}, {"press": "ArrowRight"}, PLACE, {"press": "+"}, ZOOM, {"press": "0"}, ZOOM]
    steps = [LIVE, {"click": "#one"}, PLACE, {"drag": [from_, to]}, PLACE, VALUE, *keys, {"click": ".go"}, ZOOM]
    before, after, value, moved, larger, fit, there = browser.open(address, steps)["values"]
    assert np.allclose(np.subtract(_moved(after), _moved(before)), (-50, -30), atol=1)
    assert value == 50
    assert np.allclose(np.subtract(_moved(moved), _moved(after)), (-60, 0), atol=1)
    assert (larger, fit, there) == ("150 %", fitted, "200 %")


def test_two_fingers_zoom_where_they_are(browser: Browser, written: Callable[[list[Side]], str]) -> None:
    address = written(sides(1200, 1600))
    x, y, width, height = browser.open(address, [LIVE, BOX])["values"][0]
    middle = (x + width / 2, y + height / 2)
    pinch: Step = {
        "pinch": [
            [(middle[0] - 50, middle[1]), (middle[0] - 100, middle[1])],
            [(middle[0] + 50, middle[1]), (middle[0] + 100, middle[1])],
        ]
    }
    under = (
        "(() => { const image = document.querySelector('.layer img').getBoundingClientRect();"
        f" return [({middle[0]} - image.x) / image.width, ({middle[1]} - image.y) / image.height]; }})()"
    )
    steps: list[Step] = [LIVE, ZOOM, {"evaluate": under}, pinch, ZOOM, {"evaluate": under}, VALUE]
    before, there, after, still_there, border = browser.open(address, steps, touch=True)["values"]
    assert float(after.removesuffix(" %")) == pytest.approx(2 * float(before.removesuffix(" %")), rel=0.02)
    assert still_there == pytest.approx(there, abs=0.005)
    assert border == 50


def _moved(transform: str) -> tuple[float, float]:
    x, y = transform.removeprefix("translate(").partition(")")[0].split(", ")
    return float(x.removesuffix("px")), float(y.removesuffix("px"))


def test_each_half_shows_its_picture(browser: Browser, tmp_path: Path, written: Callable[[list[Side]], str]) -> None:
    red, blue = (np.full((300, 900, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))
    address = written([Side("red", upright(red)), Side("blue", upright(blue))])
    shot = tmp_path / "shot.png"
    (x, y, width, height) = browser.open(address, [LIVE, BOX], screenshot=str(shot))["values"][0]
    row = read_rgb8(shot)[round(y + height / 2) + 60]  # below the knob
    assert row[round(x + width * 0.3)].tolist() == [200, 0, 0]
    assert row[round(x + width * 0.7)].tolist() == [0, 0, 200]


def test_with_a_reference_either_side_can_show_it(browser: Browser, written: Callable[[list[Side]], str]) -> None:
    choose = (
        "(() => { const right = document.getElementById('right'); right.value = '2';"
        " right.dispatchEvent(new Event('change')); })()"
    )
    label = "document.getElementById('right-label').textContent"
    hidden = "[...document.querySelectorAll('.layer')].map((layer) => layer.hidden)"
    steps: list[Step] = [LIVE, {"evaluate": hidden}, {"evaluate": choose}, {"evaluate": label}, {"evaluate": hidden}]
    seen = browser.open(written(sides(100, 100, 3)), steps)
    assert seen["errors"] == []
    assert seen["values"] == [[False, False, True], None, "truth", [False, True, False]]


def test_light_and_dark_and_without_scripts(
    browser: Browser, tmp_path: Path, written: Callable[[list[Side]], str]
) -> None:
    address = written(sides(100, 200))
    corners = []
    for dark in (False, True):
        shot = tmp_path / f"{dark}.png"
        browser.open(address, [LIVE], dark=dark, screenshot=str(shot))
        corners.append(int(read_rgb8(shot)[2, 2].mean()))
    assert corners[0] > 200
    assert corners[1] < 60
    wide = "[...document.querySelectorAll('.layer img')].map((image) => image.getBoundingClientRect().width)"
    assert browser.open(address, [{"evaluate": wide}], scripts=False)["values"] == [[200, 200]]


def test_a_sheet_holds_the_pictures_and_pieces_below() -> None:
    first, second = (side.picture for side in sides(400, 500))
    sheet = comparison_sheet([first, second])
    np.testing.assert_array_equal(sheet[:400, :500], first.whole())
    np.testing.assert_array_equal(sheet[:400, 508:1008], second.whole())
    assert sheet.shape == (400 + 2 * (24 + 224), 1008, 3)
    assert (sheet[400:424] == 255).all()
    small = comparison_sheet([side.picture for side in sides(10, 12, 3)])
    assert small.shape == (10 + 24 + 20, 3 * 24 + 2 * 8, 3)
