"""The page, used in a browser as people use it, against a server that runs: by mouse, by keys and by finger."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pixelmend.images import decode, read_rgb8, save
from pixelmend.metrics import psnr
from tests.service.reading import CONTRAST, HEADINGS, SHIFTED, UNNAMED
from tests.service.windows import (
    PHONE,
    box_of,
    chromium,
    drop,
    looked_at,
    on_screen,
    restored,
    taken_home,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from playwright.sync_api import Browser, Page, Route

    from tests.service.serving import Serving

    Window = Callable[..., AbstractContextManager[Page]]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "src" / "pixelmend" / "service" / "page"


@pytest.fixture(scope="module")
def headless() -> Iterator[Browser]:
    with chromium() as browser:
        if browser is None:
            pytest.skip("no chromium: the page is tried in a headless browser")
        yield browser


@pytest.fixture
def opened(headless: Browser, service: Serving) -> Window:
    """Opens the page in a window."""
    return lambda **options: window(headless, service.url, **options)


@pytest.fixture(scope="module")
def clean() -> NDArray[np.uint8]:
    """A photograph."""
    return read_rgb8(EXAMPLES / "boats_small.png")


@pytest.fixture(scope="module")
def noisy(clean: NDArray[np.uint8]) -> bytes:
    """The same as a noisy PNG that knows who took it."""
    noise = np.random.default_rng(1).normal(0, 25, clean.shape)
    exif = Image.Exif()
    exif[0x013B] = "A. Photographer"
    file = io.BytesIO()
    Image.fromarray(np.clip(clean + noise, 0, 255).round().astype(np.uint8)).save(file, "PNG", exif=exif)
    return file.getvalue()


def test_what_is_dropped_is_looked_at_restored_compared_and_taken_home(
    opened: Window, noisy: bytes, clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    with opened() as page:
        drop(page, "boats.png", noisy, "image/png")
        assert looked_at(page) == "It is noisy"
        assert page.input_value("[name=task]:checked") == "denoise"
        assert "250 × 250" in page.inner_text("#picture-facts")
        page.click("#restore")
        assert restored(page) == "Noise removed"
        assert page.is_visible("#handle")
        assert page.evaluate("document.activeElement.id") == "result-title"
        path = taken_home(page, tmp_path)
        assert page.evaluate(SHIFTED) < 0.05
        page.click("#next")
        page.wait_for_selector("#picture-name:text-is('boats_restored.png')")
        looked_at(page)
    assert path.name == "boats_restored.png"
    assert decode(path).format == "png"
    with Image.open(path) as picture:
        assert picture.getexif()[0x013B] == "A. Photographer"
    dirty = decode(noisy).region(0, 0, *clean.shape[:2])
    before, after = (psnr(each, clean, data_range=255) for each in (dirty, read_rgb8(path)))
    assert after > before + 5


def test_what_is_painted_is_filled_in_and_nothing_else_is_touched(
    opened: Window, clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    file = tmp_path / "boats.png"
    save(clean, file)
    with opened() as page:
        page.set_input_files("#file", file)
        looked_at(page)
        page.check("[name=task][value=inpaint]")
        page.click("#restore")
        assert "Paint over what should go" in page.inner_text("#problem")
        _stroke(page, [(0.2, 0.2), (0.8, 0.2)])
        _stroke(page, [(0.2, 0.5), (0.8, 0.5)])
        _stroke(page, [(0.1, 0.9), (0.2, 0.9)])
        page.click("#undo")
        radius = int(page.input_value("#brush-size")) / 2
        page.check("[name=tool][value=erase]")
        _stroke(page, [(0.1, 0.5), (0.9, 0.5)])
        page.click("#restore")
        assert restored(page) == "Filled in"
        path = taken_home(page, tmp_path)
        page.click("#repaint")
        assert page.is_visible("#mask")
    changed = np.argwhere((read_rgb8(path) != clean).any(axis=2))
    assert len(changed) > 200
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0)
    assert 50 - radius - 1 <= top <= 50 <= bottom <= 50 + radius + 1
    assert 50 - radius - 1 <= left <= 60
    assert 190 <= right <= 200 + radius + 1


def _stroke(page: Page, places: list[tuple[float, float]]) -> None:
    page.mouse.move(*on_screen(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*on_screen(page, *place), steps=5)
    page.mouse.up()


def test_what_takes_long_can_be_cancelled(opened: Window, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    file = tmp_path / "large.png"
    save(noise, file)
    with opened() as page:
        page.set_input_files("#file", file)
        looked_at(page)
        page.check("[name=task][value=denoise]")
        page.click("text=More settings")
        page.select_option("#size", "base")
        with page.expect_response(lambda answer: answer.url.endswith("wait=0")) as begun:
            page.click("#restore")
        job = begun.value.json()["links"]["self"]
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
            page.keyboard.press("Escape")
        assert ended.value.url.endswith(job)
        assert ended.value.status == 204
        page.wait_for_selector("#restore")
        assert page.is_hidden("#result")
        assert page.inner_text("#live") == "Cancelled."


def test_what_browsers_do_not_show_is_shown_by_a_preview(
    opened: Window, clean: NDArray[np.uint8], tmp_path: Path
) -> None:
    file = tmp_path / "deep.tif"
    save(clean.astype(np.uint16) * 257, file)
    with opened() as page:
        page.set_input_files("#file", file)
        looked_at(page)
        assert "250 × 250 pixels" in page.inner_text("#picture-facts")
        page.check("[name=task][value=super-resolve]")
        page.check("[name=scale][value='2']")
        page.click("#restore")
        assert restored(page) == "Enlarged"
        widths = "[...document.querySelectorAll('#stage img')].map((image) => image.naturalWidth)"
        assert page.evaluate(widths) == [250, 500]
        path = taken_home(page, tmp_path)
    result = decode(path)
    assert path.name == "deep_restored.tif"
    assert (result.format, result.width, result.dtype.name) == ("tiff", 500, "uint16")


def test_all_of_it_goes_by_keyboard(opened: Window, tmp_path: Path) -> None:
    with opened() as page:
        _tab_to(page, "document.activeElement.textContent === 'Scratched portrait'")
        page.keyboard.press("Enter")
        page.wait_for_selector("#picture-name:focus")
        looked_at(page)
        page.wait_for_selector("#clear:enabled")
        page.focus("#stage")
        for key in ("Control+z", " ", "Shift+ArrowRight", "ArrowDown", " ", "[", "e", "e"):
            page.keyboard.press(key)
        assert page.is_enabled("#undo")
        assert page.inner_text("#live") == "Painting."
        page.keyboard.press("Control+Enter")
        assert restored(page) == "Filled in"
        _tab_to(page, "document.activeElement.id === 'handle'")
        page.keyboard.press("ArrowLeft")
        assert page.get_attribute("#handle", "aria-valuenow") == "49"
        with page.expect_download() as coming:
            page.keyboard.press("Control+s")
        assert coming.value.suggested_filename == "scratched_restored.jpg"


def _tab_to(page: Page, condition: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    pytest.fail(f"sixty steps by Tab led nowhere: {condition}")


def test_a_phone_of_320_pixels_and_a_finger(opened: Window) -> None:
    too_wide = "document.documentElement.scrollWidth > innerWidth"
    with opened(**PHONE) as page:
        assert page.is_visible("#take")
        assert not page.evaluate(too_wide)
        page.locator(".example").nth(3).tap()
        looked_at(page)
        page.wait_for_selector("#clear:enabled")
        page.tap("#clear")
        assert not page.evaluate(too_wide)
        _finger(page, [on_screen(page, 0.3, 0.5), on_screen(page, 0.6, 0.5)])
        page.wait_for_selector("#clear:enabled")
        page.click("#restore")  # a tap so soon after a stroke is no click to the browser
        restored(page)
        assert not page.evaluate(too_wide)
        page.evaluate("scrollTo(0, 0)")
        left, top, width, height = box_of(page, "#stage")
        middle = top + height / 2
        _finger(page, [(left + width / 2, middle), (left + 3 * width / 4, middle)])
        assert page.get_attribute("#handle", "aria-valuenow") == "75"


def _finger(page: Page, places: list[tuple[float, float]]) -> None:
    session = page.context.new_cdp_session(page)
    for kind, place in [("touchStart", places[0]), *(("touchMove", each) for each in places[1:]), ("touchEnd", None)]:
        points = [] if place is None else [{"x": place[0], "y": place[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_an_order_and_contrast(opened: Window, scheme: str) -> None:
    with opened(color_scheme=scheme) as page:
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 384) == (scheme == "light")
        _readable(page)
        page.locator(".example").nth(3).click()
        looked_at(page)
        page.click("text=More settings")
        _readable(page)
        page.click("#restore")
        restored(page)
        _readable(page)
        page.click("#open-help")
        _readable(page)
        assert page.locator("main").count() == page.locator("body > header").count() == 1


def _readable(page: Page) -> None:
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(HEADINGS) == []
    assert page.evaluate(CONTRAST) == []


def test_a_server_without_room_is_waited_for_and_a_stream_that_breaks_is_gone_on_with(
    opened: Window, noisy: bytes
) -> None:
    refused: list[str] = []

    def busy(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "1"}, json={"code": "queue-full", "title": "", "detail": ""})

    with opened(loud=True) as page:
        page.route("**/v1/restore?wait=0", busy)
        page.route("**/events", lambda route: route.abort())
        drop(page, "boats.png", noisy, "image/png")
        looked_at(page)
        page.click("#restore")
        page.wait_for_selector("#progress-words:has-text('no room at the moment. Trying again in 1 s')")
        assert restored(page) == "Noise removed"
        assert len(refused) == 1


def test_a_key_is_asked_for_and_kept(opened: Window, noisy: bytes) -> None:
    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer right":
            route.continue_()
        else:
            route.fulfill(status=401, json={"code": "no-key", "title": "", "detail": ""})

    with opened(loud=True) as page:
        page.route("**/v1/diagnose", guarded)
        drop(page, "boats.png", noisy, "image/png")
        for key in ("wrong", "right"):
            page.wait_for_selector("#key[open]")
            page.fill("#key-text", key)
            page.keyboard.press("Enter")
        assert looked_at(page) == "It is noisy"
        assert page.evaluate("sessionStorage.length") == 1


def test_errors_are_said_in_plain_words(opened: Window, noisy: bytes) -> None:
    with opened(loud=True) as page:
        drop(page, "notes.png", b"These are only words.", "image/png")
        assert looked_at(page) == "It could not be looked at"
        assert re.search("kind of file is not read|cannot be read", page.inner_text("#finding-words"))
        assert page.is_disabled("#restore")
        drop(page, "boats.png", noisy, "image/png")
        assert looked_at(page) == "It is noisy"
        assert page.is_enabled("#restore")


def test_the_page_holds_nothing_that_its_policy_forbids_and_its_examples_are_small() -> None:
    for path in PAGE.iterdir():
        if path.suffix in {".html", ".css", ".js", ".svg"}:
            addresses = set(re.findall(r"\w+://[^\s\"'`)>]+", path.read_text(encoding="utf-8")))
            assert addresses <= {"http://www.w3.org/2000/svg"}, path.name
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?! type=\"module\" src=)", html)
    assert sum(path.stat().st_size for path in (PAGE / "examples").iterdir()) <= 300_000
