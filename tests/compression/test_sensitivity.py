"""What suffers from rounding: parts that are the whole network, its loss by the formula, the worst spared first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelmend.compression.rounding import Rounder, attach
from pixelmend.compression.sensitivity import Lesson, Part, choose, loss_db, mode, parts
from pixelmend.models import Hybrid, HybridConfig
from pixelmend.models.measure import count_macs
from pixelmend.models.rounding import points
from tests.compression.conftest import PRUNED
from tests.export.networks import woken

WORST = "encoder.1.1"
CONFIGS: dict[str, dict[str, object]] = {
    "as it is": {},
    "scale 2": {"scale": 2, "conditions": ()},
    "unshuffle": {"unshuffle": 2},
    "concatenate": {"skips": "concatenate"},
    "no skips": {"skips": "none", "conditions": ("mask", "noise_level")},
    "normalized": {"attention": "normalized", "encoder_blocks": (0, 1, 0), "decoder_blocks": (0, 2)},
    "gated": {"encoder": "gated", "decoder": "gated"},
}


def network(**changes: object) -> Hybrid:
    return woken(HybridConfig.model_validate({**PRUNED.model_dump(), **changes}))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
def test_every_point_is_in_one_part(changes: dict[str, object]) -> None:
    model = network(**changes)
    found = [name for part in parts(model) for name in part.points]
    assert sorted(found) == sorted(points(model))
    assert len({part.name for part in parts(model)}) == len(parts(model))


@pytest.mark.parametrize("changes", [each for name, each in CONFIGS.items() if name != "gated"], ids=lambda _: "")
def test_the_work_of_all_parts_is_that_of_the_network_but_for_products_of_attention(changes: dict[str, object]) -> None:
    model = network(**changes)
    config, side = model.config, model.config.multiple_of
    conditions = [torch.zeros(1, 1, 1, 1) for _ in config.conditions]
    whole = count_macs(model, [torch.zeros(1, 3, side, side), *conditions]) / side**2
    # Queries with keys, and what comes of it with values, for each pixel of the coarsest level.
    width, window = config.widths[-1], config.window
    each = {"window": 2 * window**2 * width, "shifted": 2 * window**2 * width, "channel": 2 * config.head_width * width}
    products = sum(each.get(kind, 0) for kind in config.context) / (config.unshuffle**2 * 4**2)
    enlarging = 3 * 25 * config.scale**2 if config.scale > 1 else 0
    assert sum(part.macs for part in parts(model)) == pytest.approx(whole - products - enlarging)


def test_parts_of_each_kind_by_hand() -> None:
    model = network(skips="concatenate")
    found = {part.name: part for part in parts(model)}
    block = 9 * 16 * 16
    assert found["stem"] == Part("stem", ("point_stem",), 9 * 4 * 16, behind=block)
    assert found["head"] == Part("head", ("point_head",), 9 * 16 * 3)
    assert found[WORST].points == tuple(f"{WORST}.point_{each}" for each in ("hidden", "change", "sum"))
    assert found[WORST].macs == 2 * 9 * 24 * 24 / 4
    assert found["downs.1"].macs == 4 * 24 * 32 / 16
    assert found["ups.1.point_change"].macs == 32 * 4 * 24 / 16
    assert found["ups.1.point_sum"].macs == 2 * 24 * 24 / 4
    assert found["context.0.attention"].macs == 4 * 32 * 32 / 16
    assert len(found["context.0.attention"].points) == 5
    assert found["context.0.feed_forward"].macs == 3 * 48 * 32 / 16
    assert len(found["context.0.feed_forward"].points) == 5
    # The residual block among the blocks of the context.
    assert found["context.3"].macs == 2 * 9 * 32 * 32 / 16
    assert len(found["context.3"].points) == 3
    # What a part gives goes into the first layer of the next, but where that takes it from a point of its own.
    behind = {name: part.behind for name, part in found.items() if part.behind}
    half, quarter = 9 * 24 * 24 / 4, 9 * 32 * 32 / 16
    assert behind == {
        "stem": block, "downs.0": half, "encoder.1.0": half, "downs.1": quarter, "context.2.feed_forward": quarter,
        "context.3": 32 * 4 * 24 / 16, "ups.1.point_sum": half, "decoder.1.0": 24 * 4 * 16 / 4,
        "ups.0.point_sum": block, "decoder.0.0": 9 * 16 * 3,
    }  # fmt: skip
    # Parametrized weights count once.
    attach(model)
    assert parts(model) == tuple(found.values())


class Shifted(nn.Module):
    """Adds what it is told."""

    def forward(self, degraded: Tensor, by: Tensor) -> Tensor:
        """All shapes broadcast."""
        return degraded + by


def lesson(by: Tensor, counted: Tensor | None = None) -> Lesson:
    degraded, clean = drawn(2, 3, 8, 8), drawn(2, 3, 8, 8, seed=1)
    clean[1] = degraded[1]  # of this picture nothing is wrong
    return Lesson(clean, degraded, (by,), wanted=degraded, counted=counted)


def test_the_loss_is_that_of_the_formula() -> None:
    by = drawn(2, 1, 8, 8, seed=2) / 10
    first, second = lesson(by), lesson(torch.zeros(1, 1, 1, 1))
    wanted = []
    for each in (first, second):
        there = np.square((each.degraded - each.clean).numpy()).mean(axis=(1, 2, 3))
        added = np.square(np.broadcast_to(each.conditions[0].numpy(), (2, 3, 8, 8))).mean(axis=(1, 2, 3))
        wanted += [10 * np.log10((t + a) / t) for t, a in zip(np.maximum(there, 1e-5), added, strict=True)]
    assert loss_db(Shifted(), [first]) == pytest.approx(np.mean(wanted[:2]), rel=1e-5)
    assert loss_db(Shifted(), [first, second]) == pytest.approx(np.mean(wanted), rel=1e-5)
    assert loss_db(Shifted(), [second]) == 0


def test_only_what_counts_is_judged() -> None:
    counted = torch.zeros(2, 1, 8, 8)
    counted[0, 0, :2], counted[1, 0, :, 3] = 1, 1
    outside = (1 - counted) * 0.5
    assert loss_db(Shifted(), [lesson(outside, counted)]) == 0
    assert loss_db(Shifted(), [lesson(outside)]) > 1
    inside = lesson(counted * 0.1 + outside, counted)
    assert inside.error(inside.conditions[0].expand(2, 3, 8, 8)).tolist() == pytest.approx([0.01, 0.01])
    here = np.square((inside.degraded - inside.clean).numpy()[0, :, :2]).mean()
    wanted = (10 * np.log10(1 + 0.01 / here) + 10 * np.log10(1 + 0.01 / 1e-5)) / 2
    assert loss_db(Shifted(), [inside]) == pytest.approx(wanted, rel=1e-4)
    none = lesson(outside, torch.zeros(2, 1, 8, 8))
    assert loss_db(Shifted(), [none]) == 0


@pytest.fixture(scope="module")
def suffering() -> tuple[Hybrid, list[Lesson]]:
    """Ranges that fit everywhere, but for one place whose steps are far too large."""
    model, (degraded, told) = network(), (drawn(2, 3, 32, 32), torch.full((1, 1, 1, 1), 0.1))
    with torch.inference_mode():
        wanted = model(degraded, told)
    attach(model)
    rounders = [point for point in points(model).values() if isinstance(point, Rounder)]
    for point in rounders:
        point.mode = "watch"
    with torch.inference_mode():
        model(degraded, told)
    for point in rounders:
        point.fit()
    worst = points(model)[f"{WORST}.point_change"]
    assert isinstance(worst, Rounder)
    worst.log_scale.data.add_(np.log(400))
    return model, [Lesson(wanted + 0.5 * (drawn(2, 3, 32, 32, seed=5) - 0.5), degraded, (told,), wanted)]


def rounding(model: Hybrid) -> set[str]:
    return {name for name, point in points(model).items() if isinstance(point, Rounder) and point.mode == "round"}


def test_the_worst_part_is_spared_and_no_more_than_is_needed(suffering: tuple[Hybrid, list[Lesson]]) -> None:
    model, lessons = suffering
    mode(model, points(model), rounds=True)
    everything = loss_db(model, lessons)
    (worst,) = [part for part in parts(model) if part.name == WORST]
    mode(model, worst.points, rounds=False)
    without = loss_db(model, lessons)
    assert without < everything / 2

    assert choose(model, lessons, target_db=(everything + without) / 2, most=1.0) == (worst,)
    assert rounding(model) == points(model).keys() - set(worst.points)
    assert loss_db(model, lessons) == pytest.approx(without)
    assert choose(model, lessons, target_db=everything + 0.01, most=1.0) == ()
    assert rounding(model) == points(model).keys()


def test_of_parts_that_suffer_alike_the_one_is_spared_that_leaves_less_work_behind(
    suffering: tuple[Hybrid, list[Lesson]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, lessons = suffering
    monkeypatch.setattr("pixelmend.compression.sensitivity.loss_db", lambda *_: 1.0)
    cost = {part.name: part.macs + part.behind for part in parts(model)}
    spared = [cost[part.name] for part in choose(model, lessons, target_db=0.0, most=1.0)]
    assert spared == sorted(spared)
    assert len(spared) == len(cost)


def test_no_more_work_is_left_in_floating_point_than_may_be(suffering: tuple[Hybrid, list[Lesson]]) -> None:
    model, lessons = suffering
    total = sum(part.macs for part in parts(model))
    (worst,) = [part for part in parts(model) if part.name == WORST]
    share = worst.macs / total
    for most in (0.0, 0.5 * share, 1.5 * share):
        spared = choose(model, lessons, target_db=0.0, most=most)
        assert spared
        assert sum(part.macs for part in spared) <= most * total
        assert (worst in spared) == (most > share)
        assert rounding(model) == points(model).keys() - {name for part in spared for name in part.points}
    spared = choose(model, lessons, target_db=0.0, most=1.0)
    assert spared[0] == worst
    assert set(spared) == set(parts(model))  # where nothing may be lost, all of it stays
    assert loss_db(model, lessons) < 1e-3
