"""The report of a folder: failures on top, all names only text, sorted and searched in a browser, in flat memory."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pixelmend.pages import Change, Entry, Place, save_change, write_folder_page
from tests.pages.reading import Parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browsing import Browser, Step

ENTRIES = [
    Entry("b 10.jpg", did="denoise, denoise-small", found="500×500 colour", seconds=0.5, output="out/b 10%.jpg"),
    Entry("sub/c.jpg", error="cannot read sub/c.jpg: it is empty"),
    Entry("b 9.jpg", did="deblur, deblur-small", seconds=2.0, notes=("CMYK was converted",)),
]


def some(count: int) -> Iterator[Entry]:
    """Entries, one after the other."""
    for number in range(count):
        yield Entry(f"{number}.png", did="denoise", seconds=1.0, before="x_crops/a.webp", after="x_crops/b.webp")


def test_failures_stand_first_and_all_is_told(tmp_path: Path) -> None:
    write_folder_page(tmp_path / "new" / "x.html", ENTRIES, title="T", facts=["Took 3 s."])
    page = Parts((tmp_path / "new" / "x.html").read_text(encoding="utf-8"))
    assert [text for text in page.text if text.endswith(".jpg")] == ["sub/c.jpg", "b 10.jpg", "b 9.jpg"]
    words = {"T", "Took 3 s.", "cannot read sub/c.jpg: it is empty", "denoise, denoise-small, 0.50 s", "500×500 colour"}
    assert words | {"CMYK was converted"} <= set(page.text)
    assert any(text.startswith("3 pictures: 1 failed, 1 with notes") for text in page.text)
    assert page.addresses == ["out/b%2010%25.jpg"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.html"]


def test_names_are_only_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&{{title}}"
    entry = Entry(evil, did=evil, found=evil, notes=(evil,), error=evil, output=evil, before=evil)
    broken = Entry("not \udcff text", output="not \udcff text")
    write_folder_page(tmp_path / "x.html", [entry, broken], title=evil, facts=[evil])
    page = Parts((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert page.tags.count("img") == 1
    assert sum(text == evil for text in page.text) == 8
    assert "not%20%FF%20text" in page.addresses
    assert "not ? text" in page.text


def test_a_run_that_is_stopped_leaves_what_it_told(tmp_path: Path) -> None:
    def entries() -> Iterator[Entry]:
        yield ENTRIES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder_page(tmp_path / "x.html", entries(), title="T")
    assert "b 10.jpg" in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_memory_does_not_grow_with_the_folder(tmp_path: Path) -> None:
    peaks = []
    for count in (3000, 12000):
        tracemalloc.start()
        write_folder_page(tmp_path / "x.html", some(count), title="T")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3


SHOWN: Step = {
    "evaluate": "[...document.querySelectorAll('article')].filter((a) => !a.hidden)"
    ".map((a) => a.querySelector('h3').textContent)"
}


def chosen(control: str, value: str) -> Step:
    """Choose a value of a list, as a reader does."""
    return {
        "evaluate": f"(() => {{ const it = document.getElementById('{control}'); it.value = '{value}';"
        " it.dispatchEvent(new Event('change')); })()"
    }


def test_a_reader_sorts_and_searches(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    write_folder_page(path, ENTRIES, title="T")
    steps: list[Step] = [SHOWN, chosen("sort", "name"), SHOWN, chosen("sort", "seconds"), SHOWN, chosen("sort", "run")]
    steps += [SHOWN, chosen("show", "failed"), SHOWN, chosen("show", ""), {"focus": "#find"}, {"type": "DEBLUR"}, SHOWN]
    seen = browser.open(path.as_uri(), steps)
    assert seen["errors"] == []
    assert seen["addresses"] == [path.as_uri()]
    told = [value for value in seen["values"] if value is not None]
    in_order, by_name = ["sub/c.jpg", "b 10.jpg", "b 9.jpg"], ["sub/c.jpg", "b 9.jpg", "b 10.jpg"]
    assert told == [in_order, by_name, by_name, in_order, ["sub/c.jpg"], ["b 9.jpg"]]


def test_crops_load_as_they_are_reached(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    pixels = np.zeros((192, 192, 3), np.uint8)
    crops = save_change(Change(Place(0, 0, 192, 192, 0.0), pixels, pixels + np.uint8(9)), path, "a")
    for number in range(400):  # addresses of their own, since what was loaded before is there at once
        for crop in crops:
            (tmp_path / f"{crop}{number}.webp").hardlink_to(tmp_path / crop)
    told = (
        Entry(f"{i}.png", seconds=1.0, before=f"{crops[0]}{i}.webp", after=f"{crops[1]}{i}.webp") for i in range(400)
    )
    write_folder_page(path, told, title="T")
    loaded = "[...document.querySelectorAll('img')].filter((image) => image.complete && image.naturalWidth).length"
    seen: dict[str, Any] = browser.open(
        path.as_uri(), [{"wait": f"{loaded} > 0"}, {"evaluate": loaded}, {"evaluate": "document.images.length"}, SHOWN]
    )
    some_of_them, all_of_them, names = seen["values"]
    assert seen["errors"] == []
    assert all_of_them == 800
    assert 0 < some_of_them < 100
    assert len(names) == 400
