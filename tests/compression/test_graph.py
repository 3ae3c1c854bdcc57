"""A network without some channels gives what the whole one gives with those channels held at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pixelmend.compression.graph import Graph
from pixelmend.export import export
from pixelmend.export.from_onnx import rebuild
from pixelmend.models import Hybrid, HybridConfig, load_hybrid, save_model
from pixelmend.models.blocks import ContextBlock, ResidualBlock
from tests.compression.conftest import PRUNED
from tests.export.networks import header, woken

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "encoder.0.0", "encoder.1.0", "encoder.1.1", "encoder.2.0", "decoder.0.0", "decoder.1.0",
    "context.0", "context.1", "context.2", "context.3", "level 0", "level 1",
)  # fmt: skip
GONE = [0, 3, 7]


def changed(**fields: object) -> HybridConfig:
    return HybridConfig.model_validate({**PRUNED.model_dump(), **fields})


def results(model: Hybrid) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    with torch.inference_mode():
        result: torch.Tensor = model(torch.rand(1, 3, 32, 64, generator=generator), torch.full((1, 1, 1, 1), 0.2))
    return result


@torch.no_grad()
def silence(model: Hybrid, name: str, channels: list[int]) -> None:
    """Hold channels at zero, by the rows of every layer that makes them."""
    made: list[tuple[torch.nn.Module, list[int]]] = []
    if name.startswith("level"):
        level = int(name[-1])
        made.append((model.stem if level == 0 else model.downs[level - 1].get_submodule("conv"), channels))
        for blocks in (model.encoder[level], model.decoder[level]):
            made += [(block.get_submodule("conv2"), channels) for block in blocks.children()]
        made.append((model.ups[level].get_submodule("conv"), [4 * c + k for c in channels for k in range(4)]))
    else:
        block = model.get_submodule(name)
        if isinstance(block, ContextBlock):
            made.append((block.expand, [*channels, *(c + block.reduce.in_channels for c in channels)]))
        else:
            assert isinstance(block, ResidualBlock)
            made.append((block.conv1, channels))
    for layer, rows in made:
        layer.get_parameter("weight")[rows] = 0
        layer.get_parameter("bias")[rows] = 0


def test_what_may_shrink() -> None:
    assert tuple(each.name for each in Graph(woken(PRUNED)).dimensions) == NAMES
    inside = Graph(woken(changed(skips="concatenate"))).dimensions
    assert tuple(each.name for each in inside) == NAMES[:-2]
    gated = Graph(woken(changed(encoder="gated"))).dimensions
    assert tuple(each.name for each in gated) == tuple(n for n in NAMES[:-2] if not n.startswith("encoder"))


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_channels_is_the_one_that_holds_them_at_zero(name: str) -> None:
    model = woken(PRUNED)
    graph = Graph(model)
    (dimension,) = [each for each in graph.dimensions if each.name == name]
    graph.remove(dimension, GONE)
    pruned = graph.network()
    before = results(model)
    silence(model, name, GONE)
    wanted = results(model)
    assert (before - wanted).abs().max() > 1e-3
    torch.testing.assert_close(results(pruned), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changes", [{}, {"skips": "none"}, {"attention": "normalized"}, {"unshuffle": 2}, {"scale": 2}]
)
def test_all_at_once_and_twice(changes: dict[str, object]) -> None:
    model = woken(changed(**changes))
    graph = Graph(model)
    for _ in range(2):
        for dimension in graph.dimensions:
            graph.remove(dimension, GONE)
    pruned = graph.network()
    twice = [c for c in range(16) if c not in GONE]
    gone = GONE + [twice[index] for index in GONE]
    for dimension in graph.dimensions:
        silence(model, dimension.name, gone)
    torch.testing.assert_close(results(pruned), results(model), rtol=1e-4, atol=1e-4)
    assert sum(p.numel() for p in pruned.parameters()) == graph.parameters


def test_what_each_channel_frees_is_what_the_network_loses() -> None:
    for name in NAMES:
        graph = Graph(woken(PRUNED))
        (dimension,) = [each for each in graph.dimensions if each.name == name]
        before, freed = sum(p.numel() for p in graph.model.parameters()), graph.freed(dimension)
        graph.remove(dimension, GONE)
        assert before - sum(p.numel() for p in graph.model.parameters()) == len(GONE) * freed


def test_a_pruned_network_is_stored_exported_and_rebuilt(tmp_path: Path) -> None:
    graph = Graph(woken(PRUNED))
    for dimension in graph.dimensions:
        graph.remove(dimension, GONE)
    pruned = graph.network()
    assert pruned.config.widths == (13, 21, 32)
    assert pruned.config.encoder_hidden == ((13,), (21, 21), (29,))
    assert pruned.config.context_hidden == (45, 45, 45, 29)
    path = tmp_path / "weights.safetensors"
    save_model(pruned, path, header(pruned.config))
    loaded = load_hybrid(path)
    assert loaded.config == pruned.config
    assert torch.equal(results(loaded), results(pruned))
    card = export(path, tmp_path / "out", storage="float32").card
    assert card.parameters == graph.parameters
    torch.testing.assert_close(results(rebuild(card)), results(pruned), rtol=1e-4, atol=1e-4)
