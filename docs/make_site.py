"""Makes a site of these pages: what MkDocs is told beside mkdocs.yml (``hooks`` there names this file).

The pages are written for a reader of the repository: they link files outside docs/. Here the README becomes the front
page, other documents become pages, recipes and other files that are linked come along as they are, and folders become
lists of what is in them; so every link works in both places, and nothing is written twice.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "examples/README.md": "examples.md",
    "examples/browser/README.md": "browser.md",
}
"""Documents outside docs/ that are pages of the site, and where they stand in it."""
FILES = "files"
"""The folder of the site for other files of the repository."""
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[#)])")
_BARS = re.compile(r"^\|.*`.*\\\|.*$", re.MULTILINE)
"""Rows of a table with a bar in code: GitHub wants it escaped, Python-Markdown shows the backslash."""
_ELSEWHERE = re.compile(r"[a-z]+:|/|#")


def on_files(files: Any, *, config: Any) -> Any:
    """Add the documents from outside, and everything that pages link to outside."""
    for source, place in PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    wanted = {target for page in files.documentation_pages() for target in _outside(_source(page.src_uri))}
    for target in sorted(wanted):
        if (ROOT / target).is_dir():
            files.append(File.generated(config, f"{FILES}/{target}/index.md", content=_listing(target)))
            for each in _shown(target):
                _add(files, config, each)
        else:
            _add(files, config, target)
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001  (named by MkDocs)
    """Let links lead to where things are in the site."""
    here = page.file.src_uri
    source = _source(here)

    def moved(match: re.Match[str]) -> str:
        target = _target(source, match[1])
        if target is None:
            return match[1]
        return posixpath.relpath(_place(target), posixpath.dirname(here) or ".")

    return _BARS.sub(lambda row: row[0].replace(r"\|", "|"), _LINK.sub(moved, markdown))


def _source(place: str) -> str:
    """Where a page of the site lies in the repository."""
    known = {page: source for source, page in PAGES.items()}
    if place.startswith(f"{FILES}/"):
        return place.removeprefix(f"{FILES}/")
    return known.get(place, f"docs/{place}")


def _place(target: str) -> str:
    """Where something of the repository stands in the site."""
    if target in PAGES:
        return PAGES[target]
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return f"{FILES}/{target}/index.md" if (ROOT / target).is_dir() else f"{FILES}/{target}"


def _target(source: str, link: str) -> str | None:
    """What a link of a document leads to, from the repository's root; None where that is not in the repository."""
    if _ELSEWHERE.match(link):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    return target if not target.startswith("..") and (ROOT / target).exists() else None


def _outside(source: str) -> Iterator[str]:
    """What a document links to that is no page and does not lie in docs/."""
    path = ROOT / source
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for link in _LINK.findall(text):
        target = _target(source, link)
        if target is not None and target not in PAGES and not target.startswith("docs/"):
            yield target


def _shown(folder: str) -> list[str]:
    """Files of a folder that a reader can look at."""
    kept = {".json", ".jpg", ".md", ".png", ".toml", ".webp"}
    return [f"{folder}/{each.name}" for each in sorted((ROOT / folder).iterdir()) if each.suffix in kept]


def _listing(folder: str) -> str:
    lines = "".join(f"- [{posixpath.basename(each)}]({posixpath.basename(each)})\n" for each in _shown(folder))
    return f"# {folder}\n\n{lines}"


def _add(files: Any, config: Any, target: str) -> None:
    """A file as it is; once."""
    if target not in PAGES and files.get_file_from_path(_place(target)) is None:
        files.append(File.generated(config, _place(target), abs_src_path=str(ROOT / target)))
