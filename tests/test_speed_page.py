"""benchmarks/speed.py: what follows from measured figures, and docs/speed.md, made from what is stored."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.measuring import systems
from benchmarks.measuring.goals import Goal, goals, share
from benchmarks.measuring.page import shown, text
from benchmarks.measuring.peers import PEERS
from benchmarks.measuring.quality import PUBLISHED, compression, quality
from benchmarks.measuring.record import Report, Restored, Shipped, System, the_chosen, the_default, the_system
from benchmarks.measuring.rounds import fastest, ratio, seconds_of, slope, spread, take_turns
from benchmarks.speed import write_page
from pixelmend import catalog
from pixelmend.errors import DataError
from pixelmend.images import decode

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).resolve().parents[1] / "docs"
STORED, PAGE = DOCS / "results" / "speed.json", DOCS / "speed.md"


def system(name: str, speeds: tuple[float, ...], **other: Any) -> System:
    """A system that restores 1000×1000 pixels at these megapixels a second."""
    network, _, rest = name.partition(", ")
    engine, _, precision = rest.rpartition(" ")
    kind = "ours" if network in systems.OURS else "peer"
    values = {
        "name": name,
        "kind": kind,
        "network": network,
        "engine": engine,
        "precision": precision,
        "layout": "contiguous" if kind == "peer" else "",
        "default": False,
        "side": 1000,
        "seconds": tuple(1 / each for each in speeds),
        "start_up": 0.5,
        "peak_mb": 100.0,
        "call_mb": 50.0,
        "memory_side": 512,
        "weight_bytes": 2_000_000,
        "macs_per_pixel": 1e5,
        "db": 31.2,
        "db_source": "made up",
    }
    return System(**{**values, **other})


def grown(network: str, megapixels: float, seconds: float, peak_mb: float) -> Restored:
    """A photograph in one piece, restored as installed."""
    return Restored(network, "onnxruntime", "ONNX Runtime", "int8", megapixels, megapixels, seconds, peak_mb)


@pytest.fixture
def report() -> Report:
    """A run of three rounds in which everything is reached that does not need compression; figures are made up."""
    return Report(
        machine={"processor": "made up", "cores": "2", "flags": ""},
        threads=2,
        quick=False,
        systems=(
            system("nano, ONNX Runtime int8", (6.0, 7.0, 14.0), default=True, macs_per_pixel=2e4, db=30.9),
            system("nano, PyTorch bfloat16", (7.0, 8.0, 16.0), macs_per_pixel=2e4, db=30.9),
            system("small, ONNX Runtime int8", (1.5, 1.6, 4.0), default=True, db=31.4),
            system("small, ONNX Runtime float32", (0.7, 0.7, 1.5), db=31.4),
            system("small, OpenVINO int8", (3.0, 3.2, 8.0), db=31.4),
            replace(system("DnCNN, PyTorch float32", (0.1, 0.1, 0.2)), name="DnCNN, contiguous", start_up=None),
            system("DnCNN, PyTorch float32", (0.2, 0.2, 0.4), layout="channels last"),
            system("Restormer, PyTorch float32", (0.01, 0.01, 0.02), db=31.79),
            system(
                "non-local means, OpenCV",
                (0.3, 0.3, 0.3),
                engine="OpenCV",
                precision="",
                layout="",
                macs_per_pixel=None,
                weight_bytes=None,
                db=None,
                db_source="not measured",
            ),
        ),
        absent={"BM3D": "the package bm3d is not installed"},
        rates={"float32": (4e11, 4e11, 4e11), "int8": (6e11, 6e11, 9e11)},
        photographs=(
            Restored("small", "onnxruntime", "ONNX Runtime", "int8", 12.0, 18.0, 12.0, 400.0),
            Restored("small", "auto", "OpenVINO", "int8", 12.0, 18.0, 6.0, 600.0),
            Restored("nano", "onnxruntime", "ONNX Runtime", "int8", 12.0, 15.0, 3.0, 350.0),
            Restored("nano", "auto", "PyTorch", "bfloat16", 12.0, 15.0, 2.5, 650.0),
        ),
        growth=tuple(grown("nano", size, 0.5 + size / 4, 300 + size) for size in (0.1, 1.0, 10.0, 100.0)),
        shipped=(
            Shipped("denoise-small", "denoise", 2_000_000, 2_000_000, "int8"),
            Shipped("denoise-nano", "denoise", 600_000, 280_000, "float32"),
            Shipped("dejpeg-small", "dejpeg", 2_000_000, 2_000_000, "int8"),
        ),
    )


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Rows of compression, as their own script writes them."""
    same = {"task": "denoise", "macs_per_pixel": 1e5, "float_db": 31.4, "protocol": "CBSD68 sigma 25"}
    return [
        {"name": "denoise-small", "step": "int8", "bytes": 2_000_000, "db": 31.35, **same},
        {"name": "denoise-small", "step": "pruned int8", "bytes": 1_000_000, "db": 31.25, **same},
        {"name": "dejpeg-small", "step": "int8", "bytes": 2_000_000, "db": 31.22, **same},
    ]


