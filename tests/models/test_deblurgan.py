"""DeblurGAN: its size as published, its arithmetic written out, what it drops, and how its critic judges."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from pixelmend.errors import ModelError
from pixelmend.models.baselines.deblurgan import DeblurGan, DeblurGanConfig, PatchCritic


def _small(blocks: int = 2) -> DeblurGan:
    """A small generator that changes something."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = DeblurGan(DeblurGanConfig(width=8, blocks=blocks))
        for parameter in model.head.parameters():
            nn.init.normal_(parameter, std=0.05)
    return model.eval()


def _pictures(n: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def _count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_published_size() -> None:
    """Kernels and biases as figure 3 has them; ours lacks the biases before a norm, which do nothing."""
    colours = 2 * 3 * 64 * 7**2
    sizes = 2 * (64 * 128 + 128 * 256) * 3**2
    blocks = 9 * 2 * 256 * 256 * 3**2
    before_norms = 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64
    published = colours + sizes + blocks + before_norms + 3
    assert published / 1e6 == pytest.approx(11.4, abs=0.05)
    assert _count(DeblurGan(DeblurGanConfig())) == published - before_norms


@torch.no_grad()
def test_an_untrained_network_returns_its_input() -> None:
    model = DeblurGan(DeblurGanConfig(width=8, blocks=1))
    degraded = 1.5 * _pictures(2, 12, 16) - 0.2
    for training in (True, False):
        assert torch.equal(model.train(training)(degraded), degraded)


def _norm(features: Tensor) -> Tensor:
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    return (features - mean) / (variance + 1e-5).sqrt()


@torch.no_grad()
def test_the_network_written_out() -> None:
    model, degraded = _small(blocks=1), _pictures(2, 16, 24)
    weights = model.state_dict()
    x = _norm(F.conv2d(degraded * 2 - 1, weights["stem.weight"], padding=3)).clamp_min(0)
    for level in (0, 1):
        x = _norm(F.conv2d(x, weights[f"downs.{level}.weight"], stride=2, padding=1)).clamp_min(0)
    assert x.shape == (2, 32, 4, 6)
    inner = _norm(F.conv2d(x, weights["blocks.0.first.weight"], padding=1)).clamp_min(0)
    x = x + _norm(F.conv2d(inner, weights["blocks.0.second.weight"], padding=1))
    for level in (0, 1):
        spread = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
        spread[..., ::2, ::2] = x
        # A transposed convolution is one with the kernel turned over what zeros were put between.
        turned = weights[f"ups.{level}.weight"].flip(2, 3).transpose(0, 1)
        x = _norm(F.conv2d(spread, turned, padding=1)).clamp_min(0)
    change = torch.tanh(F.conv2d(x, weights["head.weight"], weights["head.bias"], padding=3))
    assert float(change.std()) > 0.05
    assert torch.allclose(model(degraded), ((degraded * 2 - 1) + change) / 2 + 0.5, atol=1e-4)


@torch.no_grad()
def test_a_picture_is_restored_the_same_beside_any_other() -> None:
    model, pictures = _small(), _pictures(3, 16, 24)
    alone = torch.cat([model(picture[None]) for picture in pictures])
    assert torch.allclose(model(pictures), alone, atol=1e-5)


@torch.no_grad()
def test_contrast_does_not_change_what_is_added() -> None:
    """Instance norm takes it away, but for the small number that keeps it from dividing by nothing."""
    model, picture = _small(), _pictures(1, 16, 24)
    weaker = 0.5 + (picture - 0.5) / 2
    assert torch.allclose(model(picture) - picture, model(weaker) - weaker, atol=1e-3)


def _dropped(model: DeblurGan, degraded: Tensor) -> Tensor:
    """What the second convolution of the first block gets."""
    seen: list[Tensor] = []
    hook = model.blocks[0].get_submodule("second").register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(degraded)
    hook.remove()
    return seen[0]


@torch.no_grad()
def test_training_drops_half_of_the_features_and_doubles_the_rest() -> None:
    model, degraded = _small(), _pictures(2, 64, 64)
    whole, dropped = _dropped(model.eval(), degraded), _dropped(model.train(), degraded)
    there = whole > 0
    kept = dropped[there] > 0
    assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.03)
    assert torch.allclose(dropped[there][kept], 2 * whole[there][kept])
    assert not dropped[~there].any()


@torch.no_grad()
def test_what_is_dropped_is_a_function_of_the_batch() -> None:
    model, degraded = _small().train(), _pictures(2, 16, 16)
    before = torch.get_rng_state()
    first, second, other = model(degraded), model(degraded), _dropped(model, _pictures(2, 16, 16, seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)
    assert not torch.equal(first, model.eval()(degraded))
    assert not torch.equal(other == 0, _dropped(model.train(), degraded) == 0)


def test_everything_learns() -> None:
    model = _small().train()
    torch.autograd.backward((model(_pictures(2, 16, 16)) - 0.5).square().mean())
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_it_is_told_nothing() -> None:
    with pytest.raises(ModelError, match="got 1 conditions, wanted"):
        _small()(_pictures(1, 8, 8), torch.zeros(1, 1, 1, 1))


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(4, 8), (8, 4), (20, 12)])
def test_multiples_of_four_keep_their_size(height: int, width: int) -> None:
    assert _small()(_pictures(1, height, width)).shape == (1, 3, height, width)


@pytest.mark.parametrize("wrong", [{"scale": 4}, {"conditions": ("mask",)}, {"architecture": "unet"}, {"depth": 3}])
def test_configurations_of_other_networks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DeblurGanConfig.model_validate(wrong)


def test_a_configuration_survives_json() -> None:
    config = DeblurGanConfig(width=16, blocks=3)
    again = DeblurGanConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert (again.scale, again.conditions, again.multiple_of) == (1, (), 4)


def test_the_critic_has_the_published_size_and_sees_70_pixels() -> None:
    critic = PatchCritic()
    kernels = (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) * 4**2
    assert _count(critic) == kernels + 1
    seen, step = 1, 1
    convolutions = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        seen += (layer.kernel_size[0] - 1) * step
        step *= layer.stride[0]
    assert (len(convolutions), seen, step) == (5, 70, 8)


@torch.no_grad()
def test_the_critic_written_out() -> None:
    critic, pictures = PatchCritic(8), _pictures(2, 32, 48)
    x = pictures * 2 - 1
    for convolution, stride in zip(critic.convolutions, (2, 2, 2, 1), strict=True):
        x = _norm(F.conv2d(x, convolution.get_parameter("weight"), stride=stride, padding=2))
        x = torch.where(x > 0, x, 0.2 * x)
    x = F.conv2d(x, critic.last.weight, critic.last.bias, padding=2)
    assert x.shape == (2, 1, 7, 9)
    assert torch.allclose(critic(pictures), x, atol=1e-4)


@torch.no_grad()
def test_the_critic_judges_each_picture_alone() -> None:
    critic, pictures = PatchCritic(8), _pictures(3, 32, 32)
    assert torch.allclose(critic(pictures), torch.cat([critic(each[None]) for each in pictures]), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 3, 1, 32)])
def test_the_critic_refuses_what_is_no_batch_of_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"give \(N, 3, H, W\)") as caught:
        PatchCritic(8)(torch.zeros(shape))
    assert "\n" not in str(caught.value)
