"""The site of docs/: it builds without a warning, every link leads somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from tests.browsing import Browser

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it was built into."""
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("MkDocs and its theme are not installed: pip install 'pixelmend[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


class Page(HTMLParser):
    """What a page links to, what it loads, and which names in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See the base class."""
        found = {name: value or "" for name, value in attrs}
        self.names |= {found[key] for key in ("id", "name") if key in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and "href" in found:
            self.loaded.append(found["href"])
        elif "src" in found:
            self.loaded.append(found["src"])

    def handle_data(self, data: str) -> None:
        """See the base class."""
        self.text.append(data)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page but the one that servers show where there is none."""
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


def test_every_document_is_a_page(site: Path, pages: dict[Path, Page]) -> None:
    documents = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    wanted = {site / path.with_suffix(".html") for path in documents if ".template" not in path.name}
    assert wanted | {site / "index.html", site / "changelog.html"} <= set(pages)
    assert list(site.rglob("*.py")) == []
    assert "Restore your pictures" in "".join(pages[site / "index.html"].text)


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.is_file() and target.is_relative_to(site.resolve())
            named = not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].names
            if not (there and named):
                lost.append((path.name, link))
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    elsewhere = [(path.name, each) for path, page in pages.items() for each in page.loaded if urlsplit(each).netloc]
    assert elsewhere == []


def test_bars_in_tables_stand_without_backslash(site: Path, pages: dict[Path, Page]) -> None:
    assert "--scale auto|N" in "".join(pages[site / "index.html"].text)


def test_a_reader_searches_without_a_server(browser: Browser, site: Path) -> None:
    found = "document.querySelectorAll('.md-search-result__item a').length"
    titles = "[...document.querySelectorAll('.md-search-result__item h1')].map((each) => each.textContent)"
    steps = [
        {"wait": "document.querySelector('.md-search__input') !== null"},
        {"evaluate": "document.getElementById('__search').click()"},
        {"focus": ".md-search__input"},
        {"type": "richardson"},
        {"wait": f"{found} > 0"},
        {"evaluate": titles},
        {"evaluate": "getComputedStyle(document.body).backgroundColor"},
    ]
    address = (site / "compare.html").as_uri()
    light, dark = (browser.open(address, steps, width=1300, dark=each) for each in (False, True))
    assert (light["errors"], dark["errors"]) == ([], [])
    assert all(each.startswith(f"{site.as_uri()}/") for each in light["addresses"])
    assert "Results" in light["values"][1]
    assert light["values"][2] != dark["values"][2]
