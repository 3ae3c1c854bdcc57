"""Plots hold a panel for each set and a point for each method that has the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.errors import UsageError
from pixelmend.evaluation import Entry, PictureScore
from pixelmend.evaluation.plots import COSTS, _apart, _panels, _points, plot_costs
from pixelmend.images import read_rgb8
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from pathlib import Path


def entry(label: str, case: str = "σ 25", *, parameters: int | None = None, title: str = "Kodak24") -> Entry:
    return Entry(
        method=label,
        label=label,
        note="",
        parameters=parameters,
        weights="",
        dataset=title.lower(),
        title=title,
        task="denoise",
        case=case,
        protocol=Protocol("rgb", "", "noise"),
        threads=1,
        device="cpu",
        machine="a machine",
        versions={},
        expected=3,
        pictures={f"p{i}": PictureScore(30.0 + i, 0.9, 2.0, gmacs=4.0 if parameters else None) for i in range(3)},
    )


def test_a_panel_is_the_middle_case_that_is_told() -> None:
    cases = ["σ 15", "σ 25", "σ 50", "σ 15, blind", "σ 25, blind", "σ 50, blind"]
    (panel,) = _panels([entry(label, case) for label in ("a", "b") for case in cases])
    assert panel[0] == "Kodak24, denoise, σ 25"
    assert [one.label for one in panel[1]] == ["a", "b"]
    assert len(_panels([entry("a"), entry("a", title="CBSD68")])) == 2


def test_a_panel_is_the_middle_of_the_cases_that_the_first_method_has() -> None:
    entries = [entry("ours", "×2"), *(entry("bicubic", case) for case in ("×2", "×3", "×4"))]
    (panel,) = _panels(entries)
    assert panel[0] == "Kodak24, denoise, ×2"
    assert [one.label for one in panel[1]] == ["ours", "bicubic"]
    blind = [entry("ours", "σ 15, blind"), entry("other", "σ 15"), entry("other", "σ 15, blind")]
    assert _panels(blind)[0][0] == "Kodak24, denoise, σ 15, blind"


def test_means_over_fewer_pictures_are_left_out() -> None:
    few = entry("few")
    few.pictures.pop("p2")
    (panel,) = _panels([entry("a"), few, entry("b")])
    assert [one.label for one in panel[1]] == ["a", "b"]


def test_points_have_their_cost_and_interval() -> None:
    entries = [entry("net", parameters=2_000_000), entry("bm3d")]
    (time, slow) = _points(entries, COSTS["time"])
    assert (time.label, time.cost, time.psnr) == ("net", 2.0, 31.0)
    assert slow.label == "bm3d"
    assert [(point.label, point.cost) for point in _points(entries, COSTS["size"])] == [("net", 2.0)]
    assert _points(entries, COSTS["memory"]) == []


@pytest.mark.parametrize("cost", ["time", "size", "work"])
def test_something_is_drawn(tmp_path: Path, cost: str) -> None:
    entries = [entry(label, title=title, parameters=10**6) for title in ("Kodak24", "CBSD68") for label in ("a", "b")]
    assert plot_costs(entries, cost, tmp_path / "plot.webp")
    picture = read_rgb8(tmp_path / "plot.webp")
    assert picture.shape[1] == 1200
    assert (picture < 128).mean() > 0.001


def test_doing_nothing_has_no_point() -> None:
    assert _points([entry("degraded")], COSTS["time"]) == []


def test_labels_keep_a_line_apart_in_the_same_order() -> None:
    heights = [0.5, 0.51, 0.52, 0.1, 0.9, 0.905]
    moved = _apart(heights)
    assert np.diff(sorted(moved)).min() > 0.05
    assert np.argsort(moved).tolist() == np.argsort(heights).tolist()
    assert moved[3] == 0.1


def test_nothing_is_drawn_where_nothing_is_known(tmp_path: Path) -> None:
    assert not plot_costs([entry("bm3d")], "size", tmp_path / "plot.webp")
    assert not (tmp_path / "plot.webp").exists()
    with pytest.raises(UsageError, match="time"):
        plot_costs([entry("a")], "price", tmp_path / "plot.webp")
