"""Results survive the disk, carry all that a number depends on, and refuse files of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import DataError
from pixelmend.evaluation import Entry, PictureScore, Results
from pixelmend.evaluation.results import versions
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from pathlib import Path


def entry(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "method": "m",
        "label": "m",
        "note": "",
        "parameters": 3,
        "weights": "ab",
        "dataset": "kodak24",
        "title": "Kodak24",
        "task": "denoise",
        "case": "σ 25",
        "protocol": Protocol(color="rgb", dataset_checksum="cd", damage="noise"),
        "threads": 2,
        "device": "cpu",
        "machine": "a machine",
        "versions": {"numpy": "1"},
        "expected": 24,
        "pictures": {
            "a": PictureScore(30.0, 0.8, 1.0, lpips=0.25, gmacs=3.5),
            "b": PictureScore(32.0, None, 2.0, memory_mb=7.0),
        },
        "failed": {"c": "broken"},
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    results = Results(tmp_path / "out" / "r.json")
    results.entry(entry())
    results.save()
    again = Results(tmp_path / "out" / "r.json")
    assert list(again.entries.values()) == [entry()]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["r.json"]


def test_scores_are_kept_to_six_digits(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    results.entry(entry(pictures={"a": PictureScore(30.12345678, 0.5, 1.0)}))
    results.save()
    (kept,) = Results(tmp_path / "r.json").entries.values()
    assert kept.pictures["a"].psnr == 30.123457


def test_the_file_tells_protocol_and_versions_and_a_picture_in_a_line(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    results.entry(entry())
    results.entry(entry(case="σ 50", pictures={}))
    results.save()
    text = (tmp_path / "r.json").read_text()
    stored = json.loads(text)
    first, second = stored["entries"]
    assert first["pictures"]["a"] == {"psnr": 30.0, "ssim": 0.8, "seconds": 1.0, "lpips": 0.25, "gmacs": 3.5}
    assert sum('"psnr": 30.0' in line and '"lpips": 0.25' in line for line in text.splitlines()) == 1
    assert first["protocol"]["rounding"] == "8-bit"
    assert second["pictures"] == {}
    assert first["versions"] == {"numpy": "1"}
    assert {"python", "numpy", "scikit-image", "torch", "pixelmend"} <= versions().keys()


def test_means_are_over_the_pictures_that_have_the_score() -> None:
    assert entry().mean("psnr") == 31.0
    assert entry().mean("ssim") == 0.8
    assert entry().mean("dists") is None
    assert entry().values("memory_mb") == {"b": 7.0}


def test_an_entry_can_be_narrowed() -> None:
    narrowed = entry().narrowed(["b", "c", "z"])
    assert list(narrowed.pictures) == ["b"]
    assert narrowed.failed == {"c": "broken"}
    assert list(entry().pictures) == ["a", "b"]


def test_an_entry_keeps_its_scores_under_a_new_label(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    results.entry(entry())
    kept = results.entry(entry(label="m (file)", pictures={}))
    assert kept.label == "m (file)"
    assert list(kept.pictures) == ["a", "b"]
    for change in ({"weights": "other"}, {"note": "fewer steps"}, {"versions": {"numpy": "2"}}, {"machine": "other"}):
        assert not results.entry(entry(**change, pictures={})).pictures


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1, "entries": []}',
        '{"format": 2, "entries": [1]}',
    ],
)
def test_a_file_of_something_else_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(DataError, match="move it away"):
        Results(path)
    assert path.read_text() == text
