"""The terms of the objective by formulas of their own; the adversary's game, its rest, and its spectral norms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelmend.data.batches import Batch
from pixelmend.errors import UsageError
from pixelmend.losses.perceptual import FeatureNetwork, Trunk
from pixelmend.models import Hybrid, HybridConfig, save_model
from pixelmend.models.baselines.deblurgan import PatchCritic
from pixelmend.models.discriminator import UNetDiscriminator
from pixelmend.training import objective as module
from pixelmend.training.objective import Adversary, Objective

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.training.recipe import Recipe

    Make = Callable[..., Recipe]

SIDE = 16


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def lesson() -> Batch:
    clean, degraded = (torch.rand(3, 3, SIDE, SIDE, generator=_generator(seed)) for seed in (0, 1))
    return Batch(clean, degraded, torch.tensor([0.0, 10, 75]) / 255)


@pytest.fixture
def restored() -> Tensor:
    return torch.rand(3, 3, SIDE, SIDE, generator=_generator(2)).requires_grad_()


def _terms(recipe: Recipe, restored: Tensor, lesson: Batch, ramp: float = 1.0) -> dict[str, float]:
    terms = Objective(recipe)(restored, lesson, [lesson.sigma01[:, None, None, None]], ramp)
    return {name: float(value.detach()) for name, value in terms.items()}


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy().astype(np.float64) for tensor in tensors]


PIXEL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "l1": np.abs,
    "l2": np.square,
    "charbonnier": lambda d: np.sqrt(d**2 + 1e-6),
}


@pytest.mark.parametrize("pixel", PIXEL)
@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_the_pixel_term_is_the_balanced_mean(
    recipe: Make, restored: Tensor, lesson: Batch, pixel: str, balance: float
) -> None:
    terms = _terms(recipe(loss__pixel=pixel, loss__balance=balance), restored, lesson, 0.1)
    one, other = _arrays(restored, lesson.clean)
    weights = ((np.array([0, 10, 75]) + 2) / 27) ** -balance
    expected = np.mean(PIXEL[pixel](one - other).mean(axis=(1, 2, 3)) * weights)
    assert terms == {"pixel": pytest.approx(expected, rel=1e-5)}  # nothing else, and no ramp


def test_the_frequency_term_compares_spectra(recipe: Make, restored: Tensor, lesson: Batch) -> None:
    terms = _terms(recipe(loss__frequency=0.3, loss__balance=0.5), restored, lesson, 0.1)
    one, other = _arrays(restored, lesson.clean)
    spectrum = np.fft.rfft2(one - other, norm="ortho")
    each = ((np.abs(spectrum.real) + np.abs(spectrum.imag)) / 2).mean(axis=(1, 2, 3))
    weights = ((np.array([0, 10, 75]) + 2) / 27) ** -0.5
    assert terms["frequency"] == pytest.approx(0.3 * np.mean(each * weights), rel=1e-4)
    assert set(terms) == {"pixel", "frequency"}


@pytest.mark.parametrize("ramp", [0.25, 1.0])
def test_the_perceptual_term_compares_features_and_is_ramped(
    recipe: Make, restored: Tensor, lesson: Batch, monkeypatch: pytest.MonkeyPatch, ramp: float
) -> None:
    weight, bias = torch.randn(4, 3, 3, 3, generator=_generator(3)), torch.randn(4, generator=_generator(4))
    asked: list[Path | None] = []

    def find(named: Path | None) -> FeatureNetwork:
        asked.append(named)
        trunk = Trunk(
            lambda: nn.Sequential(nn.Conv2d(3, 4, 3)), {0: 0.7}, lambda _: {"0.weight": weight, "0.bias": bias}
        )
        return FeatureNetwork([trunk], described="made here", minimum=3)

    monkeypatch.setattr(module, "find_features", find)
    wanted = recipe(loss__perceptual=0.2, loss__features="some/where")
    objective = Objective(wanted)
    terms = objective(restored, lesson, [], ramp)
    mean, std = (torch.tensor(each)[:, None, None] for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    one, other = (F.conv2d((t - mean) / std, weight, bias) for t in (restored, lesson.clean))
    assert float(terms["perceptual"].detach()) == pytest.approx(
        0.2 * ramp * 0.7 * float((one - other).detach().abs().mean()), rel=1e-5
    )
    assert asked == [wanted.loss.features]
    assert objective.described == "made here"
    torch.autograd.backward(terms["perceptual"])
    assert restored.grad is not None
    assert restored.grad.any()


def test_without_features_nothing_is_looked_for(recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "find_features")
    assert Objective(recipe()).described == ""


def _teacher(path: Path, config: HybridConfig) -> Hybrid:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = Hybrid(config)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)
    save_model(model, path, {})
    return model


def test_a_teacher_of_another_size_teaches(recipe: Make, tmp_path: Path, restored: Tensor, lesson: Batch) -> None:
    path = tmp_path / "teacher.safetensors"
    config = HybridConfig.model_validate({**recipe().model.model_dump(), "widths": (24, 32), "skips": "concatenate"})
    model = _teacher(path, config)
    told = [lesson.sigma01[:, None, None, None]]
    terms = Objective(recipe(distill__teacher=path, distill__weight=0.4, loss__pixel="l1", loss__balance=0.5))(
        restored, lesson, told, 0.1
    )
    with torch.no_grad():
        one, other = _arrays(restored, model(lesson.degraded, *told))
    weights = ((np.array([0, 10, 75]) + 2) / 27) ** -0.5
    expected = 0.4 * np.mean(np.abs(one - other).mean(axis=(1, 2, 3)) * weights)
    assert float(terms["distill"].detach()) == pytest.approx(expected, rel=1e-4)
    torch.autograd.backward(terms["distill"])
    assert restored.grad is not None


@pytest.mark.parametrize("changes", [{"conditions": ()}, {"conditions": ("mask",)}, {"scale": 2}])
def test_a_teacher_of_another_kind_is_refused(recipe: Make, tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "teacher.safetensors"
    _teacher(path, HybridConfig.model_validate({**recipe().model.model_dump(), **changes}))
    with pytest.raises(
        UsageError, match=r"wanted a teacher that is told \['noise_level'\] and enlarges by 1"
    ) as caught:
        Objective(recipe(distill__teacher=path))
    assert "\n" not in str(caught.value)


def test_a_teacher_that_takes_no_such_crop_is_refused(recipe: Make, tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    wide = HybridConfig.model_validate({**recipe().model.model_dump(), "window": 32})
    _teacher(path, wide)
    with pytest.raises(UsageError, match=f"takes multiples of {wide.multiple_of}"):
        Objective(recipe(distill__teacher=path, data__patch=wide.multiple_of // 2))


def _adversary(recipe: Make, seed: int = 0, **settings: Any) -> Adversary:
    usual = {"adversarial": 0.3, "discriminator_width": 8, "r1": 0, "gradient_penalty": 0, **settings}
    loss = recipe(**{f"loss__{key}": value for key, value in usual.items()}).loss
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        adversary = Adversary(loss)
    adversary.begin_step()
    return adversary


def _gradients(network: nn.Module) -> list[bool]:
    return [p.grad is not None for p in network.parameters()]


GAMES = ["hinge", "relativistic", "non-saturating", "wasserstein"]


@pytest.mark.parametrize("critic", ["unet", "patch"])
@pytest.mark.parametrize("game", GAMES)
def test_the_generator_s_turn_leaves_the_discriminator_alone(
    recipe: Make, restored: Tensor, lesson: Batch, game: str, critic: str
) -> None:
    adversary = _adversary(recipe, adversary=game, critic=critic)
    judged = adversary.generator_loss(restored, lesson.clean)
    with torch.no_grad():
        real, fake = (adversary.discriminator(each) for each in (lesson.clean, restored))
        expected = {
            "hinge": -fake.mean(),
            "wasserstein": -fake.mean(),
            "non-saturating": -torch.sigmoid(fake).log().mean(),
            "relativistic": -torch.sigmoid(fake - real.mean()).log().mean()
            - (1 - torch.sigmoid(real - fake.mean())).log().mean(),
        }[game]
    assert float(judged.detach()) == pytest.approx(0.3 * float(expected), rel=1e-4)
    torch.autograd.backward(judged)
    assert not any(_gradients(adversary))
    assert restored.grad is not None
    assert restored.grad.any()
    assert all(p.requires_grad for p in adversary.parameters())


@pytest.mark.parametrize("critic", ["unet", "patch"])
@pytest.mark.parametrize("game", GAMES)
def test_the_discriminator_s_turn_leaves_the_generator_alone(
    recipe: Make, restored: Tensor, lesson: Batch, game: str, critic: str
) -> None:
    adversary = _adversary(recipe, adversary=game, critic=critic)
    judged = adversary.discriminator_loss(restored, lesson.clean, step=1)
    with torch.no_grad():
        real, fake = (adversary.discriminator(each) for each in (lesson.clean, restored))
        expected = {
            "wasserstein": fake.mean() - real.mean(),
            "hinge": (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean(),
            "non-saturating": -torch.sigmoid(real).log().mean() - (1 - torch.sigmoid(fake)).log().mean(),
            "relativistic": -torch.sigmoid(real - fake.mean()).log().mean()
            - (1 - torch.sigmoid(fake - real.mean())).log().mean(),
        }[game]
        middle = (real.mean() + fake.mean()) / 2 if game in {"relativistic", "wasserstein"} else 0
        right = float(((real > middle).float().mean() + (fake < middle).float().mean()) / 2)
    assert float(judged.detach()) == pytest.approx(float(expected), rel=1e-4)
    assert float(adversary.right) == pytest.approx(0.95 * 0.5 + 0.05 * right, rel=1e-5)
    torch.autograd.backward(judged)
    assert restored.grad is None
    assert all(_gradients(adversary))


def test_the_penalty_comes_when_it_is_due_and_counts_for_the_steps_between(
    recipe: Make, restored: Tensor, lesson: Batch
) -> None:
    plain, punished = _adversary(recipe), _adversary(recipe, r1=2.0, r1_every=4)
    without = float(plain.discriminator_loss(restored, lesson.clean, step=0).detach())
    pictures = lesson.clean.clone().requires_grad_()
    (slope,) = torch.autograd.grad(plain.discriminator(pictures).sum(), pictures)
    penalty = float(slope.square().sum()) / 3 / SIDE**2
    for step in range(9):
        extra = 2.0 / 2 * 4 * penalty if step in {0, 4, 8} else 0
        judged = float(punished.discriminator_loss(restored, lesson.clean, step).detach())
        assert judged - without == pytest.approx(extra, rel=1e-3, abs=1e-6)


def _told_to_penalty(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, ...]]:
    """What the penalty on slopes is called with from now on; it is 7 then."""
    told: list[tuple[Tensor, ...]] = []

    def penalty(_: nn.Module, *given: Tensor) -> Tensor:
        told.append(given)
        return torch.tensor(7.0)

    monkeypatch.setattr(module, "gradient_penalty", penalty)
    return told


def test_the_wasserstein_game_has_its_own_penalty_at_every_step(
    recipe: Make, restored: Tensor, lesson: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _adversary(recipe, adversary="wasserstein", critic="patch")
    without = float(plain.discriminator_loss(restored, lesson.clean, step=0).detach())
    told = _told_to_penalty(monkeypatch)
    punished = _adversary(recipe, adversary="wasserstein", critic="patch", gradient_penalty=10, r1=5, r1_every=1)
    for step in (0, 1):
        judged = float(punished.discriminator_loss(restored, lesson.clean, step).detach())
        assert judged - without == pytest.approx(70, rel=1e-5)  # and nothing of R1
    assert all(torch.equal(one, lesson.clean) and torch.equal(other, restored) for one, other, _ in told)
    resting = punished.discriminator_loss(restored, lesson.clean, 2, resting=True)
    assert float(resting.detach()) == pytest.approx(without, rel=1e-5)
    assert len(told) == 2


def test_the_other_games_have_no_penalty_on_slopes(
    recipe: Make, restored: Tensor, lesson: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _told_to_penalty(monkeypatch)
    for game in GAMES[:3]:
        _adversary(recipe, adversary=game, gradient_penalty=10).discriminator_loss(restored, lesson.clean, 0)
    assert not told


def test_where_slopes_are_taken_is_a_function_of_seed_and_step(
    recipe: Make, restored: Tensor, lesson: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _told_to_penalty(monkeypatch)
    before = torch.get_rng_state()
    for seed, step in ((0, 0), (0, 1), (1, 0), (0, 0)):
        adversary = _adversary(recipe, seed, adversary="wasserstein", gradient_penalty=10)
        adversary.discriminator_loss(restored, lesson.clean, step)
    assert torch.equal(torch.get_rng_state(), before)
    first, later, other, again = (shares for *_, shares in told)
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert not torch.equal(first, other)
    for shares in (first, later, other):
        assert shares.shape == (3,)
        assert len(set(shares.tolist())) == 3
        assert bool(((shares >= 0) & (shares < 1)).all())


def test_a_critic_of_the_wasserstein_game_learns_to_tell_apart_and_keeps_its_slope(
    recipe: Make, restored: Tensor, lesson: Batch
) -> None:
    """After some steps its estimate is positive, and below the distance that a slope of one allows."""
    adversary = _adversary(recipe, adversary="wasserstein", critic="patch", gradient_penalty=10)
    optimizer = torch.optim.Adam(adversary.parameters(), lr=1e-2, betas=(0.0, 0.99))
    for step in range(40):
        optimizer.zero_grad()
        torch.autograd.backward(adversary.discriminator_loss(restored, lesson.clean, step))
        optimizer.step()
    with torch.no_grad():
        estimate = float((adversary.discriminator(lesson.clean) - adversary.discriminator(restored)).mean())
        farthest = float((lesson.clean - restored).flatten(1).norm(dim=1).max())
    assert 0.05 * farthest < estimate < 1.2 * farthest
    assert float(adversary.right) > 0.6


def test_a_critic_of_the_wasserstein_game_never_rests(recipe: Make) -> None:
    adversary = _adversary(recipe, adversary="wasserstein", critic="patch", rest_above=0.6)
    adversary.right.fill_(1)
    assert not any(adversary.rests(step) for step in range(21))


def test_the_recipe_chooses_what_judges(recipe: Make) -> None:
    assert isinstance(_adversary(recipe).discriminator, UNetDiscriminator)
    critic = _adversary(recipe, critic="patch", discriminator_width=24).discriminator
    assert isinstance(critic, PatchCritic)
    assert critic.last.in_channels == 8 * 24


def test_it_rests_while_it_wins_and_looks_every_tenth_step(recipe: Make) -> None:
    adversary = _adversary(recipe, rest_above=0.8)
    assert not adversary.rests(0)
    adversary.right.fill_(0.81)
    assert not any(adversary.rests(step) for step in range(1, 10))
    assert all(adversary.rests(step) for step in range(10, 13))
    adversary.right.fill_(0.79)
    assert all(adversary.rests(step) for step in range(13, 20))
    assert not adversary.rests(20)


def test_its_rest_is_part_of_what_is_stored(recipe: Make) -> None:
    stored, other = _adversary(recipe, rest_above=0.8), _adversary(recipe, rest_above=0.8)
    stored.right.fill_(0.9)
    assert stored.rests(10)
    stored.right.fill_(0.7)
    assert not other.rests(10)
    other.load_state_dict(stored.state_dict())
    other.forget()
    assert other.rests(11)
    assert not other.rests(20)  # by the share that was stored too


def _estimates(adversary: Adversary) -> dict[str, Tensor]:
    return {name: b.clone() for name, b in adversary.named_buffers() if name.endswith(("_u", "_v"))}


def test_spectral_norms_are_estimated_once_a_step_and_by_no_pass(recipe: Make, restored: Tensor, lesson: Batch) -> None:
    adversary = _adversary(recipe, r1=1.0, r1_every=1)
    before = _estimates(adversary)
    assert before
    adversary.begin_step()
    after = _estimates(adversary)
    for name, u in after.items():
        if not name.endswith("_u"):
            continue
        layer = name.split(".parametrizations")[0]
        weight = adversary.get_parameter(f"{layer}.parametrizations.weight.original").detach().flatten(1)
        v = name.removesuffix("_u") + "_v"
        expected = F.normalize(weight @ before[v], dim=0)
        assert torch.allclose(u, expected, atol=1e-5)
        assert torch.allclose(after[v], F.normalize(weight.T @ expected, dim=0), atol=1e-5)
        assert not torch.equal(u, before[name])
    torch.autograd.backward(adversary.generator_loss(restored, lesson.clean))
    torch.autograd.backward(adversary.discriminator_loss(restored, lesson.clean, 0))
    torch.autograd.backward(adversary.discriminator_loss(restored, lesson.clean, 0))
    assert all(torch.equal(value, after[name]) for name, value in _estimates(adversary).items())
