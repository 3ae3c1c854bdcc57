"""`--task auto`: it does what diagnosis advises, and nothing to a clean picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pixelmend
from pixelmend import diagnosis
from pixelmend.errors import ModelError, UsageError
from pixelmend.images import decode, open_image, read_rgb8, save, shrunk
from pixelmend.inference import Options, Settings, begin, restore_file
from pixelmend.inference.auto import NoEngine

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXAMPLES = Path(__file__).parents[2] / "examples"
AUTO = Settings("auto")


def advised(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Whatever the picture, this is the advice."""
    nothing = diagnosis.Advice(task=None, sigma=None, scale=None, reason="it is fine")
    monkeypatch.setattr("pixelmend.inference.auto.advise", lambda _found: replace(nothing, **changes))


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("lighthouse_noisy.png", "denoise"),
        ("statue_gray_noisy.png", "denoise"),
        ("houses_blocky.jpg", "dejpeg"),
    ],
)
def test_examples_get_what_they_need(name: str, task: str) -> None:
    work = begin(decode(EXAMPLES / name), AUTO)
    assert work.weights is not None
    assert work.weights.card.task == task
    assert work.why.startswith(f"{task} was chosen: ")


def test_a_clean_picture_is_left_alone_and_its_file_is_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    advised(monkeypatch)
    source = EXAMPLES / "barn_evening.jpg"
    report = restore_file(source, tmp_path / "b.jpg", AUTO)
    assert (tmp_path / "b.jpg").read_bytes() == source.read_bytes()
    assert (report.model, report.tiles) == ("none", 0)
    assert (report.advice, report.notes) == ("left as it is: it is fine", ())
    restore_file(source, tmp_path / "b.png", AUTO)
    np.testing.assert_array_equal(read_rgb8(tmp_path / "b.png"), read_rgb8(source))


def test_what_had_been_enlarged_is_made_anew_at_its_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    advised(monkeypatch, task="super-resolve", scale=2)
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    save(pixels, tmp_path / "a.png")
    report = restore_file(tmp_path / "a.png", tmp_path / "b.png", AUTO)
    result = decode(tmp_path / "b.png")
    assert (result.height, result.width) == (61, 83)
    assert report.model == "super-resolve-small-x2"
    assert (report.width, report.output_width) == (83, 83)


def test_a_size_or_fidelity_that_the_task_has_not_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = open_image(np.zeros((40, 40, 3), np.uint8))
    advised(monkeypatch, task="dejpeg")
    for settings in (Settings("auto", size="nano"), Settings("auto", fidelity=0.5)):
        work = begin(picture, settings)
        assert work.weights is not None
        assert work.weights.card.name == "dejpeg-small"
    advised(monkeypatch, task="denoise")
    work = begin(picture, Settings("auto", size="base", fidelity=0.5))
    assert work.weights is not None
    assert work.weights.card.name == "denoise-base"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scale": 2}, "name the task super-resolve"),
        ({"size": "huge"}, "unknown size"),
        ({"options": Options(mask="mask.png")}, "name the task inpaint"),
        ({"fidelity": 2.0}, "wanted 0"),
    ],
)
def test_what_does_not_go_with_it(changes: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Settings("auto", **changes)  # type: ignore[arg-type]


def test_what_it_depends_on_is_told() -> None:
    told = AUTO.told()
    assert told["task"] == "auto"
    assert told["weights"][0][1] == "all that ship"
    assert Settings("denoise").told() != {**told, "task": None}


def test_arrays_too(monkeypatch: pytest.MonkeyPatch) -> None:
    advised(monkeypatch)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    np.testing.assert_array_equal(pixelmend.restore(pixels, "auto"), pixels)


def test_nothing_runs_where_nothing_is_to_be_run() -> None:
    with pytest.raises(ModelError, match="nothing was to be restored"):
        NoEngine().run(np.zeros((1, 3, 8, 8), np.float32), {})


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_smaller_picture_lies_where_the_larger_one_did(factor: int) -> None:
    y, x = np.mgrid[0:120, 0:180].astype(np.float32)
    larger: NDArray[np.float32] = np.stack([x / 180, y / 120, (x + y) / 300], axis=2)
    smaller = shrunk(open_image(larger), factor)
    assert (smaller.height, smaller.width) == (120 // factor, 180 // factor)
    wanted = larger.reshape(120 // factor, factor, 180 // factor, factor, 3).mean((1, 3))
    inside = (slice(3, -3), slice(3, -3))
    got = smaller.region(0, 0, smaller.height, smaller.width)
    np.testing.assert_allclose(got[inside], wanted[inside], atol=1e-5)
