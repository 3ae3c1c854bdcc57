"""Pruning: as much as was asked for, what is worth least first, the same under the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from pixelmend.compression.graph import Graph
from pixelmend.compression.prune import Importance, PruneOptions, cut, measure, prune
from pixelmend.errors import UsageError
from pixelmend.training import lessons as lessons_of
from tests.compression.conftest import PRUNED
from tests.export.networks import woken

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelmend.models import Hybrid
    from pixelmend.training import Recipe
    from pixelmend.training.lessons import Lessons

CPU = torch.device("cpu")


def count(model: Hybrid) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.fixture
def taught(recipe: Callable[..., Recipe]) -> tuple[Recipe, Lessons]:
    settings: dict[str, Any] = {"model": PRUNED.model_dump(), "data__max_shrink": 1.0}
    made = recipe(**settings)
    return made, lessons_of.load(made, CPU, tell=lambda _: None)


@pytest.mark.parametrize("importance", ["taylor", "norm"])
def test_the_share_that_was_asked_for_is_gone(taught: tuple[Recipe, Lessons], importance: Importance) -> None:
    recipe, lessons = taught
    model, seen, shares = woken(PRUNED), [], []
    options = PruneOptions(0.45, importance, rounds=3, multiple=4, batches=2)
    result = prune(
        model,
        lessons,
        recipe,
        options,
        lambda student, teacher, share: shares.append((count(student), teacher is model, share)),
        lambda step, each: seen.append((step, count(each))),
    )
    assert 1 - count(result) / count(model) == pytest.approx(0.45, abs=0.02)
    assert [step.split()[0] for step, _ in seen] == ["pruned", "recovered"] * 3
    assert all(is_whole for _, is_whole, _ in shares)
    assert sum(share for _, _, share in shares) == pytest.approx(1)
    sizes = [size for size, _, _ in shares]
    assert sizes == sorted(sizes, reverse=True)
    config = result.config
    assert all(width % 4 == 0 for width in (*config.widths, *config.context_hidden, *config.encoder_hidden[1]))
    assert count(model) == count(woken(PRUNED))


def test_the_same_batches_give_the_same_network(taught: tuple[Recipe, Lessons]) -> None:
    recipe, lessons = taught
    options = PruneOptions(0.3, multiple=4, batches=2)
    one, other = (prune(woken(PRUNED), lessons, recipe, options, lambda *_: None, lambda *_: None) for _ in range(2))
    assert one.config == other.config
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_what_is_worth_nothing_goes_first() -> None:
    graph = Graph(woken(PRUNED))
    worth = {d: torch.ones(d.channels) for d in graph.dimensions}
    inside = next(d for d in graph.dimensions if d.name == "encoder.1.1")
    kept = inside.layer.weight[[c for c in range(24) if c not in {1, 5, 8, 23}]].clone()
    worth[inside][[1, 5, 8, 23]] = 0
    whole = graph.parameters
    cut(graph, worth, whole - 4 * graph.freed(inside), whole, PruneOptions(0.1, multiple=4))
    assert torch.equal(inside.layer.weight, kept)
    assert graph.parameters == whole - 4 * (24 * 9 * 2 + 1)


def test_a_channel_that_nobody_hears_is_worth_nothing(taught: tuple[Recipe, Lessons]) -> None:
    recipe, lessons = taught
    model = woken(PRUNED)
    with torch.no_grad():
        model.get_parameter("encoder.1.0.conv2.weight")[:, 5] = 0
        model.get_parameter("context.0.reduce.weight")[:, 7] = 0
    graph = Graph(model)
    worth = {d.name: each for d, each in measure(graph, lessons, recipe, PruneOptions(0.1, batches=2)).items()}
    assert (worth["context.0"] == 0).nonzero().flatten().tolist() == [7]
    # There ReLU itself may silence others.
    assert worth["encoder.1.0"][5] == 0
    assert (worth["encoder.1.0"] > 0).sum() > 12


def test_what_a_channel_is_worth_is_what_the_loss_does_without_it(taught: tuple[Recipe, Lessons]) -> None:
    """First order: the change of the loss when a channel is held down a little, by a difference quotient."""
    _, lessons = taught
    model = woken(PRUNED)
    graph = Graph(model)
    (inside,) = [d for d in graph.dimensions if d.name == "decoder.1.0"]
    lesson = lessons(0, 0, 0)

    exact = Graph(model).model.double()
    reads = exact.get_parameter("decoder.1.0.conv2.weight")
    given, clean = (lesson.degraded.double(), lesson.sigma01[:, None, None, None].double()), lesson.clean.double()
    before = reads.detach().clone()

    @torch.no_grad()
    def loss(scale: float) -> float:
        reads.copy_(before)
        reads[:, 4] *= scale
        return float((exact(*given) - clean).square().mean())

    slope = (loss(1.01) - loss(0.99)) / 0.02
    graph.model.zero_grad()
    restored = graph.model(lesson.degraded, lesson.sigma01[:, None, None, None])
    (restored - lesson.clean).square().mean().backward()
    found = graph.per_channel(inside, lambda p: p.detach() * p.grad, readers=True)  # type: ignore[operator]
    assert float(found[4]) == pytest.approx(slope, rel=1e-2)


def test_too_much_is_refused() -> None:
    graph = Graph(woken(PRUNED))
    worth = {d: torch.ones(d.channels) for d in graph.dimensions}
    whole = graph.parameters
    with pytest.raises(UsageError, match=r"95% of the parameters cannot be pruned, only \d\d\.\d% in steps of 8"):
        cut(graph, worth, round(0.05 * whole), whole, PruneOptions(0.95))
