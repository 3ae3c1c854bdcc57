"""Cards are read strictly, and a file that is not the card's is noticed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pixelmend import catalog
from pixelmend.errors import ModelError, UnknownNameError, UsageError
from tests.small_models import SHIPPING, make_shelf

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
    assert card.fixed == ()
    assert catalog.Card.from_json(changed(tiny_card, fixed=[64, 32])).fixed == (64, 32)


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
        ({"storage": "float8"}, "storage must be one of float32, float16, int8"),
        ({"precision": "bfloat16"}, "precision must be one of float32, int8"),
        ({"fixed": [64]}, "fixed must be empty, or a height and a width"),
        ({"fixed": [64, 60]}, "fixed must be"),
        ({"fixed": [64, 16]}, "fixed must be"),
        ({"fixed": [64, 64.0]}, "fixed is 64.0, wanted int"),
        ({"fixed": 64}, "fixed is 64, wanted list"),
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


def test_cards_of_earlier_versions_speak_of_whole_weights(tiny_card: Path) -> None:
    assert "storage" not in json.loads(tiny_card.read_text())
    assert catalog.load(tiny_card).storage == "float32"
    compact = catalog.Card.from_json(changed(tiny_card, storage="int8"))
    assert compact.storage == "int8"
    assert (compact.precision, catalog.load(tiny_card).precision) == ("float32", "float32")
    assert catalog.Card.from_json(changed(tiny_card, precision="int8")).precision == "int8"
    assert catalog.Card.from_json(compact.to_json()) == compact


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
    with pytest.raises(UnknownNameError, match="did you mean 'denoise-small'"):
        catalog.by_name("denoise-smal")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf that holds weights of every kind."""
    make_shelf(tmp_path)
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shelf")
def test_what_ships_is_what_lies_there() -> None:
    assert catalog.names() == tuple(sorted(SHIPPING))
    assert catalog.tasks() == (
        "deblur", "dejpeg", "denoise", "inpaint", "photo", "super-resolve", "super-resolve-real",
    )  # fmt: skip
    assert [catalog.by_name(name).name for name in catalog.names()] == sorted(SHIPPING)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (("denoise",), "denoise-small"),
        (("denoise", "nano"), "denoise-nano"),
        (("deblur", "base"), "deblur-base"),
        (("deblur", "small", 1, "perceptual"), "deblur-small-perceptual"),
        (("super-resolve",), "super-resolve-small-x4"),
        (("super-resolve", "small", 2), "super-resolve-small-x2"),
        (("super-resolve", "small", 3), "super-resolve-small-x3"),
        (("super-resolve", "small", None, "perceptual"), "super-resolve-small-x4-perceptual"),
        (("super-resolve-real",), "super-resolve-real-small-x4"),
        (("inpaint", "small", 1), "inpaint-small"),
    ],
)
def test_the_right_weights_are_found(wanted: tuple[Any, ...], name: str) -> None:
    assert catalog.find(*wanted).name == name


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (("inpaint", "base"), r"unknown size for inpaint 'base': choose one of: small"),
        (("deblur", "nano"), r"unknown size for deblur 'nano': choose one of: base, small"),
        (("super-resolve", "small", 8), r"no weights for super-resolve at scale 8: choose one of: 2, 3, 4"),
        (("super-resolve-real", "small", 2), r"at scale 2: choose one of: 4"),
        (("denoise", "small", 2), r"no weights for denoise at scale 2: choose one of: 1"),
        (
            ("super-resolve", "small", 2, "perceptual"),
            r"no perceptual weights of size small at scale 2 .* there",
        ),
        (
            ("denoise", "small", None, "perceptual"),
            r"denoise has no perceptual weights of size small .*photo",
        ),
        (("denoise", "small", None, "real"), r"unknown variant 'real'"),
    ],
)
def test_what_is_not_there_is_told_with_what_there_is(wanted: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        catalog.find(*wanted)
    assert "\n" not in str(caught.value)


def test_weights_that_are_missing_are_a_damaged_installation_for_their_task_alone(shelf: Path) -> None:
    (shelf / "deblur-small.onnx").unlink()
    assert catalog.find("denoise").name == "denoise-small"
    why = r"deblur-small\.onnx, which does not lie beside it.*reinstall pixelmend"
    with pytest.raises(ModelError, match=why):
        catalog.find("deblur")
    with pytest.raises(ModelError, match=why):
        catalog.by_name("deblur-small")


@pytest.mark.parametrize("name", catalog.names())
def test_every_model_that_ships_is_whole(name: str) -> None:
    card = catalog.by_name(name)
    assert card.path.stem == card.name == name
    assert name.startswith(card.task)
    assert card.size in name.split("-")
    assert card.variant == "faithful" or card.variant in name.split("-")
    assert card.scale == 1 or f"x{card.scale}" in name.split("-")
    assert card.training.data, "pictures and licences must be named"
    # Of the sets of real damage only parts could be measured on, and a card holds scores of whole sets.
    assert card.scores or card.task in ("deblur", "photo") or card.variant == "real", "scores must be stored"
    catalog.verify(card)
