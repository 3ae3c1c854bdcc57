"""What every page has in common: its head, its colours, and a policy under which nothing comes from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; --line: #8885; --soft: #8882;
  --accent: light-dark(#0b57d0, #8ab4f8); --bad: light-dark(#b3261e, #f2b8b5); }
body { margin: 1rem auto; max-width: 96rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; font-weight: 600; overflow-wrap: anywhere; }
figure { margin: 0; }
figcaption { font-size: .9rem; overflow-wrap: anywhere; }
img { display: block; background: var(--soft); }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
button, select, input { font: inherit; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<title>{{title}}</title>
<style>{{style}}</style>
</head>
<body>
"""


def opening(title: str, *, style: str = "", script: str = "") -> str:
    """A page up to where its body begins; for pages that are written piece by piece.

    Args:
        title: Plain text.
        style: CSS of this page, after that of every page.
        script: The JavaScript that `closing` will be given; nothing else may run in the page.
    """
    whole = STYLE + style
    scripts = f"script-src {_hash(script)}; " if script else ""
    policy = f"default-src 'none'; img-src 'self' data: file:; {scripts}style-src {_hash(whole)}"
    return filled(_PAGE, {"policy": policy, "title": html.escape(title), "style": whole})


def closing(script: str = "") -> str:
    """The end of a page."""
    run = f'<script type="module">{script}</script>' if script else ""
    return f"{run}\n</body>\n</html>\n"


def frame(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A whole page.

    Args:
        title: Plain text.
        body: HTML.
        style: CSS of this page.
        script: JavaScript of this page, run at its end.
    """
    return opening(title, style=style, script=script) + body + closing(script)


def figure(address: str, words: str, *, size: tuple[int, int] | None = None, lazy: bool = True) -> str:
    """A picture and what it is.

    Args:
        address: Of the picture: relative to the page, or a data address.
        words: Plain text; a line break becomes one. The first line also stands for the picture where it is not seen.
        size: Its height and width in pixels, so that nothing moves once it is there.
        lazy: Load it only when it comes near to being seen.
    """
    lines = words.split("\n")
    sized = "" if size is None else f' height="{size[0]}" width="{size[1]}"'
    later = ' loading="lazy"' if lazy else ""
    image = f'<img src="{html.escape(address)}" alt="{html.escape(lines[0])}"{sized}{later}>'
    return f"<figure>{image}<figcaption>{'<br>'.join(map(html.escape, lines))}</figcaption></figure>"


def filled(template: str, values: dict[str, str]) -> str:
    """A template with ``{{name}}`` replaced, all at once: what is put in is not searched again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def asset(name: str) -> str:
    """A file that lies beside this one: HTML, CSS or JavaScript."""
    return (files("pixelmend.pages") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
