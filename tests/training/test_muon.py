"""Muon against the exact polar factor, AdamW against the library's, and the rule of the rates."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from pixelmend.models import Hybrid, HybridConfig
from pixelmend.training.muon import MuonAdamW, muon_parameters, orthogonalize


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (48, 48), (1, 9), (9, 1)])
def test_orthogonalize_is_near_the_polar_factor(shape: tuple[int, int], dtype: torch.dtype) -> None:
    u, _, vh = torch.linalg.svd(torch.randn(3, *shape, generator=_generator()), full_matrices=False)
    rank = min(shape)
    values = torch.logspace(-1.5, 0, rank) if rank > 1 else torch.tensor([0.02])
    scale = torch.tensor([1e-4, 1.0, 300.0])[:, None, None]  # the scale of a gradient must not matter
    moved = orthogonalize(scale * (u * values) @ vh, dtype).float()
    exact = u @ vh
    singular = torch.linalg.svdvals(moved)
    assert singular.min() > 0.5
    assert singular.max() < 1.5
    cosine = (moved * exact).sum(dim=(1, 2)) / (moved.norm(dim=(1, 2)) * exact.norm(dim=(1, 2)))
    assert cosine.min() > 0.97


def test_orthogonalize_leaves_zero_at_zero() -> None:
    assert not orthogonalize(torch.zeros(1, 4, 4), torch.float32).any()


def test_adamw_is_the_librarys() -> None:
    ours = [
        nn.Parameter(torch.randn(5, 3, generator=_generator())),
        nn.Parameter(torch.randn((), generator=_generator())),
    ]
    theirs = copy.deepcopy(ours)
    optimizer = MuonAdamW([], ours, muon_rate=0.1, adam_rate=0.01)
    reference = torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=0)
    generator = _generator(1)
    for step in range(8):
        for group in (*optimizer.param_groups, *reference.param_groups):
            group["lr"] = 0.01 / (1 + step)
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=generator) * 10.0 ** -(step % 4)
            q.grad = p.grad.clone()
        optimizer.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            assert torch.allclose(p, q, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("precision", "rounding"), [("bf16", 0.05), ("fp32", 1e-4)])
@pytest.mark.parametrize("shape", [(32, 2, 2, 2), (8, 4, 3, 3), (16, 16), (64, 16)])
def test_a_muon_step_has_the_size_of_its_rule(shape: tuple[int, ...], precision: str, rounding: float) -> None:
    rate, decay = 0.02, 0.5
    p = nn.Parameter(torch.randn(shape, generator=_generator()))
    before = p.detach().clone()
    optimizer = MuonAdamW([p], [], muon_rate=rate, adam_rate=1, decay=decay, precision=precision)
    p.grad = torch.randn(shape, generator=_generator(1))
    optimizer.step()
    moved = (p.detach() - before * (1 - rate * decay)).reshape(shape[0], -1)
    rows, columns = moved.shape
    flat = p.grad.reshape(1, rows, columns)
    expected = -rate * max(1, rows / columns) ** 0.5 * orthogonalize(flat, torch.float32)[0]
    # The momentum of a first step is the gradient times a number, and bfloat16 has 8 bits.
    assert (moved - expected).norm() < rounding * expected.norm()
    assert float(torch.linalg.svdvals(moved).max()) == pytest.approx(rate * max(1, rows / columns) ** 0.5, rel=0.3)


def test_the_momentum_is_nesterovs() -> None:
    shape, momentum = (6, 4), 0.95
    p = nn.Parameter(torch.zeros(shape))
    optimizer = MuonAdamW([p], [], muon_rate=0.1, adam_rate=1, momentum=momentum, decay=0, precision="fp32")
    gradients = [torch.randn(shape, generator=_generator(seed)) for seed in range(3)]
    average, expected = torch.zeros(shape), torch.zeros(shape)
    for gradient in gradients:
        p.grad = gradient
        optimizer.step()
        average = momentum * average + (1 - momentum) * gradient
        ahead = (1 - momentum) * gradient + momentum * average
        expected -= 0.1 * (6 / 4) ** 0.5 * orthogonalize(ahead[None], torch.float32)[0]
    assert (p.detach() - expected).norm() < 1e-5 * expected.norm()


def test_matrices_of_one_shape_do_not_mix() -> None:
    gradients = [torch.randn(8, 4, generator=_generator(seed)) for seed in range(3)]
    together = [nn.Parameter(torch.zeros(8, 4)) for _ in gradients]
    for p, gradient in zip(together, gradients, strict=True):
        p.grad = gradient
    MuonAdamW(together, [], muon_rate=0.1, adam_rate=1).step()
    for p, gradient in zip(together, gradients, strict=True):
        alone = nn.Parameter(torch.zeros(8, 4))
        alone.grad = gradient
        MuonAdamW([alone], [], muon_rate=0.1, adam_rate=1).step()
        assert torch.allclose(p, alone, atol=2e-3)


def test_parameters_without_a_gradient_stay() -> None:
    p, q = nn.Parameter(torch.ones(3, 3)), nn.Parameter(torch.ones(3))
    MuonAdamW([p], [q], muon_rate=0.1, adam_rate=0.1).step()
    assert torch.equal(p, torch.ones(3, 3))
    assert torch.equal(q, torch.ones(3))


def _problem() -> tuple[nn.Sequential, MuonAdamW, Tensor, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
    x = torch.randn(64, 6, generator=_generator(1))
    y = torch.sin(x @ torch.randn(6, 4, generator=_generator(2)))
    matrices, others = muon_parameters(model, excluded=())
    return model, MuonAdamW(matrices, others, muon_rate=0.02, adam_rate=0.01), x, y


def _steps(model: nn.Module, optimizer: MuonAdamW, x: Tensor, y: Tensor, count: int) -> float:
    def closure() -> float:
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        return float(loss.detach())

    for _ in range(count):
        loss = optimizer.step(closure)
        assert loss is not None
    with torch.no_grad():
        return float((model(x) - y).square().mean())


def test_a_small_problem_is_learnt() -> None:
    model, optimizer, x, y = _problem()
    before = _steps(model, optimizer, x, y, 0)
    assert _steps(model, optimizer, x, y, 150) < 0.2 * before


def test_its_state_goes_to_disk_and_back() -> None:
    model, optimizer, x, y = _problem()
    _steps(model, optimizer, x, y, 5)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    after = _steps(model, optimizer, x, y, 5)
    model, optimizer, x, y = _problem()
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    assert _steps(model, optimizer, x, y, 5) == after


def test_muon_takes_the_matrices_between_first_and_last_layer() -> None:
    config = HybridConfig.model_validate(
        {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "window": 4, "head_width": 8}
    )
    model = Hybrid(config)
    matrices, others = muon_parameters(model, excluded=("stem", "head"))
    names = {id(p): name for name, p in model.named_parameters()}
    chosen = {names[id(p)] for p in matrices}
    assert {"encoder.0.0.conv1.weight", "downs.0.conv.weight", "context.0.attention.qkv.weight"} <= chosen
    assert all(name.endswith("weight") and "norm" not in name for name in chosen)
    assert {"stem.weight", "head.weight", "context.0.attention.position_bias"} <= {names[id(p)] for p in others}
    assert len(matrices) + len(others) == len(names)
    assert not {id(p) for p in matrices} & {id(p) for p in others}