def states(found: tuple[Goal, ...]) -> dict[str, str]:
    return {goal.what: goal.state for goal in found}


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    # The machine was half as fast in the second round: the ratio of the medians would be 12 / 2 = 6.
    found = ratio([12.0, 5.0, 20.0], [4.0, 1.0, 2.0])
    assert (found.median, found.low, found.high) == (5.0, 3.0, 10.0)
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0], [1.0, 2.0])
    assert spread([4.0, 1.0]).median == 2.5


def test_each_has_a_turn_in_each_round_and_no_one_is_always_first() -> None:
    order: list[str] = []

    def turn(name: str) -> Callable[[], float]:
        return lambda: order.append(name) or float(len(order))  # type: ignore[func-returns-value]

    found = take_turns({"a": turn("a"), "b": turn("b")}, rounds=3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": (1.0, 4.0, 5.0), "b": (2.0, 3.0, 6.0)}


def test_the_first_call_counts_only_where_calls_are_long() -> None:
    def clock_of(*durations: float) -> Callable[[], float]:
        times = iter([t for start, d in enumerate(durations) for t in (start * 100.0, start * 100.0 + d)])
        return lambda: next(times)

    assert seconds_of(lambda: None, 1.0, clock_of(5.0)) == 5.0
    assert seconds_of(lambda: None, 1.0, clock_of(0.75, 0.25, 0.5, 0.375)) == 0.375


def test_cost_in_proportion_has_slope_one() -> None:
    sizes = [0.1, 1, 10, 100]
    assert math.isclose(slope(sizes, [3 * s for s in sizes]), 1)
    assert math.isclose(slope(sizes, [3 * s**2 for s in sizes]), 2)
    with pytest.raises(ValueError, match="2 or more"):
        slope([1.0, 1.0], [1.0, 2.0])


def test_the_faster_form_counts() -> None:
    forms = {"a": "net", "a, channels last": "net", "b": "other"}
    seconds = {"a": (2.0, 2.0, 9.0), "a, channels last": (1.0, 3.0, 3.0), "b": (9.0, 9.0, 9.0)}
    assert fastest(forms, seconds) == {"a", "b"}


def test_what_was_measured_is_read_as_it_was_written(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "speed.json")
    assert Report.read(tmp_path / "speed.json") == report


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 0, "systems": [{}]}'])
def test_a_file_that_is_not_ours_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text(content)
    with pytest.raises(DataError, match="run make bench"):
        Report.read(tmp_path / "speed.json")


def test_all_is_met_where_all_is_reached(report: Report, rows: list[dict[str, Any]]) -> None:
    found = goals(report, rows)
    missed = {what: state for what, state in states(found).items() if state != "met"}
    assert missed == {
        "lost by int8, the most of all tasks": "missed",  # dejpeg-small lost 0.18 dB
        "power by which time grows, small": "not measured",
        "memory over that for 1 megapixel, small": "not measured",
    }
    by_name = {goal.what: goal for goal in found}
    dncnn = by_name["small over DnCNN, at its PSNR or better, as installed"]
    assert dncnn.value == pytest.approx(16)  # over PyTorch's usual layout, though the other is faster
    assert "| 16 × (8 × over its faster layout) |" in str(dncnn)
    assert by_name["small over DnCNN, at its PSNR or better, with every engine"].value == pytest.approx(32)
    assert by_name["nano over DnCNN, with every engine"].value == pytest.approx(80)
    assert "(OpenVINO int8)" in str(by_name["12 megapixels, small, with every engine"])
    assert by_name["share of the matrix rate, small"].value == pytest.approx(100 * 1.6e6 * 2e5 / 6e11)
    assert by_name["pruned and int8 smaller than float32"].value == pytest.approx(87.5)
    assert by_name["memory over that for 1 megapixel, to 100 megapixels, nano"].value == pytest.approx(400 / 301)


def test_faster_at_less_psnr_is_missed(report: Report) -> None:
    worse = tuple(replace(s, db=31.0) if s.network == "small" else s for s in report.systems)
    goal = goals(replace(report, systems=worse), ())[0]
    assert goal.state == "missed"
    assert "31.00 dB, DnCNN 31.20 dB" in str(goal)


def test_nothing_measured_is_nothing_missed(report: Report) -> None:
    empty = replace(report, systems=(), rates={}, photographs=(), growth=(), shipped=())
    assert set(states(goals(empty, ())).values()) == {"not measured"}


def test_a_trial_says_nothing_of_12_megapixels(report: Report) -> None:
    trial = replace(report, photographs=(grown("small", 0.2, 0.5, 100.0),))
    assert states(goals(trial, ()))["12 megapixels, small, as installed"] == "not measured"


