"""Adversarial losses against their formulas in NumPy, where their gradients lead, and the penalty on the slope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from pixelmend.losses import ADVERSARIAL, r1_penalty
from pixelmend.losses.adversarial import gradient_penalty

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

SHAPES = [(2, 1, 3, 5), (4,)]


def _logits(shape: tuple[int, ...] = (2, 1, 3, 5)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(shape, generator=generator), 2 * torch.randn(shape, generator=generator) - 0.5


def _log_sigmoid(x: Array) -> Array:
    return np.asarray(-np.log(1 + np.exp(-x)))


def _log_not_sigmoid(x: Array) -> Array:
    return np.asarray(np.log(1 - 1 / (1 + np.exp(-x))))


def _relativistic(real: Array, fake: Array) -> float:
    return float(-np.mean(_log_sigmoid(real - np.mean(fake))) - np.mean(_log_not_sigmoid(fake - np.mean(real))))


def _hinge(real: Array, fake: Array) -> float:
    return float(np.mean(np.maximum(0, 1 - real)) + np.mean(np.maximum(0, 1 + fake)))


def _non_saturating(real: Array, fake: Array) -> float:
    return float(-np.mean(_log_sigmoid(real)) - np.mean(_log_not_sigmoid(fake)))


FORMULAS: dict[str, tuple[Callable[[Array, Array], float], Callable[[Array, Array], float]]] = {
    "hinge": (_hinge, lambda _, fake: float(-np.mean(fake))),
    "relativistic": (_relativistic, lambda real, fake: _relativistic(fake, real)),
    "non-saturating": (_non_saturating, lambda _, fake: float(-np.mean(_log_sigmoid(fake)))),
    "wasserstein": (
        lambda real, fake: float(np.mean(fake) - np.mean(real)),
        lambda _, fake: float(-np.mean(fake)),
    ),
}


def test_recipes_name_these() -> None:
    assert set(ADVERSARIAL) == set(FORMULAS)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_each_side_is_its_formula(name: str, shape: tuple[int, ...]) -> None:
    real, fake = _logits(shape)
    arrays = real.double().numpy(), fake.double().numpy()
    sides = ADVERSARIAL[name].discriminator, ADVERSARIAL[name].generator
    for side, formula in zip(sides, FORMULAS[name], strict=True):
        loss = side(real, fake)
        assert loss.shape == ()
        assert float(loss) == pytest.approx(formula(*arrays), rel=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_rounded_logits_give_a_float32_loss_also_under_autocast(name: str) -> None:
    real, fake = (logits.bfloat16() for logits in _logits())
    for side in (ADVERSARIAL[name].discriminator, ADVERSARIAL[name].generator):
        with torch.autocast("cpu", torch.bfloat16):
            loss = side(real, fake)
        assert loss.dtype == torch.float32
        assert torch.equal(loss, side(real.float(), fake.float()))


@pytest.mark.parametrize("name", FORMULAS)
def test_huge_logits_stay_finite(name: str) -> None:
    real, fake = (1e4 * logits for logits in _logits())
    for side in (ADVERSARIAL[name].discriminator, ADVERSARIAL[name].generator):
        (slope,) = torch.autograd.grad(side(real, fake.requires_grad_()), fake)
        assert slope.isfinite().all()


@pytest.mark.parametrize("name", FORMULAS)
def test_the_discriminator_raises_clean_logits_and_lowers_restored_ones(name: str) -> None:
    real, fake = (logits.requires_grad_() for logits in _logits())
    slopes = torch.autograd.grad(ADVERSARIAL[name].discriminator(real, fake), (real, fake))
    assert bool((slopes[0] <= 0).all())
    assert slopes[0].any()
    assert bool((slopes[1] >= 0).all())
    assert slopes[1].any()


@pytest.mark.parametrize("name", FORMULAS)
def test_the_generator_raises_restored_logits_and_leaves_clean_ones(name: str) -> None:
    real, fake = (logits.requires_grad_() for logits in _logits())
    torch.autograd.backward(ADVERSARIAL[name].generator(real, fake))
    assert real.grad is None
    assert fake.grad is not None
    assert bool((fake.grad < 0).all())


@pytest.mark.parametrize("name", FORMULAS)
def test_a_step_of_each_player_lowers_its_own_loss(name: str) -> None:
    """A toy: the discriminator judges each pixel by a 1×1 convolution, the generator adds a colour."""
    game = ADVERSARIAL[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = nn.Conv2d(3, 1, 1)
    clean = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    colour = torch.full((3, 1, 1), -0.3, requires_grad=True)

    def play(side: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], players: list[nn.Parameter]) -> None:
        before = side(judge(clean), judge(clean + colour))
        slopes = torch.autograd.grad(before, players)
        with torch.no_grad():
            for player, slope in zip(players, slopes, strict=True):
                player.sub_(slope, alpha=0.05)
        assert float(side(judge(clean), judge(clean + colour)).detach()) < float(before.detach())

    play(game.discriminator, list(judge.parameters()))
    play(game.generator, [colour])  # type: ignore[list-item] # a leaf like any parameter


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 6), (32, 32)])
def test_the_penalty_of_a_linear_judge_is_its_squared_norm_at_every_size(height: int, width: int) -> None:
    judge = nn.Conv2d(3, 1, 1)
    # Few bits, so that float32 sums two thousand of them without rounding, in whatever order.
    judge.weight.data = torch.tensor([0.25, -0.5, 1.25]).reshape(1, 3, 1, 1)
    clean = torch.rand(2, 3, height, width)
    expected = float(judge.weight.detach().double().square().sum())
    penalty = r1_penalty(judge, clean)
    assert float(penalty.detach()) == pytest.approx(expected, rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, judge.weight)
    assert torch.allclose(slope, 2 * judge.weight, rtol=1e-5)


class _Square(nn.Module):
    """Logits a·x², of which the slope is 2·a·x."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.5))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return (self.gain * pictures.square()).sum(dim=1, keepdim=True)


