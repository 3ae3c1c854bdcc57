"""The way back from ONNX: the rebuilt network gives what the file gives, or it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from pixelmend import catalog
from pixelmend.errors import ModelError
from pixelmend.export import export, measure_parity, write_card
from pixelmend.export.from_onnx import rebuild, recipe_of
from pixelmend.models import Hybrid, HybridConfig, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPES = (
    HybridConfig(
        widths=(8, 16),
        encoder_blocks=(1, 1),
        decoder_blocks=(1,),
        context=("window", "shifted", "channel"),
        window=4,
        head_width=8,
    ),
    HybridConfig(
        widths=(8, 16, 24), encoder_blocks=(0, 2, 1), decoder_blocks=(2, 1), context=(), window=4, head_width=8
    ),
)


def woken(config: HybridConfig) -> Hybrid:
    """A network whose every part has a say: fresh gains and a fresh head are zero."""
    torch.manual_seed(0)
    model = Hybrid(config)
    for name, parameter in model.named_parameters():
        if "gain" in name or "head" in name or "position_bias" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[HybridConfig], catalog.Card]:
    """Export a network of this shape, each once."""
    done: dict[HybridConfig, catalog.Card] = {}

    def make(config: HybridConfig) -> catalog.Card:
        if config not in done:
            folder = tmp_path_factory.mktemp("exported")
            recipe: dict[str, Any] = {
                "name": "denoise-tiny", "task": "denoise", "size": "small", "licence": "none", "data": {"sources": []},
                "damage": {"sigma_min": 0.0, "sigma_max": 75.0}, "model": config.model_dump(mode="json"),
            }  # fmt: skip
            header = {"recipe": recipe, "step": 1, "mpx": 1.0, "minutes": 1.0, "device": "test"}
            save_model(woken(config), folder / "weights.safetensors", header)
            done[config] = export(folder / "weights.safetensors", folder, tile=64, overlap=32)[0]
        return done[config]

    return make


@pytest.mark.parametrize("config", SHAPES)
def test_the_rebuilt_network_gives_what_the_file_gives(
    exported: Callable[[HybridConfig], catalog.Card], config: HybridConfig
) -> None:
    card, original = exported(config), woken(config)
    model = rebuild(card)
    assert model.config == config
    assert min(each.psnr for each in measure_parity(model, card.path)) > 100
    picture = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(3))
    level = torch.full((1, 1, 1, 1), 0.1)
    with torch.inference_mode():
        wanted, got = original(picture, level), model(picture, level)
    assert float((wanted - picture).abs().mean()) > 0.01  # the network does something
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)


def test_gains_are_folded_and_the_rest_is_found_number_for_number(
    exported: Callable[[HybridConfig], catalog.Card],
) -> None:
    model, original = rebuild(exported(SHAPES[0])).state_dict(), woken(SHAPES[0]).state_dict()
    assert float(model["encoder.0.0.gain"].min()) == float(model["encoder.0.0.gain"].max()) == 1
    folded = original["encoder.0.0.conv2.weight"] * original["encoder.0.0.gain"][:, None, None, None]
    torch.testing.assert_close(model["encoder.0.0.conv2.weight"], folded)
    for name in ("stem.weight", "context.1.attention.qkv.weight", "context.1.attention.position_bias", "head.bias"):
        assert torch.equal(model[name], original[name]), name


def test_it_can_learn_on(exported: Callable[[HybridConfig], catalog.Card]) -> None:
    model = rebuild(exported(SHAPES[0])).train()
    model(torch.rand(1, 3, 16, 16), torch.full((1, 1, 1, 1), 0.1)).square().mean().backward()
    assert all(p.grad is not None and p.requires_grad for p in model.parameters())


def test_the_weights_that_ship_are_rebuilt() -> None:
    card = catalog.find("denoise")
    model = rebuild(card)
    assert min(each.psnr for each in measure_parity(model, card.path)) > 100
    assert sum(p.numel() for p in model.parameters()) == card.parameters


def test_a_file_of_another_network_is_refused(exported: Callable[[HybridConfig], catalog.Card], tmp_path: Path) -> None:
    card = exported(SHAPES[0])
    (tmp_path / card.file).write_bytes(card.path.read_bytes())
    recipe = recipe_of(card)
    recipe["model"]["context"] = ["window", "window", "channel"]
    other = replace(card, folder=tmp_path, training=replace(card.training, recipe=json.dumps(recipe)))
    with pytest.raises(ModelError, match=r"differs from it \([\d.]+ dB\): start from a \.safetensors file"):
        rebuild(other)
    recipe["model"]["encoder_blocks"] = [2, 1]
    other = replace(card, folder=tmp_path, training=replace(card.training, recipe=json.dumps(recipe)))
    with pytest.raises(ModelError, match=r"is not laid out as this version exports \(.* was not found\)"):
        rebuild(other)
    recipe["model"]["encoder_blocks"] = [2, 1, 3]
    other = replace(card, folder=tmp_path, training=replace(card.training, recipe=json.dumps(recipe)))
    with pytest.raises(ModelError, match="describes no network that this version knows"):
        rebuild(other)


def test_a_changed_file_is_refused(exported: Callable[[HybridConfig], catalog.Card], tmp_path: Path) -> None:
    card = exported(SHAPES[0])
    model = onnx.load(card.path)
    weight = next(each for each in model.graph.initializer if each.name == "stem.weight")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), "stem.weight"))
    (tmp_path / card.file).write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="does not fit its card"):
        rebuild(replace(card, folder=tmp_path))


@pytest.mark.parametrize("recipe", ["recipes/denoise-small.toml", "{}", "[1]"])
def test_a_card_without_the_networks_shape_is_told(
    exported: Callable[[HybridConfig], catalog.Card], tmp_path: Path, recipe: str
) -> None:
    card = exported(SHAPES[0])
    card = write_card(replace(card, folder=tmp_path, training=replace(card.training, recipe=recipe)))
    with pytest.raises(ModelError, match=r"does not hold the recipe of its network: start from .*--start FILE"):
        recipe_of(card)
