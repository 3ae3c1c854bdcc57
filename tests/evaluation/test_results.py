"""Results survive the disk, carry all that a number depends on, and refuse files of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import DataError
from pixelmend.evaluation import Entry, PictureScore, Results
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from pathlib import Path


def entry(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "method": "m",
        "label": "m",
        "parameters": 3,
        "weights": "ab",
        "dataset": "kodak24",
        "title": "Kodak24",
        "sigma": 25.0,
        "protocol": Protocol(color="rgb", dataset_checksum="cd"),
        "threads": 2,
        "device": "cpu",
        "expected": 24,
        "pictures": {"a": PictureScore(30.0, 0.8, 1.0), "b": PictureScore(32.0, 0.9, 2.0)},
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


def test_the_file_tells_means_counts_protocol_and_versions(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    results.entry(entry())
    results.entry(entry(sigma=50.0, pictures={}))
    results.save()
    stored = json.loads((tmp_path / "r.json").read_text())
    first, second = stored["entries"]
    assert first["mean"] == {"psnr": 31.0, "ssim": pytest.approx(0.85), "seconds": 1.5}
    assert first["count"] == 2
    assert first["protocol"]["rounding"] == "8-bit"
    assert second["mean"] is None
    assert {"python", "numpy", "scikit-image", "torch"} <= stored["versions"].keys()


def test_an_entry_keeps_its_scores_under_a_new_label(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    results.entry(entry())
    kept = results.entry(entry(label="m (file)", pictures={}))
    assert kept.label == "m (file)"
    assert list(kept.pictures) == ["a", "b"]
    assert not results.entry(entry(weights="other", pictures={})).pictures


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "entries": []}', '{"format": 1, "entries": [1]}'])
def test_a_file_of_something_else_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(DataError, match="move it away"):
        Results(path)
    assert path.read_text() == text