def test_the_penalty_is_its_formula_picture_by_picture() -> None:
    clean = torch.rand(3, 3, 4, 5, generator=torch.Generator().manual_seed(2))
    slopes = 2 * 1.5 * clean.double().numpy()
    expected = np.mean([np.sum(slope**2) / (4 * 5) for slope in slopes])
    assert float(r1_penalty(_Square(), clean).detach()) == pytest.approx(float(expected), rel=1e-5)


def test_the_penalty_is_float32_under_autocast_and_leaves_the_pictures_alone() -> None:
    judge = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(), nn.Conv2d(4, 1, 3, padding=1))
    clean = torch.rand(2, 3, 8, 8)
    exact = r1_penalty(judge, clean)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        penalty = r1_penalty(judge, clean)
    assert penalty.dtype == torch.float32
    assert torch.equal(penalty, exact)
    torch.autograd.backward(penalty)
    assert all(p.grad is not None and p.grad.any() for p in judge.parameters() if p.ndim == 4)
    assert clean.grad is None
    assert not clean.requires_grad


def test_a_step_along_the_penalty_flattens_the_judge() -> None:
    judge = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(), nn.Conv2d(4, 1, 3, padding=1))
    clean = torch.rand(2, 3, 8, 8)
    penalty = r1_penalty(judge, clean)
    slopes = torch.autograd.grad(penalty, list(judge.parameters()), allow_unused=True)
    with torch.no_grad():
        for parameter, slope in zip(judge.parameters(), slopes, strict=True):
            if slope is not None:
                parameter.sub_(slope, alpha=0.01)
    assert float(r1_penalty(judge, clean).detach()) < float(penalty.detach())


SHARES = torch.tensor([0.0, 0.25, 1.0])


def _pairs() -> tuple[torch.Tensor, torch.Tensor]:
    clean, restored = (torch.rand(3, 3, 4, 5, generator=torch.Generator().manual_seed(seed)) for seed in (2, 3))
    return clean, restored


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 6)])
def test_a_linear_critic_is_punished_for_every_slope_but_one(height: int, width: int) -> None:
    """The mean of a·x over H·W pixels has the slope ‖a‖ / √(H·W) everywhere."""
    critic = nn.Conv2d(3, 1, 1)
    clean, restored = torch.rand(2, 2, 3, height, width)
    norm = float(critic.weight.detach().double().square().sum()) ** 0.5
    penalty = gradient_penalty(critic, clean, restored, torch.rand(2))
    assert float(penalty.detach()) == pytest.approx((norm / (height * width) ** 0.5 - 1) ** 2, rel=1e-4)
    with torch.no_grad():
        critic.weight *= (height * width) ** 0.5 / norm
    assert float(gradient_penalty(critic, clean, restored, torch.rand(2)).detach()) == pytest.approx(0, abs=1e-9)


def test_the_slope_is_taken_between_clean_and_restored_pictures() -> None:
    clean, restored = _pairs()
    shares = SHARES.double().numpy()[:, None, None, None]
    between = shares * clean.double().numpy() + (1 - shares) * restored.double().numpy()
    norms = np.sqrt(np.sum((2 * 1.5 * between / (4 * 5)) ** 2, axis=(1, 2, 3)))
    penalty = gradient_penalty(_Square(), clean, restored, SHARES)
    assert float(penalty.detach()) == pytest.approx(float(np.mean((norms - 1) ** 2)), rel=1e-5)


def test_the_penalty_on_slopes_is_float32_under_autocast_and_teaches_the_critic_alone() -> None:
    critic = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(), nn.Conv2d(4, 1, 3, padding=1))
    clean, restored = _pairs()
    restored.requires_grad_()
    exact = gradient_penalty(critic, clean, restored, SHARES)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        penalty = gradient_penalty(critic, clean, restored, SHARES)
    assert penalty.dtype == torch.float32
    assert torch.equal(penalty, exact)
    torch.autograd.backward(penalty)
    assert all(p.grad is not None and p.grad.any() for p in critic.parameters() if p.ndim == 4)
    assert restored.grad is None
    assert clean.grad is None


def test_a_critic_without_any_slope_is_punished_by_one_and_stays_finite() -> None:
    critic = nn.Conv2d(3, 1, 1)
    nn.init.zeros_(critic.weight)
    penalty = gradient_penalty(critic, *_pairs(), shares=SHARES)
    assert float(penalty.detach()) == 1
    (slope,) = torch.autograd.grad(penalty, critic.weight)
    assert slope.isfinite().all()
