"""Cards are read strictly, and a file that is not the card's is noticed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pixelmend import catalog
from pixelmend.errors import ModelError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def changed(tiny_card: Path, **values: Any) -> str:
    return json.dumps({**json.loads(tiny_card.read_text()), **values})


def test_a_card_survives_a_round_trip(tiny_card: Path) -> None:
    card = catalog.load(tiny_card)
    again = catalog.Card.from_json(card.to_json(), folder=tiny_card.parent)
    assert again == card
    assert again.path == tiny_card.with_suffix(".onnx")
    assert json.loads(card.to_json())["sigma_range"] == [0, 75]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"colour": "rgb"}, "unknown keys: colour"),
        ({"tile": "64"}, "tile is '64', wanted int"),
        ({"tile": True}, "tile is True, wanted int"),
        ({"parameters": 81.5}, "parameters is 81.5, wanted int"),
        ({"conditions": "noise_level"}, "conditions"),
        ({"conditions": ["noise_level", "depth"]}, "only noise_level and mask"),
        ({"sigma_range": [0]}, "holds 1 numbers"),
        ({"sigma_range": [75, 0]}, "must rise"),
        ({"tile": 60}, "multiples of multiple_of"),
        ({"overlap": 64}, "less than tile"),
        ({"file": "../other.onnx"}, "bare name"),
        ({"sha256": "abc"}, "64 lower-case"),
        ({"training": {}}, "training lacks keys: data"),
        ({"scores": [{"dataset": "x"}]}, "scores lacks keys"),
        ({"scores": [3]}, "wanted an object"),
    ],
)
def test_mistakes_in_a_card_are_errors(tiny_card: Path, values: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        catalog.Card.from_json(changed(tiny_card, **values))


def test_the_features_on_a_card_may_be_absent_but_not_of_another_type(tiny_card: Path) -> None:
    training = json.loads(tiny_card.read_text())["training"]
    assert "features" not in training  # as cards of earlier versions are
    assert catalog.load(tiny_card).training.features == ""
    named = catalog.Card.from_json(changed(tiny_card, training={**training, "features": "VGG19 conv1_2"}))
    assert named.training.features == "VGG19 conv1_2"
    assert catalog.Card.from_json(named.to_json()) == named
    with pytest.raises(ModelError, match="features is 3, wanted str"):
        catalog.Card.from_json(changed(tiny_card, training={**training, "features": 3}))


def test_a_card_may_name_both_conditions(tiny_card: Path) -> None:
    card = catalog.Card.from_json(changed(tiny_card, conditions=["mask", "noise_level"], scale=2))
    assert (card.conditions, card.scale) == (("mask", "noise_level"), 2)


def test_a_missing_key_and_broken_json_are_errors(tiny_card: Path) -> None:
    values = json.loads(tiny_card.read_text())
    del values["licence"]
    with pytest.raises(ModelError, match="lacks keys: licence"):
        catalog.Card.from_json(json.dumps(values))
    with pytest.raises(ModelError, match="not JSON"):
        catalog.Card.from_json("{")


def test_verify_notices_one_changed_byte(tiny_card: Path, tmp_path: Path) -> None:
    for each in tiny_card.parent.iterdir():
        shutil.copy(each, tmp_path)
    card = catalog.load(tmp_path / tiny_card.name)
    catalog.verify(card)
    data = bytearray(card.path.read_bytes())
    data[len(data) // 2] ^= 1
    card.path.write_bytes(data)
    with pytest.raises(ModelError, match="does not fit its card"):
        catalog.verify(card)


def test_loading_what_is_not_there(tiny_card: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        catalog.load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="wanted a model's card"):
        catalog.load(tiny_card.with_suffix(".onnx"))
    shutil.copy(tiny_card, tmp_path)
    with pytest.raises(ModelError, match="does not lie beside it"):
        catalog.load(tmp_path / tiny_card.name)


def test_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'denoise'"):
        catalog.find("denoize")
    with pytest.raises(UnknownNameError, match="unknown size for denoise 'huge'"):
        catalog.find("denoise", "huge")


@pytest.mark.parametrize("name", catalog.names())
def test_every_model_that_ships_is_whole(name: str) -> None:
    task, _, size = name.rpartition("-")
    card = catalog.find(task, size)
    assert (card.name, card.task, card.size) == (name, task, size)
    assert card.training.data, "pictures and licences must be named"
    assert card.scores, "scores must be stored"
    catalog.verify(card)
