"""The page of one comparison: two pictures under a slider, one file that holds everything and asks for nothing."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelmend.pages.crops import data_address, pair_of
from pixelmend.pages.frame import asset, figure, filled, frame
from pixelmend.pages.places import places_of_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelmend.images import Upright
    from pixelmend.pages.places import Place

MOST_PIXELS = 4_000_000
"""Of each picture in a page; larger ones are reduced there, so that the file stays within some 30 MB."""
_LONGEST = 16_000  # pixels a side: WebP holds 16383
CROP = 160
"""Height and width of the pieces that are shown on their own, pixels."""
MOST_CROPS = 6


@dataclass(frozen=True, eq=False)
class Side:
    """A picture and what the page calls it.

    Attributes:
        name: Such as the name of its file.
        picture: Its pixels.
    """

    name: str
    picture: Upright


def before_after_page(
    sides: Sequence[Side], *, title: str, table: Sequence[Sequence[str]] = (), notes: Sequence[str] = ()
) -> str:
    """The page as HTML.

    Args:
        sides: Before and after, of one size; and perhaps what both are measured against.
        title: Plain text.
        table: What was measured: the first row holds the headings.
        notes: What a reader must know, a sentence each.

    Raises:
        UnreadableError: A picture is damaged.
    """
    before, after = sides[0].picture, sides[1].picture
    shown = [side.picture.whole(max_pixels=MOST_PIXELS, max_side=_LONGEST) for side in sides]
    height, width = shown[0].shape[:2]
    notes = list(notes)
    if (height, width) != (before.height, before.width):
        notes.append(
            f"The pictures are {before.width}×{before.height}; under the slider they are reduced to {width}×{height}. "
            "The pieces below are shown pixel for pixel."
        )
    places = places_of_change(before, after, side=CROP, most=MOST_CROPS)
    body = filled(
        asset("before_after.html"),
        {
            "title": html.escape(title),
            "pictures": "".join(_layer(*each) for each in zip(sides, map(data_address, shown), strict=True)),
            "choice": "" if len(sides) == 2 else _choice(sides),
            "before": html.escape(sides[0].name),
            "after": html.escape(sides[1].name),
            "table": _table(table),
            "notes": "".join(f"<p>{html.escape(note)}</p>" for note in notes),
            "crops": "".join(_crops(sides, place, (height, width)) for place in places),
        },
    )
    style, script = (asset(f"viewer.{kind}") + asset(f"before_after.{kind}") for kind in ("css", "js"))
    return frame(title, body, style=style, script=script)


def _layer(side: Side, address: str) -> str:
    name = html.escape(side.name)
    return f'<div class="layer"><img src="{address}" alt="{name}" draggable="false"></div>\n'


def _choice(sides: Sequence[Side]) -> str:
    """Which picture stands on which side of the slider, where there are more than two."""
    choices = []
    for at, word in enumerate(("left", "right")):
        options = "".join(
            f'<option value="{i}"{" selected" if i == at else ""}>{html.escape(side.name)}</option>'
            for i, side in enumerate(sides)
        )
        choices.append(f'<label>{word} <select id="{word}">{options}</select></label>')
    return "".join(choices)


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _crops(sides: Sequence[Side], place: Place, size: tuple[int, int]) -> str:
    """A piece of both pictures, and a button that leads to it under the slider."""
    whole = sides[0].picture
    pair = pair_of(sides[0].picture, sides[1].picture, place)
    figures = "".join(
        figure(data_address(pixels), side.name, size=(place.height, place.width))
        for side, pixels in zip(sides, (pair.before, pair.after), strict=False)
    )
    x = (place.left + place.width / 2) * size[1] / whole.width
    y = (place.top + place.height / 2) * size[0] / whole.height
    words = f"{place.left}, {place.top}: {place.change:.1f} of 255 apart"
    button = f'<button class="go" data-x="{x:.1f}" data-y="{y:.1f}">Show there</button>'
    return f'<section><h3>{words} {button}</h3><div class="pair">{figures}</div></section>\n'