def test_every_task_is_in_int8_or_is_named(report: Report, rows: list[dict[str, Any]]) -> None:
    def lost(rows: list[dict[str, Any]]) -> Goal:
        return {goal.what: goal for goal in goals(report, rows)}["lost by int8, the most of all tasks"]

    small = [row for row in rows if row["name"] == "denoise-small"]
    assert lost(small).state == "missed"
    assert "(no int8 for dejpeg)" in str(lost(small))
    assert lost([]).state == "not measured"
    # Another size of a task that is there may be refused; it is told, and is not among what ships.
    rows[2]["db"] = 31.35
    nano = {**small[0], "name": "denoise-nano", "db": 31.0, "shipped": False, "reason": "loses 0.400 dB"}
    assert lost([*rows, nano]).state == "met"
    assert lost([*rows, nano]).value == pytest.approx(0.05)
    assert "denoise-nano 0.400 dB" in str(lost([*rows, nano]))
    # A task of which all are refused is not in int8.
    refused = {**rows[2], "shipped": False, "reason": "loses too much"}
    assert "(no int8 for dejpeg)" in str(lost([*rows[:2], refused]))


def test_a_bound_is_a_floor_or_a_ceiling() -> None:
    assert [Goal("", value, 2.0, at_least=True).state for value in (1.9, 2.0)] == ["missed", "met"]
    assert [Goal("", value, 2.0).state for value in (2.0, 2.1)] == ["met", "missed"]


def test_the_form_that_is_meant_is_found(report: Report) -> None:
    default, chosen, dncnn = the_default(report, "small"), the_chosen(report, "small"), the_system(report, "DnCNN")
    usual = the_system(report, "DnCNN", layout="contiguous")
    assert None not in (default, chosen, dncnn, usual)
    assert [s.name for s in (default, chosen, dncnn, usual) if s] == [
        "small, ONNX Runtime int8",
        "small, OpenVINO int8",
        "DnCNN, PyTorch float32",
        "DnCNN, contiguous",
    ]
    assert the_chosen(report, "base") is None
    assert the_system(report, "small", "PyTorch") is None
    assert share(report, report.systems[-1]) is None


def test_the_page_shows_every_system_once_the_fastest_first(report: Report, rows: list[dict[str, Any]]) -> None:
    page = text(report, rows)
    table = page.split("## Side by side")[1].split("## What each needs")[0]
    names = [line.split(" | ")[0].strip("| ").replace("**", "") for line in table.splitlines() if "PyTorch" in line]
    assert names[1:] == ["DnCNN, PyTorch float32", "Restormer, PyTorch float32"]
    assert [s.network for s in shown(report)][:3] == ["nano", "nano", "small"]
    assert "| **small, ONNX Runtime int8** (as installed) | 1.6 | 1.5–4 | 8 (7.5–10) | 160 (150–200) |" in page
    assert "| **small, OpenVINO int8** (with every engine) | 3.2 |" in page
    # 12 megapixels at 1.6 a second, of which 18 were computed
    assert (
        "the network alone 7.50 s, 62 % of the 12.00 s; pieces that overlap (18.0 megapixels) add 3.75 s, 31 %" in page
    )
    assert "BM3D was not measured: the package bm3d is not installed." in page
    assert "| dejpeg-small | denoise | int8 | 2.00 | 100.0 | 31.22 | 0.180 | CBSD68 sigma 25 |  |" in page
    refused = text(report, [{**rows[0], "shipped": False, "reason": "more than 0.10 dB is lost"}])
    assert "| CBSD68 sigma 25 | **not shipped**: more than 0.10 dB is lost |" in refused
    assert "## Compression" not in text(report, ())
    assert "trial" in text(replace(report, quick=True), ())


def test_the_page_and_its_plots_are_made_without_measuring(report: Report, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    report.write(tmp_path / "results" / "speed.json")
    assert write_page(tmp_path)
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == text(report, ())
    for name in ("speed", "speed-size"):
        assert decode(tmp_path / "results" / f"{name}.webp").width == 1200


def test_the_page_is_what_its_script_writes() -> None:
    if not STORED.is_file() and not PAGE.is_file():
        pytest.skip("docs/results/speed.json does not exist yet: make bench writes it")
    assert text(Report.read(STORED), compression(DOCS / "results" / "compression.json")) == PAGE.read_text("utf-8")


def test_no_figure_of_a_peer_is_missing_or_invented() -> None:
    assert {kind.network for kind in PEERS} == PUBLISHED.keys()
    assert [name for name, each in PUBLISHED.items() if not each.source] == []


def test_our_psnr_is_that_of_the_file_that_ships() -> None:
    for each in systems.candidates():
        if each.kind == "ours" and each.default:
            card = catalog.by_name(f"denoise-{each.network}")
            on_the_card = [s.psnr for s in card.scores if (s.dataset, s.case) == ("cbsd68", "σ 25")]
            assert [quality(each, DOCS / "results").db] == on_the_card


def test_rows_of_compression_are_checked(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "compression.json"
    assert compression(path) == []
    path.write_text(json.dumps({"rows": rows}))
    assert compression(path) == rows
    del rows[0]["db"]
    path.write_text(json.dumps({"rows": rows}))
    with pytest.raises(DataError, match="lack db"):
        compression(path)
    path.write_text(json.dumps({"rows": [{**rows[1], "shipped": False}]}))
    with pytest.raises(DataError, match="lack reason"):
        compression(path)
