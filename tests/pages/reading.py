"""What a page holds, as a parser sees it."""

from __future__ import annotations

from html.parser import HTMLParser


class Parts(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See the base class."""
        self.tags.append(tag)
        self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        """See the base class."""
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """See the base class."""
        while self.open and self.open.pop() != tag:
            pass
