"""Chains draw a plan for each picture, plans are done together where they agree, and a record repeats them."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch

from pixelmend.degradations import (
    GaussianNoise,
    Jpeg,
    Step,
    degrade,
    parse_chain,
    perform,
    to_record,
    white_noise_level,
)
from pixelmend.degradations.base import SEED, generators, normal, uniform
from pixelmend.errors import UsageError


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _kinds(text: str, pictures: int = 400) -> list[str]:
    return ["".join(step.kind[0] for step in plan if step) for plan in parse_chain(text).sample(pictures, _generator())]


def test_steps_come_in_the_order_of_the_chain() -> None:
    assert set(_kinds("noise | jpeg | webp")) == {"njw"}
    assert set(_kinds("seq(noise | jpeg) | webp")) == {"njw"}


def test_a_probability_is_how_often_a_part_happens() -> None:
    drawn = Counter(_kinds("noise(p=0.25) | jpeg", 4000))
    assert set(drawn) == {"nj", "j"}
    assert drawn["nj"] / 4000 == pytest.approx(0.25, abs=0.03)
    together = Counter(_kinds("seq(noise | webp, p=0.5) | jpeg"))
    assert set(together) == {"nwj", "j"}  # all of a combination or nothing of it
    assert set(_kinds("noise(p=0) | jpeg(p=1)")) == {"j"}


def test_shuffled_parts_come_in_every_order_alike_and_combinations_stay_together() -> None:
    drawn = Counter(_kinds("shuffle(noise | jpeg | webp)", 6000))
    assert set(drawn) == {"".join(order) for order in itertools.permutations("njw")}
    assert max(abs(count / 1000 - 1) for count in drawn.values()) < 0.15
    assert set(_kinds("shuffle(seq(noise | jpeg) | webp)")) == {"njw", "wnj"}


def test_one_of_several_is_drawn_by_weight() -> None:
    drawn = Counter(_kinds("one(noise(p=0.1) | jpeg(p=0.3) | seq(webp | noise, p=0.6))", 5000))
    assert {kind: round(count / 5000, 1) for kind, count in drawn.items()} == {"n": 0.1, "j": 0.3, "wn": 0.6}
    assert Counter(_kinds("one(noise | jpeg)", 4000))["n"] / 4000 == pytest.approx(0.5, abs=0.03)
    assert set(_kinds("one(noise | jpeg(p=0))")) == {"n"}


def test_every_plan_of_a_part_is_equally_long_so_that_pictures_stay_in_step() -> None:
    plans = parse_chain("one(noise | seq(jpeg | webp)) | shuffle(noise(p=0.5) | jpeg)").sample(50, _generator())
    assert {len(plan) for plan in plans} == {4}


def test_pictures_of_one_batch_get_what_they_would_get_alone() -> None:
    clean = torch.rand(12, 3, 24, 20, generator=_generator())
    chain = parse_chain("shuffle(noise(p=0.5) | jpeg(p=0.5) | resize(factor=0.5..0.9)) | fit(scale=1)")
    together = degrade(clean, chain, seed=4)
    assert together.pictures.shape == clean.shape
    assert len({tuple(step.kind for step in plan) for plan in together.plans}) > 4
    for row, plan in enumerate(together.plans):
        alone = perform(clean[row : row + 1], [plan])
        assert torch.allclose(alone.pictures[0], together.pictures[row], atol=1e-5)
        assert alone.plans[0] == plan  # what is told has its sizes settled


def test_what_is_told_lacks_the_steps_that_were_not_drawn() -> None:
    degraded = degrade(torch.rand(20, 3, 8, 8), parse_chain("noise(p=0.5) | jpeg"), seed=0)
    assert {len(plan) for plan in degraded.plans} == {1, 2}
    assert all(set(step) > {"kind"} for step in to_record(degraded.plans[0]))


def test_a_chain_of_nothing_changes_nothing() -> None:
    clean = torch.rand(2, 3, 8, 8)
    degraded = degrade(clean, parse_chain("noise(p=0)"), seed=0)
    assert torch.equal(degraded.pictures, clean)
    assert degraded.plans == ((), ())
    assert degraded.missing is None


def test_pictures_that_end_in_different_sizes_are_refused() -> None:
    chain = parse_chain("resize(factor=0.3..0.9, variety=8)")
    with pytest.raises(UsageError, match=r"pictures of one batch end in \d sizes \(\d+×\d+.*end the chain with fit"):
        degrade(torch.rand(8, 3, 40, 40), chain, seed=0)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 3, 0, 8), (0, 3, 8, 8)])
def test_what_is_no_batch_of_pictures_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"wanted float pictures \(N, 3, H, W\)"):
        perform(torch.zeros(shape), [()])
    with pytest.raises(UsageError, match="wanted float pictures"):
        perform(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), [()])
    with pytest.raises(UsageError, match="got 2 plans for 1 pictures"):
        perform(torch.zeros(1, 3, 8, 8), [(), ()])


def test_grey_pictures_stay_grey_through_every_step() -> None:
    """A grey file has no colour that a JPEG step could make worse, whatever noise came before."""
    grey = torch.rand(2, 1, 32, 32, generator=_generator()).expand(2, 3, 32, 32)
    chain = parse_chain("noise(sigma=30) | jpeg(quality=60)")
    named = degrade(grey, chain, seed=1, gray=torch.tensor([True, True])).pictures
    assert torch.equal(named[:, 0], named[:, 1])
    unnamed = degrade(grey, chain, seed=1).pictures
    assert not torch.equal(unnamed[:, 0], unnamed[:, 1])


def test_missing_parts_add_up_and_follow_the_size() -> None:
    clean = torch.ones(3, 3, 40, 40)
    chain = parse_chain("missing_pixels(share=0.1, p=0.5) | missing_pixels(share=0.1, p=0.5)")
    degraded = degrade(clean, chain, seed=1)
    assert degraded.missing is not None
    assert degraded.missing.shape == (3, 1, 40, 40)
    assert torch.equal((degraded.pictures == 0).all(dim=1, keepdim=True), degraded.missing > 0)
    smaller = degrade(clean, parse_chain("missing_pixels(share=0.02) | fit(scale=2)"), seed=1)
    assert smaller.missing is not None
    assert smaller.missing.shape == (3, 1, 20, 20)
    touched = (smaller.pictures - 1).abs().amax(dim=1, keepdim=True) > 0.2
    assert (smaller.missing[touched] == 1).all()


def test_the_level_of_white_noise_adds_up_in_squares() -> None:
    plans = degrade(torch.rand(3, 3, 4, 4), parse_chain("noise(sigma=3) | noise(sigma=4) | jpeg"), seed=0).plans
    assert torch.allclose(white_noise_level(plans), torch.full((3,), 5 / 255))


def test_seeds_are_independent_of_place_and_salts_of_each_other() -> None:
    pictures = torch.zeros(2, 3, 100, 100)
    one, other = normal(pictures, torch.tensor([5, 6])), normal(pictures, torch.tensor([6, 5]))
    assert torch.equal(one[0], other[1])
    salted = normal(pictures, torch.tensor([5, 6]), salt=1)
    correlation = torch.corrcoef(torch.stack([one[0].flatten(), one[1].flatten(), salted[0].flatten()]))
    assert (correlation - torch.eye(3)).abs().max() < 0.03
    drawn = uniform(pictures, torch.tensor([5, 6]), channels=1)
    assert drawn.shape == (2, 1, 100, 100)
    assert 0 <= float(drawn.min()) < 0.01
    assert 0.99 < float(drawn.max()) < 1
    assert generators(torch.tensor([SEED - 1]), salt=3)[0].initial_seed() == SEED - 1 + 3 * SEED


def test_how_many_numbers_are_drawn_does_not_depend_on_what_is_asked_for() -> None:
    """So that a changed range changes that parameter alone."""
    fixed, drawn = (Step(GaussianNoise(sigma=s)).sample(5, _generator())[3][0] for s in (25, (10, 40)))
    assert fixed is not None
    assert drawn is not None
    assert fixed.params["seed"] == drawn.params["seed"]
    assert Jpeg(quality=(5, 95)).sample(2000, _generator())["quality"].unique().numel() == 91  # type: ignore[no-untyped-call]
