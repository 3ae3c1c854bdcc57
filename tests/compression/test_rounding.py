"""Rounding that learns: against PyTorch's fake quantization, a search over all ranges, and slopes counted out."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from pixelmend.compression.rounding import RoundedWeight, Rounder, attach, settle
from pixelmend.models.blocks import Point
from pixelmend.models.rounding import HIGHEST, points
from tests.compression.conftest import PRUNED, SMALL
from tests.export.networks import woken


def rounder(scale: float, zero: int) -> Rounder:
    made = Rounder()
    made.mode = "round"
    made.log_scale.data.fill_(np.log(scale))
    made.zero = zero
    return made


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("scale", "zero"), [(0.031, 0), (0.0173, 131), (0.011, 255)])
def test_it_rounds_as_pytorch_does(scale: float, zero: int) -> None:
    given, point = drawn(2, 3, 16, 16), rounder(scale, zero)
    wanted = torch.fake_quantize_per_tensor_affine(given, point.scale, zero, 0, HIGHEST)
    torch.testing.assert_close(point(given).detach(), wanted, rtol=1e-5, atol=1e-6)
    assert point.scale == pytest.approx(scale)
    point.mode = "pass"
    assert point(given) is given
    point.mode = "watch"
    assert point(given) is given


def test_gradients_pass_inside_and_end_outside() -> None:
    given, point = 3 * drawn(1, 1, 40, 40), rounder(0.02, 100)
    given[0, 0, 0, :3] = torch.tensor([-99.9, 154.9, 0]) * point.scale  # rounded to both ends, from inside
    given.requires_grad_()
    weights = drawn(1, 1, 40, 40) + 2
    (weights * point(given)).sum().backward()
    place = given.detach() / 0.02 + 100
    passes = (place > 0) & (place < 255)
    assert 0.1 < float(passes.float().mean()) < 0.9
    assert given.grad is not None
    torch.testing.assert_close(given.grad[passes], weights[passes], rtol=1e-5, atol=1e-5)
    assert not given.grad[~passes].any()


def test_the_slope_of_the_scale_is_that_of_learned_step_sizes() -> None:
    """LSQ, eq. 3: round(x / s) - x / s inside, the lowest or the highest number outside; times s for its logarithm."""
    given, (scale, zero) = drawn(1, 1, 50, 50).double(), (0.01, 90)
    point = rounder(scale, zero).double()
    weights = drawn(1, 1, 50, 50).double()
    # `Rounder` computes in float32; nothing here lies so near to a half that it would matter.
    (weights.float() * point(given)).sum().backward()
    steps = given.numpy() / scale
    slopes = np.where(steps < -zero, -zero, np.where(steps > HIGHEST - zero, HIGHEST - zero, np.rint(steps) - steps))
    assert point.log_scale.grad is not None
    wanted = float((weights.numpy() * slopes).sum() * scale)
    assert float(point.log_scale.grad) == pytest.approx(wanted, rel=1e-3)


def test_the_slope_points_where_the_error_falls() -> None:
    """For many values that are clipped too early, the mean squared error is smooth: its slope can be counted out."""
    given, scale, zero = drawn(1, 1, 500, 500), 0.01, 128

    def error(at: float) -> torch.Tensor:
        point = rounder(at, zero)
        (point(given) - given).square().mean().backward()
        assert point.log_scale.grad is not None
        return point.log_scale.grad

    def loss(at: float) -> float:
        exact = given.double()
        rounded = ((exact / at).round() + zero).clamp(0, HIGHEST).sub(zero) * at
        return float((rounded - exact).square().mean())

    step = 0.02
    slope = (loss(scale * np.exp(step)) - loss(scale * np.exp(-step))) / (2 * step)
    assert slope < -0.01
    assert float(error(scale)) == pytest.approx(slope, rel=0.05)


@pytest.mark.parametrize("kind", ["even", "heavy", "positive", "negative"])
def test_ranges_are_nearly_the_best_that_there_are(kind: str) -> None:
    generator = np.random.default_rng(0)
    values = {
        "even": generator.uniform(-1, 2, 4000),
        "heavy": generator.laplace(0.2, 1, 4000) ** 3,
        "positive": np.maximum(generator.normal(0, 1, 4000), 0),
        "negative": -generator.exponential(1, 4000) - 0.5,
    }[kind].astype(np.float32)

    def error(scale: float, zero: int) -> float:
        steps = np.clip(np.rint(values / scale) + zero, 0, 255) - zero
        return float(np.square(steps * scale - values).mean())

    point = Rounder()
    point.mode = "watch"
    for part in np.split(values, 4):
        point(torch.from_numpy(part).reshape(1, 1, 10, 100))
    point.fit()
    span = float(max(values.max(), 0) - min(values.min(), 0))
    zeros = range(0, 256, 5)
    best = min(error(scale, z) for scale, z in itertools.product(span / 255 * np.linspace(0.02, 1.1, 100), zeros))
    zero = point.zero
    assert 0 <= zero <= HIGHEST
    assert zero == {"positive": 0, "negative": 255}.get(kind, zero)
    assert error(point.scale, zero) < 1.1 * best
    assert point._seen == []


def test_ends_of_what_was_watched_are_kept_however_many_values_there_are() -> None:
    given = torch.full((1, 1, 512, 512), 0.5)
    given[0, 0, 3, 3], given[0, 0, 5, 7] = 1.0, -1.0
    point = Rounder()
    point.mode = "watch"
    point(given)
    (kept,) = point._seen
    assert kept.numel() < given.numel() / 4
    assert (float(kept.min()), float(kept.max())) == (-1, 1)


def test_what_is_zero_everywhere_stays_so() -> None:
    point = Rounder()
    point.mode = "watch"
    point(torch.zeros(1, 2, 4, 4))
    point.fit()
    point.mode = "round"
    assert not point(torch.zeros(1, 2, 4, 4)).any()


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (6, 12)])
def test_weights_are_whole_numbers_with_a_scale_for_each_channel(shape: tuple[int, ...]) -> None:
    weight = drawn(*shape) * torch.logspace(-3, 1, 6).reshape(-1, *[1] * (len(shape) - 1))
    weight[2] = 0
    weight.requires_grad_()
    made = RoundedWeight()
    assert made(weight) is weight
    made.mode = "round"
    rounded = made(weight)
    largest = weight.detach().abs().flatten(1).amax(dim=1).double()
    steps = rounded.detach().double().flatten(1) / (largest[:, None] / 127).clamp_min(1e-30)
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-3)
    assert steps.abs().amax(dim=1).round().tolist() == [127, 127, 0, 127, 127, 127]
    apart = (rounded - weight).detach().abs().flatten(1).amax(dim=1)
    assert bool((apart <= 0.5001 * largest / 127).all())
    # PyTorch's own, channel by channel.
    scales = (largest / 127).float().clamp_min(1e-12)
    zeros = torch.zeros(6, dtype=torch.int32)
    wanted = torch.fake_quantize_per_channel_affine(weight.detach(), scales, zeros, 0, -127, 127)
    torch.testing.assert_close(rounded.detach(), wanted, rtol=1e-5, atol=1e-7)
    upstream = drawn(*shape)
    rounded.backward(upstream)
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, upstream)


@torch.no_grad()
def test_what_is_attached_does_nothing_until_told_and_leaves_no_trace() -> None:
    model = woken(PRUNED)
    before = copy.deepcopy(model)
    given = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.full((1, 1, 1, 1), 0.1)
    wanted = model(*given)
    attach(model)
    assert all(type(point) is Rounder for point in points(model).values())
    assert not parametrize.is_parametrized(model.stem)
    layers = [m for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)) and m is not model.stem]
    assert layers
    assert all(parametrize.is_parametrized(layer, "weight") for layer in layers)
    assert torch.equal(model(*given), wanted)

    chosen = {"point_stem": (0.05, 128), "context.1.point_sum2": (0.03, 120)}
    for name, (scale, zero) in chosen.items():
        point = points(model)[name]
        assert isinstance(point, Rounder)
        point.mode = "round"
        point.log_scale.fill_(np.log(scale))
        point.zero = zero
    for module in model.modules():
        if isinstance(module, RoundedWeight):
            module.mode = "round"
    assert float((model(*given) - wanted).abs().max()) > 1e-3

    rounding = settle(model)
    assert {name: zero for name, (_, zero) in rounding.items()} == {name: zero for name, (_, zero) in chosen.items()}
    assert {n: s for n, (s, _) in rounding.items()} == pytest.approx({n: s for n, (s, _) in chosen.items()}, rel=1e-6)
    assert all(type(point) is Point for point in points(model).values())
    assert model.state_dict().keys() == before.state_dict().keys()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.state_dict().items())
    assert torch.equal(model(*given), wanted)


def test_what_was_learnt_is_what_is_settled() -> None:
    """Weights go on learning under their rounding, and come out unrounded as the optimizer left them."""
    model = woken(SMALL)
    attach(model)
    for module in model.modules():
        if isinstance(module, RoundedWeight):
            module.mode = "round"
    given = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.full((1, 1, 1, 1), 0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model(*given).square().mean().backward()
    optimizer.step()
    learnt = dict(model.named_parameters())["head.parametrizations.weight.original"].detach().clone()
    settle(model)
    assert torch.equal(model.head.weight, learnt)
    assert not torch.equal(model.head.weight, woken(SMALL).head.weight)
    assert isinstance(model.head.weight, torch.nn.Parameter)
