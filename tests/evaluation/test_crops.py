"""The page of crops shows the same piece of every method, worst first, and never trusts a name."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.errors import DataError
from pixelmend.evaluation import Crops, Entry, PictureScore, Problem
from pixelmend.evaluation.crops import SIDE, piece, worst_first
from pixelmend.images import read_float
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from pathlib import Path


def entry(label: str, scores: dict[str, float], case: str = "σ 25") -> Entry:
    return Entry(
        method=label,
        label=label,
        note="",
        parameters=None,
        weights="",
        dataset="kodak24",
        title="Kodak24",
        task="denoise",
        case=case,
        protocol=Protocol("rgb", "", "noise"),
        threads=1,
        device="cpu",
        machine="",
        versions={},
        expected=3,
        pictures={name: PictureScore(psnr, 0.9, 1.0, lpips=0.12) for name, psnr in scores.items()},
    )


class Links(HTMLParser):
    """Collects pictures and what stands in headings and captions."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See the base class."""
        if tag == "img":
            self.pictures.append(dict(attrs)["src"] or "")

    def handle_data(self, data: str) -> None:
        """See the base class."""
        self.text.append(data.strip())


def test_worst_is_where_the_first_is_ahead_by_least() -> None:
    first = entry("ours", {"a": 30, "b": 31, "c": 29})
    assert worst_first([first]) == ["c", "a", "b"]
    others = [entry("x", {"a": 25, "b": 31.5, "c": 28}), entry("y", {"a": 29.5, "c": 10})]
    assert worst_first([first, *others]) == ["b", "a", "c"]


def test_the_piece_is_where_there_is_detail_and_damage() -> None:
    clean = np.full((400, 500), 0.5, np.float32)
    clean[200:360:2, 300:460] = 1
    clean[0:150:2, 0:150] = 1
    degraded = clean.copy()
    degraded[200:360, 300:460] = 0.75
    top, left = piece(clean, degraded)
    assert abs(top - 200) <= 16
    assert abs(left - 300) <= 16
    assert piece(clean[:20, :30], degraded[:20, :30] + 0.1) == (0, 0)


def test_a_page_links_pictures_that_are_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clean = rng.random((300, 320, 3), dtype=np.float32)
    crops = Crops(tmp_path / "crops")
    names = ["<b>a", "sub/b"]
    entries = [entry(label, dict.fromkeys(names, 30.0)) for label in ("ours & co", "other")]
    for name in names:
        problem = Problem("denoise", name, clean + 0.2, 25)
        for one, level in zip(entries, (0.25, 1.5), strict=True):
            crops.keep(one, clean, problem, np.full_like(clean, level))
    crops.page(entries, tmp_path / "page.html")
    page = Links()
    page.feed((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert len(page.pictures) == 8
    assert all((tmp_path / link).is_file() for link in page.pictures)
    assert "<b>a" in page.text
    assert "ours & co" in page.text
    assert "30.00 dB, LPIPS 0.120" in page.text
    restored = read_float(tmp_path / page.pictures[2], color="rgb")
    assert restored.shape == (SIDE, SIDE, 3)
    assert np.allclose(restored, 0.25, atol=0.01)
    top, left = piece(clean, clean + 0.2)
    shown = read_float(tmp_path / page.pictures[0], color="rgb")
    assert abs(shown - clean[top : top + SIDE, left : left + SIDE]).mean() < 0.1


def test_gray_small_and_enlarged_pictures_are_shown(tmp_path: Path) -> None:
    clean = np.random.default_rng(1).random((40, 60), dtype=np.float32)
    one = entry("ours", {"p": 20.0})
    crops = Crops(tmp_path / "crops")
    crops.keep(one, clean, Problem("super-resolve", "p", clean[::2, ::2], scale=2), clean)
    crops.page([one], tmp_path / "page.html")
    pictures = list((tmp_path / "crops").rglob("*.webp"))
    assert len(pictures) == 3
    assert {read_float(path, color="gray").shape for path in pictures} == {(40, 60)}


def test_only_so_many_of_each_set_and_case(tmp_path: Path) -> None:
    entries = [entry("ours", {"a": 1, "b": 2, "c": 3}, case) for case in ("σ 15", "σ 25")]
    Crops(tmp_path / "crops").page(entries, tmp_path / "page.html", most=2)
    page = Links()
    page.feed((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert len(page.pictures) == 2 * 2 * 3


def test_a_page_far_from_its_crops_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="below the page's folder"):
        Crops(tmp_path / "crops").page([entry("ours", {"a": 1.0})], tmp_path / "elsewhere" / "page.html")
