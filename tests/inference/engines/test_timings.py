"""Measuring engines once for each machine and model, and the file that keeps it, which may fail in any way."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelmend import catalog
from pixelmend.inference import Wish
from pixelmend.inference.engines import timings as module
from pixelmend.inference.engines.table import KINDS
from pixelmend.inference.engines.timings import Timing, cache_file, measure, timings
from tests.inference.engines.fakes import Broken, kind, unloadable

if TYPE_CHECKING:
    from pixelmend.catalog import Card
    from pixelmend.inference.engines.table import Kind

ONNX = KINDS["onnxruntime"]
BOTH = (ONNX, kind("other", module="not_loaded_by_anyone"))


@pytest.fixture
def card(tiny_card: Path) -> Card:
    return catalog.load(tiny_card)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of engines in the order in which they are measured, from an empty cache on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    asked: list[str] = []

    def fake(_card: Card, kind: Kind, _wish: Wish) -> Timing:
        asked.append(kind.name)
        return Timing(kind.name, "cpu", "float32", megapixels_per_second=float(len(asked)), start_seconds=0.5)

    monkeypatch.setattr(module, "measure", fake)
    return asked


def forget() -> None:
    """As a process does that ends."""
    module._remembered.cache_clear()


def test_what_was_measured_is_kept_for_the_next_process(card: Card, measured: list[str]) -> None:
    first = timings(card, BOTH, Wish())
    forget()
    assert timings(card, BOTH, Wish()) == first
    assert [(each.engine, each.megapixels_per_second) for each in first] == [("onnxruntime", 1), ("other", 2)]
    assert measured == ["onnxruntime", "other"]
    (key,) = json.loads(cache_file().read_text())
    for part in (card.sha256, f"onnxruntime {ONNX.version()}", "auto, auto", "cores"):
        assert part in key
    assert [each.name for each in cache_file().parent.iterdir()] == ["engines.json"]


def test_another_model_version_precision_or_device_is_measured_anew(card: Card, measured: list[str]) -> None:
    timings(card, BOTH, Wish())
    timings(replace(card, sha256="0" * 64), BOTH, Wish())
    timings(card, BOTH, Wish(precision="float32"))
    timings(card, BOTH, Wish(device="cpu"))
    timings(card, (BOTH[0], replace(BOTH[1], distributions=("pytest",))), Wish())
    assert len(measured) == 10
    assert len(json.loads(cache_file().read_text())) == 5
    assert timings(card, BOTH, Wish(), fresh=True)[0].megapixels_per_second == 11
    forget()
    assert timings(card, BOTH, Wish())[0].megapixels_per_second == 11


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"text"', "\x00", "wrong type", "too few", "unknown field", "no speed", "not timings"]
)
def test_a_broken_file_is_measured_over(card: Card, measured: list[str], content: str) -> None:
    timings(card, BOTH, Wish())
    (key,) = json.loads(cache_file().read_text())
    good = json.loads(cache_file().read_text())[key]
    broken = {
        "wrong type": [{**good[0], "megapixels_per_second": "fast"}, good[1]],
        "too few": good[:1],
        "unknown field": [{**good[0], "colour": 1}, good[1]],
        "no speed": [{**good[0], "megapixels_per_second": 0}, good[1]],
        "not timings": 7,
    }
    cache_file().write_text(json.dumps({key: broken[content]}) if content in broken else content)
    forget()
    timings(card, BOTH, Wish())
    assert len(measured) == 4
    assert json.loads(cache_file().read_text())[key][0]["megapixels_per_second"] == 3


def test_a_cache_that_cannot_be_written_is_no_error_and_lasts_for_the_process(
    card: Card, measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert timings(card, BOTH, Wish()) == timings(card, BOTH, Wish())
    assert len(measured) == 2


def test_an_engine_that_was_loaded_before_is_not_kept_since_it_starts_faster(card: Card, measured: list[str]) -> None:
    loaded = (ONNX, kind("other", module="json"))
    timings(card, loaded, Wish())
    assert not cache_file().exists()
    # a chip that is named has loaded them all to ask for it
    timings(card, loaded, Wish(device="cuda"))
    assert cache_file().exists()


def test_the_file_does_not_grow_for_ever(card: Card, measured: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    for digit in "01234":
        timings(replace(card, sha256=digit * 64), BOTH, Wish())
    kept = json.loads(cache_file().read_text())
    assert [key[-1] for key in kept] == ["2", "3", "4"]


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_file() == Path(os.environ["XDG_CACHE_HOME"]) / "pixelmend" / "engines.json"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    usual = {"linux": ".cache", "darwin": "Library/Caches", "win32": "AppData/Local"}
    for system, folder in usual.items():
        monkeypatch.setattr(sys, "platform", system)
        assert cache_file() == tmp_path / folder / "pixelmend" / "engines.json"
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_file() == tmp_path / "local" / "pixelmend" / "engines.json"


def test_an_engine_is_really_run(card: Card) -> None:
    timing = measure(card, ONNX, Wish())
    assert (timing.engine, timing.device, timing.precision, timing.fault) == ("onnxruntime", "cpu", "float32", "")
    assert timing.megapixels_per_second > 0
    assert timing.start_seconds >= 0
    assert timing.seconds_for(2) == pytest.approx(timing.start_seconds + 2 / timing.megapixels_per_second)


@pytest.mark.parametrize("failing", [kind("a", Broken), unloadable("a")])
def test_an_engine_that_fails_says_why(card: Card, failing: Kind) -> None:
    timing = measure(card, failing, Wish())
    assert timing.megapixels_per_second == 0
    assert timing.fault.startswith(
        ("this engine knows no such network", "Unloadable is installed but does not load (No module named")
    )
