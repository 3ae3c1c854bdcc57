"""PyTorch as an engine: it gives what the exported file gives, in bfloat16 nearly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pixelmend.errors import ModelError, UsageError
from pixelmend.export import export, torch_engine
from pixelmend.export.torch_engine import TorchEngine
from pixelmend.inference import OnnxEngine, Wish, cached_engine
from pixelmend.inference.engines.table import KINDS
from tests.export.networks import TINY, stored, varied, woken
from tests.small_models import make_model

if TYPE_CHECKING:
    from pathlib import Path

    from pixelmend.catalog import Card

PICTURE = np.random.default_rng(0).random((1, 3, 48, 32)).astype(np.float32)
TOLD = {
    "noise_level": np.full((1, 1, 48, 32), 0.1, np.float32),
    "mask": (np.random.default_rng(1).random((1, 1, 48, 32)) < 0.3).astype(np.float32),
}


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    folder = tmp_path_factory.mktemp("exported")
    config = varied(scale=2, conditions=("mask", "noise_level"))
    return export(stored(config, folder), folder, tile=64, overlap=32, storage="int8").card


def test_it_gives_what_the_file_gives(card: Card) -> None:
    wanted = OnnxEngine(card.path).run(PICTURE, TOLD)
    engine = KINDS["torch"].load().of(card, "cpu", "float32")
    assert (engine.title, engine.device, engine.precision) == ("PyTorch", "cpu", "float32")
    restored = engine.run(PICTURE, TOLD)
    assert (restored.shape, restored.flags["C_CONTIGUOUS"]) == ((1, 3, 96, 64), True)
    assert restored.dtype == np.float32
    np.testing.assert_allclose(restored, wanted, atol=1e-5)
    np.testing.assert_array_equal(engine.run(PICTURE, TOLD), restored)
    assert cached_engine(card, Wish(engine="torch")).title == "PyTorch"


def test_bfloat16_touches_what_is_added_and_not_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_engine, "_has_bfloat16", lambda _device: True)
    told = {"noise_level": TOLD["noise_level"]}
    model = woken(TINY)
    engine = TorchEngine(model, ("noise_level",), "cpu")
    assert engine.precision == "bfloat16"
    wanted = TorchEngine(model, ("noise_level",), "cpu", precision="float32").run(PICTURE, told)
    restored = engine.run(PICTURE, told)
    assert restored.dtype == np.float32
    added = np.abs(wanted - PICTURE).max()
    assert 0 < np.abs(restored - wanted).max() < 0.03 * added
    for layer in (model.head, *[each for each in model.modules() if isinstance(each, torch.nn.Conv2d)][-1:]):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)
    np.testing.assert_array_equal(engine.run(PICTURE, told), PICTURE)


def test_where_the_chip_has_no_bfloat16_it_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_engine, "_has_bfloat16", lambda _device: False)
    assert TorchEngine(woken(TINY), ("noise_level",), "cpu").precision == "float32"


def test_what_cannot_be_asked_of_it(tmp_path: Path) -> None:
    model = woken(TINY)
    with pytest.raises(UsageError, match=r"no device 'abacus' here: choose one of: auto, .*cpu"):
        TorchEngine(model, ("noise_level",), "abacus")
    with pytest.raises(UsageError, match="no int8"):
        TorchEngine(model, ("noise_level",), precision="int8")
    with pytest.raises(ModelError, match="recipe"):
        TorchEngine.of(make_model(tmp_path, "deblur-small"), "cpu", "auto")


def test_inputs_and_results_that_are_wrong_are_one_line() -> None:
    engine = TorchEngine(woken(TINY), ("noise_level",), "cpu")
    with pytest.raises(ModelError, match=r"got \[\], wanted \['noise_level'\]"):
        engine.run(PICTURE, {})
    told = {"noise_level": TOLD["noise_level"]}
    with pytest.raises(ModelError, match="failed on an input") as caught:
        engine.run(PICTURE[:, :2], told)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="not finite"):
        engine.run(PICTURE * np.float32(np.nan), told)
