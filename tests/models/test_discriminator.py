"""The discriminator: a verdict for every pixel, bounded layers, and all that an adversarial lesson asks of it."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pixelmend.errors import ModelError
from pixelmend.losses import r1_penalty
from pixelmend.models.discriminator import UNetDiscriminator

if TYPE_CHECKING:
    from pathlib import Path


def _build(width: int = 8, seed: int = 0) -> UNetDiscriminator:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNetDiscriminator(width)


def _pictures(height: int = 32, width: int = 40, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def _middle(model: UNetDiscriminator) -> list[nn.Conv2d]:
    """Every convolution but the first and the last."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return [module for module in convolutions if module not in (model.first, model.last)]


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 64), (40, 24)])
def test_every_pixel_has_a_logit(height: int, width: int) -> None:
    logits = _build()(_pictures(height, width))
    assert logits.shape == (2, 1, height, width)
    assert logits.dtype == torch.float32
    assert logits.std() > 0


@pytest.mark.parametrize("shape", [(1, 3, 12, 16), (1, 3, 16, 20), (1, 3, 0, 8), (1, 1, 16, 16), (3, 16, 16)])
def test_another_shape_is_refused_in_one_line(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"multiples of 8") as caught:
        _build()(torch.zeros(shape))
    assert "\n" not in str(caught.value)


def test_the_default_is_small() -> None:
    assert sum(p.numel() for p in UNetDiscriminator().parameters()) == pytest.approx(1.1e6, rel=0.02)


def test_all_layers_but_the_first_and_the_last_are_bounded() -> None:
    """The largest singular value is 1: found here by a full decomposition of weights that have been enlarged."""
    model = _build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
        for _ in range(30):  # each pass refines the estimate
            model(_pictures())
    model.eval()
    layers = _middle(model)
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert len(norms) == 7
    assert norms == pytest.approx([1.0] * 7, abs=0.02)
    for layer in (model.first, model.last):
        assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) > 1.5


@torch.no_grad()
def test_the_estimate_moves_in_training_and_rests_in_evaluation() -> None:
    model = _build()
    for parameter in model.parameters():
        parameter.add_(0.02)
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    first = model.eval()(_pictures())
    assert torch.equal(first, model(_pictures()))
    assert all(torch.equal(value, buffers[name]) for name, value in model.named_buffers())
    model.train()(_pictures())
    assert not any(torch.equal(value, buffers[name]) for name, value in model.named_buffers())


def test_the_gradient_reaches_every_parameter_and_the_picture() -> None:
    model, pictures = _build(), _pictures().requires_grad_()
    torch.autograd.backward(model(pictures).square().mean())
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert pictures.grad is not None
    assert pictures.grad.any()


@torch.no_grad()
def test_pictures_of_a_batch_do_not_mix() -> None:
    model, pictures = _build().eval(), _pictures()
    alone = torch.cat([model(one[None]) for one in pictures])
    assert torch.allclose(model(pictures), alone, atol=1e-6)


@torch.no_grad()
def test_skips_carry_detail_and_the_coarse_levels_context() -> None:
    """A changed pixel is seen at its own place most, and still further than full resolution alone could carry it."""
    model, pictures = _build().eval(), _pictures(64, 64, count=1)
    changed = pictures.clone()
    changed[..., 32, 32] += 0.5
    difference = (model(changed) - model(pictures)).abs()[0, 0]
    assert difference[30:35, 30:35].max() == difference.max()
    assert difference[32, 44] > 0  # three 3×3 convolutions reach 3 pixels


@torch.no_grad()
def test_bfloat16_autocast_changes_it_by_rounding_only() -> None:
    model, pictures = _build().eval(), _pictures()
    exact = model(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(pictures)
    assert logits.dtype == torch.bfloat16
    assert (logits - exact).norm() < 0.03 * exact.norm()


def test_autocast_leaves_the_estimate_in_float32() -> None:
    """On a CPU autocast would not round it anyway, on a GPU it would: so it must be off where that is computed."""
    rounded, exact = _build(), _build()
    states: list[bool] = []
    for layer in _middle(rounded):
        layer.get_submodule("parametrizations.weight.0").register_forward_pre_hook(
            lambda *_: states.append(torch.is_autocast_enabled("cpu"))
        )
    with torch.autocast("cpu", torch.bfloat16):
        torch.autograd.backward(rounded(_pictures()).float().mean())
    exact(_pictures())
    assert states == [False] * 7
    expected = dict(exact.named_buffers())
    assert all(torch.equal(value, expected[name]) for name, value in rounded.named_buffers())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in rounded.parameters())


@torch.no_grad()
def test_the_memory_format_does_not_count() -> None:
    model, pictures = _build().eval(), _pictures()
    plain = model(pictures)
    model.to(memory_format=torch.channels_last)
    logits = model(pictures.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(logits, plain, atol=1e-6)


@torch.no_grad()
def test_state_comes_back_from_disk_and_goes_on_alike(tmp_path: Path) -> None:
    model = _build()
    model(_pictures())
    save_file(model.state_dict(), tmp_path / "state.safetensors")
    again = _build(seed=7)
    again.load_state_dict(load_file(tmp_path / "state.safetensors"))
    # In training mode: the estimates of the singular values are part of the state.
    for _ in range(2):
        assert torch.equal(again(_pictures()), model(_pictures()))


@torch.no_grad()
def test_a_copy_is_alike_and_apart() -> None:
    model = _build()
    twin = copy.deepcopy(model)
    assert torch.equal(twin(_pictures()), model(_pictures()))
    for parameter in twin.parameters():
        parameter.zero_()
    assert model.eval()(_pictures()).any()


def test_two_passes_before_one_step_are_fine() -> None:
    model = _build()
    torch.autograd.backward(model(_pictures()).mean() - model(1 - _pictures()).mean())
    assert all(p.grad is not None for p in model.parameters())


def test_it_can_be_differentiated_twice() -> None:
    """The slope of the penalty along a direction against the difference of two penalties, in evaluation mode."""
    model, pictures = _build().eval(), _pictures(16, 16)
    weight = model.last.weight
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
    (slope,) = torch.autograd.grad(r1_penalty(model, pictures), weight)
    penalties = []
    for step in (1e-2, -1e-2):
        with torch.no_grad():
            weight.add_(direction, alpha=step)
        penalties.append(float(r1_penalty(model, pictures).detach()))
        with torch.no_grad():
            weight.sub_(direction, alpha=step)
    assert float((slope * direction).sum()) == pytest.approx((penalties[0] - penalties[1]) / 2e-2, rel=1e-2)
    grads = torch.autograd.grad(r1_penalty(model, pictures), list(model.parameters()), allow_unused=True)
    weights = [grad for (name, _), grad in zip(model.named_parameters(), grads, strict=True) if "weight" in name]
    assert all(grad is not None and grad.any() for grad in weights)


def test_it_learns_to_tell_noise_from_none() -> None:
    generator = torch.Generator().manual_seed(3)
    clean = torch.full((2, 3, 16, 16), 0.5)
    model = _build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(40):
        noisy = clean + 0.2 * torch.randn(clean.shape, generator=generator)
        loss = nn.functional.softplus(-model(clean)).mean() + nn.functional.softplus(model(noisy)).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(2 * math.log(2), abs=0.1)
    assert losses[-1] < 0.5, losses
