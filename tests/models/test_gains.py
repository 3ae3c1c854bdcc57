"""Gains that go into the layers that they scale, and come out again: the network gives what it gave."""

from __future__ import annotations

import pytest
import torch

from pixelmend.models import Hybrid, HybridConfig
from pixelmend.models.gains import fold_gains, gains, unfold_gains

RESIDUAL = HybridConfig(
    widths=(8, 16),
    encoder_blocks=(1, 1),
    decoder_blocks=(1,),
    context=("window", "shifted", "channel", "convolution"),
    window=2,
    head_width=8,
)
GATED = HybridConfig.model_validate({**RESIDUAL.model_dump(), "encoder": "gated", "decoder": "gated"})
SCALED = {"gain": "conv2", "gain1": "reduce1", "gain2": "reduce2"}
GIVEN = torch.rand(2, 3, 8, 16, generator=torch.Generator().manual_seed(1)), torch.full((2, 1, 1, 1), 0.1)


def network(config: HybridConfig) -> Hybrid:
    """All of its gains and its head are something."""
    torch.manual_seed(0)
    model = Hybrid(config).eval()
    for parameter in (*(gain for _, gain in gains(model)), model.head.weight):
        torch.nn.init.normal_(parameter, std=0.5)
    return model


@pytest.mark.parametrize("config", [RESIDUAL, GATED])
@torch.no_grad()
def test_folded_gains_are_gone_and_nothing_else_changes(config: HybridConfig) -> None:
    model = network(config)
    before, weights = model(*GIVEN), {name: p.clone() for name, p in model.named_parameters()}
    number = len(list(gains(model)))
    assert number == (2 * 3 + 4 if config is RESIDUAL else 2 * 3 + 1 + 2 * 3)
    fold_gains(model)
    assert not list(gains(model))
    assert sum(p.numel() for p in model.parameters()) < sum(w.numel() for w in weights.values())
    torch.testing.assert_close(model(*GIVEN), before, rtol=1e-4, atol=1e-5)
    scaled = "encoder.1.0.conv2" if config is RESIDUAL else "encoder.1.0.reduce2"
    gain = weights["encoder.1.0.gain" if config is RESIDUAL else "encoder.1.0.gain2"]
    after = dict(model.named_parameters())
    torch.testing.assert_close(after[f"{scaled}.weight"], weights[f"{scaled}.weight"] * gain[:, None, None, None])
    torch.testing.assert_close(after[f"{scaled}.bias"], weights[f"{scaled}.bias"] * gain)
    out = weights["context.0.attention.out.weight"] * weights["context.0.gain1"].reshape(-1, 1)
    torch.testing.assert_close(after["context.0.attention.out.weight"], out)


@torch.no_grad()
def test_folding_twice_is_folding_once() -> None:
    model = network(RESIDUAL)
    fold_gains(model)
    once = {name: p.clone() for name, p in model.named_parameters()}
    fold_gains(model)
    assert all(torch.equal(once[name], p) for name, p in model.named_parameters())


@pytest.mark.parametrize("config", [RESIDUAL, GATED])
@torch.no_grad()
def test_unfolding_changes_no_bit_of_the_result(config: HybridConfig) -> None:
    model = network(config)
    for _, gain in gains(model):
        gain.fill_(1)
    for module in model.modules():
        for name in SCALED.values():
            if isinstance(layer := getattr(module, name, None), torch.nn.Conv2d):
                layer.weight.mul_(torch.logspace(-4, 1, layer.out_channels)[:, None, None, None])
    silent = next(p for name, p in model.named_parameters() if name.endswith(("conv2.weight", "reduce1.weight")))
    silent[0] = 0
    before = model(*GIVEN)
    unfold_gains(model)
    assert torch.equal(model(*GIVEN), before)
    drawn = 3**-0.5
    for name, gain in gains(model):
        assert torch.equal(gain.log2(), gain.log2().round())
        holder, _, last = name.rpartition(".")
        if last in SCALED and not holder.startswith("context.0"):
            block = model.get_submodule(holder)
            layer = getattr(block, SCALED[last], None)
            if layer is None:
                continue
            norms = layer.weight.flatten(1).norm(dim=1)
            norms = norms[norms > 0]
            assert drawn / 2**0.51 < float(norms.min()) <= float(norms.max()) < drawn * 2**0.51
