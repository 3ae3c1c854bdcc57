"""The way back from ONNX: the rebuilt network gives what the file gives, or it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from pixelmend import catalog
from pixelmend.errors import ModelError
from pixelmend.export import export, measure_parity, write_card
from pixelmend.export.from_onnx import rebuild, recipe_of
from pixelmend.export.storage import constants
from pixelmend.models import HybridConfig
from tests.export.networks import WIDE, stored, varied, woken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., catalog.Card]

SHAPES = (
    WIDE,
    HybridConfig(
        widths=(8, 16, 24), encoder_blocks=(0, 2, 1), decoder_blocks=(2, 1), context=(), window=4, head_width=8
    ),
    varied(scale=2, conditions=("mask", "noise_level"), encoder="gated", decoder="gated", skips="concatenate"),
    varied(
        widths=(8, 64), window=8, head_width=16, attention="normalized"
    ),  # four heads: tables too large for the exporter to fold
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Export a network of this shape, each once."""
    done: dict[tuple[HybridConfig, str], catalog.Card] = {}

    def make(config: HybridConfig, storage: str = "float32") -> catalog.Card:
        if (config, storage) not in done:
            folder = tmp_path_factory.mktemp("exported")
            path = stored(config, folder)
            done[config, storage] = export(path, folder, tile=64, overlap=32, storage=storage).card
        return done[config, storage]

    return make


@pytest.mark.parametrize("config", SHAPES)
def test_the_rebuilt_network_gives_what_the_file_gives(exported: Make, config: HybridConfig) -> None:
    card, original = exported(config), woken(config)
    model = rebuild(card)
    assert model.config == config
    assert min(each.psnr for each in measure_parity(model, card.path)) > 100
    picture = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(3))
    told = [torch.full((1, 1, 1, 1), 0.1) for _ in config.conditions]
    with torch.inference_mode():
        wanted, got = original(picture, *told), model(picture, *told)
        unchanged = original.enlarge(picture)
    assert float((wanted - unchanged).abs().mean()) > 0.01  # the network does something
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)


def test_scaled_weights_get_back_their_size_and_the_rest_is_found_number_for_number(exported: Make) -> None:
    model, original = rebuild(exported(SHAPES[0])).state_dict(), woken(SHAPES[0]).state_dict()
    for layer, gain in (("encoder.0.0.conv2", "encoder.0.0.gain"), ("context.0.reduce", "context.0.gain2")):
        scaled = [w[f"{layer}.weight"] * w[gain][:, None, None, None] for w in (model, original)]
        torch.testing.assert_close(scaled[0], scaled[1])
        torch.testing.assert_close(*(w[f"{layer}.bias"] * w[gain] for w in (model, original)))
        # As PyTorch draws them, to the nearest power of two.
        norms = model[f"{layer}.weight"].flatten(1).norm(dim=1) * 3**0.5
        assert 2**-0.51 < float(norms.min()) <= float(norms.max()) < 2**0.51
        assert torch.equal(model[gain].log2(), model[gain].log2().round())
    for name in ("stem.weight", "context.1.attention.qkv.weight", "context.1.attention.position_bias", "head.bias"):
        assert torch.equal(model[name], original[name]), name


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_compact_weights_are_read_as_the_runtime_computes_with_them(exported: Make, storage: str) -> None:
    card = exported(WIDE, storage)
    model, known = rebuild(card).state_dict(), constants(onnx.load(card.path).graph)
    assert min(each.psnr for each in measure_parity(rebuild(card), card.path)) > 100
    original = woken(WIDE).state_dict()
    for name in ("downs.0.conv.weight", "ups.0.conv.weight", "context.0.attention.qkv.weight"):
        assert not torch.equal(model[name], original[name])
        torch.testing.assert_close(model[name], original[name], atol=0.01 * float(original[name].abs().max()), rtol=0)
    assert np.array_equal(model["downs.0.conv.weight"].numpy(), known["downs.0.conv.weight"])
    assert torch.equal(model["head.bias"], original["head.bias"])


def test_it_can_learn_on(exported: Make) -> None:
    model = rebuild(exported(SHAPES[0])).train()
    model(torch.rand(1, 3, 16, 16), torch.full((1, 1, 1, 1), 0.1)).square().mean().backward()
    assert all(p.grad is not None and p.requires_grad for p in model.parameters())


def test_the_weights_that_ship_are_rebuilt() -> None:
    card = catalog.find("denoise")
    model = rebuild(card)
    assert min(each.psnr for each in measure_parity(model, card.path)) > 100
    assert sum(p.numel() for p in model.parameters()) == card.parameters


def test_a_file_of_another_network_is_refused(exported: Make, tmp_path: Path) -> None:
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


def test_a_changed_file_is_refused(exported: Make, tmp_path: Path) -> None:
    card = exported(SHAPES[0])
    model = onnx.load(card.path)
    weight = next(each for each in model.graph.initializer if each.name == "stem.weight")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), "stem.weight"))
    (tmp_path / card.file).write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="does not fit its card"):
        rebuild(replace(card, folder=tmp_path))


@pytest.mark.parametrize("recipe", ["recipes/denoise-small.toml", "{}", "[1]"])
def test_a_card_without_the_networks_shape_is_told(exported: Make, tmp_path: Path, recipe: str) -> None:
    card = exported(SHAPES[0])
    card = write_card(replace(card, folder=tmp_path, training=replace(card.training, recipe=recipe)))
    with pytest.raises(ModelError, match=r"does not hold the recipe of its network: start from a .safetensors file"):
        recipe_of(card)
