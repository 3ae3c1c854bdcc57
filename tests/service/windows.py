"""Windows of a headless browser for tests of the page, each of which is watched: what it complains of, whom it asks."""

from __future__ import annotations

import base64
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.browsing import BROWSERS, PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

DESKTOP: dict[str, Any] = {"viewport": {"width": 1200, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
DROP = """([name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type }));
    document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer: carried, bubbles: true, cancelable: true }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
WATCH = """addEventListener("securitypolicyviolation", (event) => {
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
});"""


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """A headless browser; None where none is installed."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        yield None
        return
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, address: str, *, loud: bool = False, **options: Any) -> Iterator[Page]:
    """The page in a window of its own, once it is ready; at the end it must not have complained, nor asked elsewhere.

    Args:
        browser: Which.
        address: Of the service.
        loud: Whether it may complain, as every browser does of answers that are errors.
        options: Of the window, such as `DESKTOP`.
    """
    context = browser.new_context(**{**DESKTOP, **options})
    context.set_default_timeout(1000 * PATIENCE)
    context.add_init_script(WATCH)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        yield page
        assert loud or complaints == []
        assert [each for each in complaints if "policy" in each.lower()] == []
        assert [each for each in asked if not each.startswith((address, "blob:", "data:"))] == []
    finally:
        context.close()


def drop(page: Page, name: str, data: bytes, media_type: str = "") -> None:
    """Drop a file on the page, as from a folder."""
    page.evaluate(DROP, [name, media_type, base64.b64encode(data).decode("ascii")])


def looked_at(page: Page) -> str:
    """Wait until the picture was looked at; what was found."""
    page.wait_for_selector("#finding[aria-busy=false]")
    return page.inner_text("#finding-title")


def restored(page: Page) -> str:
    """Wait until it is restored; what was done."""
    page.wait_for_selector("#result:not([hidden]), #problem:not([hidden])")
    assert page.inner_text("#problem") == ""
    return page.inner_text("#result-title")


def taken_home(page: Page, folder: Path) -> Path:
    """Download the result."""
    with page.expect_download() as coming:
        page.click("#download")
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture is in the window; 0 to 1 from its left and top."""
    left, top, width, height = box_of(page, "#before")
    return left + x * width, top + y * height


def box_of(page: Page, selector: str) -> tuple[float, float, float, float]:
    """Where something is in the window: left, top, width, height."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]
