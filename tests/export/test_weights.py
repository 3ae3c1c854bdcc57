"""Weights are found wherever they lie, and come back as a file to train on from."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from pixelmend import catalog
from pixelmend.errors import ModelError, UnknownNameError, UnwritableError
from pixelmend.export import card_of, export, read_weights, write_safetensors
from pixelmend.models import Hybrid, load_hybrid, read_metadata, save_model
from tests.export.networks import TINY, WIDE, stored, woken

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> catalog.Card:
    folder = tmp_path_factory.mktemp("models")
    return export(stored(WIDE, folder, variant="perceptual"), folder, tile=64, overlap=32).card


def test_exported_weights_are_found_by_either_file(card: catalog.Card) -> None:
    assert card_of(card.path) == card_of(card.path.with_suffix(".json")) == card
    assert card_of(card.folder / "weights.safetensors") is None
    with pytest.raises(ModelError, match="cannot read the model's card"):
        card_of(card.folder / "none.onnx")


def test_a_card_must_be_that_of_the_file_that_was_named(card: catalog.Card, tmp_path: Path) -> None:
    for suffix in (".json", ".onnx"):
        shutil.copy(card.path.with_suffix(suffix), tmp_path)
        shutil.copy(card.path.with_suffix(suffix), tmp_path / f"other{suffix}")
    with pytest.raises(ModelError, match=r"other\.json is that of denoise-tiny\.onnx, not of other\.onnx"):
        card_of(tmp_path / "other.onnx")


def test_a_bare_name_is_that_of_a_model_that_ships_unless_a_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    (tmp_path / "denoise-small").mkdir()
    assert card_of(Path("denoise-small")) == catalog.find("denoise", "small")
    with pytest.raises(UnknownNameError, match=r"unknown model 'denoise-smal': did you mean 'denoise-small'\?"):
        card_of(Path("denoise-smal"))
    assert card_of(Path("folder/denoise-small")) is None
    (tmp_path / "denoise-small").rmdir()
    (tmp_path / "denoise-small").write_bytes(b"weights without a suffix")
    assert card_of(Path("denoise-small")) is None


def test_a_folder_is_told_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder: name the weights in it, such as"):
        card_of(tmp_path)


def test_what_is_known_of_the_weights_comes_back_with_them(card: catalog.Card) -> None:
    model, header = read_weights(card.path)
    known = read_weights(card.folder / "weights.safetensors")[1]
    assert model.config == WIDE
    assert header["recipe"] == known["recipe"]
    assert header["recipe"]["variant"] == "perceptual"
    assert (header["mpx"], header["minutes"], header["device"], header["features"]) == (1.2, 0.5, "test", "")


def test_weights_that_do_not_say_where_they_are_from_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_model(Hybrid(TINY), path, {"recipe": {}, "mpx": 1.0})
    with pytest.raises(ModelError, match=r"bare\.safetensors does not say its minutes"):
        read_weights(path)


def test_a_file_to_train_on_from_holds_what_runs(card: catalog.Card, tmp_path: Path) -> None:
    path = write_safetensors(card.path, tmp_path / "new")
    assert path == tmp_path / "new" / "denoise-tiny.safetensors"
    model = load_hybrid(path)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    original = woken(WIDE)
    assert torch.equal(model.stem.bias, original.stem.bias)  # type: ignore[arg-type]
    down, learned = model.get_parameter("downs.0.conv.weight"), original.get_parameter("downs.0.conv.weight")
    assert torch.equal(down, learned.half().float())
    assert not torch.equal(down, learned)
    assert read_metadata(path)["recipe"] == read_weights(card.path)[1]["recipe"]
    again = export(path, tmp_path, tile=64, overlap=32)
    assert again.card == card
    assert again.card.path.read_bytes() == card.path.read_bytes()


def test_a_place_that_cannot_be_written_is_told(card: catalog.Card, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot make the folder"):
        write_safetensors(card.path, tmp_path / "file")
