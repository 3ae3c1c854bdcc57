"""Makes the examples of the web page, pieces of examples/, and pictures of the page for the documents, by running it.

Run from the checkout: python docs/make_service.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.images import decode, read_rgb8, save

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PICTURES = ROOT / "docs" / "images"
PAGE = ROOT / "src" / "pixelmend" / "service" / "page"

# The piece that the page has, where it comes from, (top, left, side), and the quality of a JPEG.
PIECES: tuple[tuple[str, str, tuple[int, int, int], int | None], ...] = (
    ("noisy.png", "lighthouse_noisy.png", (120, 130, 220), None),
    ("shaken.jpg", "harbour_shaken.jpg", (90, 60, 400), 90),
    ("scratched.jpg", "portrait_scratched.jpg", (40, 100, 400), 90),
    ("scratched_mask.png", "portrait_mask.png", (40, 100, 400), None),
    ("small.jpg", "boats_small.png", (0, 0, 250), 95),
)


def make_examples() -> None:
    """The small pictures that people try first; together they weigh less than 300 KB."""
    for name, source, (top, left, side), quality in PIECES:
        piece = decode(EXAMPLES / source).region(top, left, side, side)
        save(piece, PAGE / "examples" / name, quality=quality)
    shutil.copy(EXAMPLES / "houses_blocky.jpg", PAGE / "examples" / "blocky.jpg")


# What is shown: the example, whether it is restored, the window, and the quality of the picture.
DESKTOP: dict[str, Any] = {"viewport": {"width": 1200, "height": 780}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 720}, "device_scale_factor": 2, "has_touch": True, "color_scheme": "dark",
}  # fmt: skip
SHOWN: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "service-page.webp": ("Noisy lighthouse", True, DESKTOP),
    "service-mask.webp": ("Scratched portrait", False, DESKTOP),
    "service-phone.webp": ("Blocky houses", True, PHONE),
}
QUALITY = 82


@contextmanager
def serving() -> Iterator[str]:
    """A server on a free port, and its address."""
    command = [sys.executable, "-m", "pixelmend", "serve", "--port", "0", "--log", "off"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert server.stdout is not None  # noqa: S101
    try:
        yield next(found[0] for line in server.stdout if (found := re.search(r"http://[^ /]+", line)))
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def make_pictures() -> None:
    """The page as people see it, after the steps that they take."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with serving() as address, sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name, (example, restored, options) in SHOWN.items():
            shot = Path(folder) / "shot.png"
            shown(browser, address, example, restored=restored, **options).screenshot(path=shot)
            save(read_rgb8(shot), PICTURES / name, quality=QUALITY)
        browser.close()


def shown(browser: Browser, address: str, example: str, *, restored: bool, **options: Any) -> Page:
    """The page with one of its examples."""
    page = browser.new_context(**options).new_page()
    page.goto(address)
    page.get_by_role("button", name=example).click()
    page.wait_for_selector("#finding[aria-busy=false]")
    if restored:
        page.click("#restore")
        page.wait_for_selector("#result:not([hidden])")
    page.mouse.move(0, 0)
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    return page


if __name__ == "__main__":
    make_examples()
    make_pictures()
