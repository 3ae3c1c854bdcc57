"""Each optimizer moves what it should by its own rule, and a batch in parts has the gradient of the whole."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pixelmend.models import Hybrid, HybridConfig
from pixelmend.training import lessons
from pixelmend.training.module import RestorationModule
from pixelmend.training.objective import Adversary
from pixelmend.training.optimizers import clip, make_adversary_optimizer, make_optimizer, set_rates
from pixelmend.training.recipe import LossSection, OptimizerSection
from pixelmend.training.schedule import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.training.recipe import Recipe

KINDS = ["muon", "adamw", "adam"]
GATED = {
    "widths": (8, 16),
    "encoder": "gated",
    "encoder_blocks": (1, 1),
    "decoder_blocks": (1,),
    "window": 4,
    "head_width": 8,
}


@pytest.fixture
def model() -> Hybrid:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Hybrid(HybridConfig.model_validate(GATED))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
            parameter.grad = torch.randn_like(parameter)
    return model


def _made(model: Hybrid, kind: str, **settings: Any) -> torch.optim.Optimizer:
    return make_optimizer(model, OptimizerSection.model_validate({"kind": kind, **settings}), "fp32")


def _matrices(model: Hybrid) -> set[str]:
    """Weights of convolutions and linear layers between the first and the last one that mix channels."""
    return {
        name
        for name, p in model.named_parameters()
        if p.ndim in {2, 4}
        and name.endswith(".weight")
        and name.split(".")[0] not in {"stem", "head"}
        and p.shape[1] > 1
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_moves_every_weight_at_its_rate(model: Hybrid, kind: str) -> None:
    before = copy.deepcopy(model)
    optimizer = _made(model, kind, muon_rate=0.02, adam_rate=0.01, decay=0)
    optimizer.step()
    for (name, p), old in zip(model.named_parameters(), before.parameters(), strict=True):
        moved = (p - old).detach()
        if kind == "muon" and name in _matrices(model):
            rows, columns = p.shape[0], p[0].numel()
            largest = float(torch.linalg.svdvals(moved.reshape(rows, columns)).max())
            assert largest == pytest.approx(0.02 * max(1, rows / columns) ** 0.5, rel=0.3)
        else:  # Adam's first step has the size of the rate everywhere
            assert torch.allclose(moved.abs(), torch.tensor(0.01), rtol=1e-3), name
            assert p.grad is not None
            assert torch.equal(moved.sign(), -p.grad.sign())


@pytest.mark.parametrize("kind", KINDS)
def test_only_matrices_decay_and_under_adam_nothing_does(model: Hybrid, kind: str) -> None:
    before = copy.deepcopy(model)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer = _made(model, kind, muon_rate=0.1, adam_rate=0.1, decay=0.5)
    optimizer.step()
    decayed = _matrices(model) if kind != "adam" else set()
    for (name, p), old in zip(model.named_parameters(), before.parameters(), strict=True):
        assert torch.allclose(p, old * (0.95 if name in decayed else 1.0), atol=1e-6), name


def test_depthwise_weights_and_the_outer_layers_are_not_under_muon(model: Hybrid) -> None:
    groups = {group["kind"]: group["params"] for group in _made(model, "muon").param_groups}
    names = {id(p): name for name, p in model.named_parameters()}
    chosen = {names[id(p)] for p in groups["muon"]}
    assert chosen == _matrices(model)
    assert {"encoder.0.0.expand1.weight", "context.0.attention.qkv.weight"} <= chosen
    others = {names[id(p)] for p in groups["adamw"]}
    assert {"encoder.0.0.spread.weight", "stem.weight", "head.weight", "encoder.0.0.gain1"} <= others
    assert chosen | others == set(names.values())


@pytest.mark.parametrize("kind", KINDS)
def test_rates_are_shares_of_their_peaks(model: Hybrid, kind: str) -> None:
    optimizer = _made(model, kind, muon_rate=0.02, adam_rate=0.01)
    peaks = [0.02, 0.01] if kind == "muon" else [0.01] * len(optimizer.param_groups)
    for factor in (0.5, 0.25, 1.0):
        set_rates(optimizer, factor)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([factor * peak for peak in peaks])
        assert [group["peak_rate"] for group in optimizer.param_groups] == peaks
    before = copy.deepcopy(model.state_dict())
    set_rates(optimizer, 0.0)
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_adversary_s_optimizer_has_no_momentum() -> None:
    loss = LossSection(adversarial=1, discriminator_width=8, discriminator_rate=0.003)
    adversary = Adversary(loss)
    optimizer = make_adversary_optimizer(adversary, loss)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["peak_rate"], group["betas"][0]) == (0.003, 0.003, 0.0)
    assert {id(p) for p in group["params"]} == {id(p) for p in adversary.parameters()}


def test_gradients_are_scaled_down_together_and_never_up(model: Hybrid) -> None:
    gradients = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    for largest in (0.2, 1e9):
        clip(model.parameters(), largest)
        now = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        gradients = gradients * min(1.0, largest / float(gradients.norm()))
        assert torch.allclose(now, gradients, rtol=1e-4, atol=1e-9)


def _module(recipe: Recipe) -> RestorationModule:
    made = lessons.load(recipe, torch.device("cpu"), tell=lambda _: None)
    module = RestorationModule(recipe, made, Budget(10, None))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for parameter in module.model.parameters():
            parameter.data.add_(torch.randn_like(parameter), alpha=0.05)  # a head of zeros would hide the rest
    return module


def test_a_batch_in_parts_has_the_gradient_of_the_whole(recipe: Callable[..., Recipe]) -> None:
    wanted = recipe(data__batch=8, optimizer__accumulate=2, optimizer__clip=1e9, loss__balance=0.5)
    module = _module(wanted)
    model = copy.deepcopy(module.model)
    parts = [module.lessons(0, part, 0) for part in range(2)]
    assert [len(part.clean) for part in parts] == [4, 4]
    clean, degraded, sigma01 = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("clean", "degraded", "sigma01")
    )
    restored = model(degraded, sigma01[:, None, None, None])
    each = ((restored - clean).square() + 1e-6).sqrt().mean(dim=(1, 2, 3))
    loss = (each * ((sigma01 * 255 + 2) / 27) ** -0.5).mean()
    torch.autograd.backward(loss)
    module.take_step(module.configure_optimizers())
    for (name, p), q in zip(module.model.named_parameters(), model.parameters(), strict=True):
        assert p.grad is not None
        assert q.grad is not None
        assert torch.allclose(p.grad, q.grad, rtol=1e-3, atol=1e-6 + 1e-5 * float(q.grad.abs().max())), name
    assert module.steps_done == 1
    moved = [not torch.equal(p, q) for p, q in zip(module.model.parameters(), model.parameters(), strict=True)]
    assert all(moved)
    told = module.means()
    assert module.steps_noted == 1
    assert told["pixel"] == pytest.approx(float(loss.detach()), rel=1e-4)


def test_a_step_clips_to_the_recipe_s_norm(recipe: Callable[..., Recipe]) -> None:
    module = _module(recipe(optimizer__clip=1e-3))
    module.take_step(module.configure_optimizers())
    gradients = torch.cat([p.grad.flatten() for p in module.model.parameters() if p.grad is not None])
    assert float(gradients.norm()) == pytest.approx(1e-3, rel=1e-3)


def test_a_resting_adversary_learns_nothing_and_still_judges(recipe: Callable[..., Recipe]) -> None:
    module = _module(
        recipe(loss__adversarial=0.1, loss__discriminator_width=8, loss__rest_above=0.8, loss__ramp_steps=4)
    )
    adversary = module.adversary
    assert adversary is not None
    optimizers = module.configure_optimizers()
    for resting in (True, False):
        module.steps_done = 0
        adversary.right.fill_(0.9 if resting else 0.5)
        before = {name: p.detach().clone() for name, p in adversary.named_parameters()}
        right, model = float(adversary.right), copy.deepcopy(module.model.state_dict())
        module.take_step(optimizers)
        assert all(torch.equal(p, before[name]) for name, p in adversary.named_parameters()) is resting
        assert all((p.grad is None) is resting for p in adversary.parameters())
        assert float(adversary.right) != right
        assert not torch.equal(module.model.get_parameter("stem.weight"), model["stem.weight"])
    assert set(module.means()) == {"pixel", "adversarial", "discriminator", "judged_right", "psnr"}
