"""What every kind of damage keeps to: shape, range, device, type, determinism, each picture by itself, gradients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from pixelmend.degradations import KINDS, Damage, Degradation, degrade, from_record, parse_chain, perform, to_record
from pixelmend.degradations.declare import Name, Number, declared
from pixelmend.degradations.plan import batch, unbatch
from pixelmend.errors import PixelmendError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

every_kind = pytest.mark.parametrize("name", sorted(KINDS))
MAY_LEAVE_RANGE = {"noise", "correlated_noise", "speckle", "downscale", "resize", "fit", "sinc"}
"""Kinds that say that their result may leave [0, 1]: noise is not clipped, and some weights are negative."""
MAY_KEEP_SOME = {"round8", "jpeg", "webp", "resize"}
"""Kinds that may leave a picture as it is: rounding, high quality, a factor of 1."""


def _photo(pictures: int = 3, height: int = 41, width: int = 50) -> Tensor:
    """Smooth colour with edges and a little texture, another for each picture, in [0.05, 0.95]."""
    y, x = torch.meshgrid(torch.arange(height) / 41, torch.arange(width) / 41, indexing="ij")
    turn = torch.arange(pictures)[:, None, None] + torch.arange(3)[:, None, None, None] * 0.7
    waves = 0.5 + 0.25 * torch.sin(9 * x + turn) * torch.cos(7 * y + 2 * turn)
    edges = 0.15 * torch.where((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.06, 1.0, -1.0)
    texture = 0.05 * torch.sin(60 * x * y + turn)
    return (waves + edges + texture).transpose(0, 1).contiguous()


def _plans(kind: type[Degradation], pictures: int, size: tuple[int, int], seed: int = 0) -> list[tuple[Damage, ...]]:
    drawn = kind().sample(pictures, torch.Generator().manual_seed(seed))
    return [(Damage(d.kind, kind.settle(d.params, size, size)),) for d in unbatch(kind.kind, drawn, pictures)]


def _varies(kind: type[Degradation]) -> bool:
    """Whether anything is drawn."""
    return kind.seeded or any(isinstance(getattr(kind(), key), tuple) for key in declared(kind))


def _each(pictures: Tensor, plans: list[tuple[Damage, ...]]) -> list[Tensor]:
    return [perform(pictures[i : i + 1], plans[i : i + 1]).pictures for i in range(len(pictures))]


@every_kind
def test_pictures_come_back_finite_in_range_and_of_their_type(name: str) -> None:
    clean = _photo()
    before = clean.clone()
    for plan, picture in zip(_plans(KINDS[name], 3, (41, 50)), clean, strict=True):
        degraded = perform(picture[None], [plan]).pictures
        assert torch.equal(clean, before)
        assert degraded.dtype == torch.float32
        assert degraded.shape[:2] == (1, 3)
        if not KINDS[name].settled:
            assert degraded.shape == (1, 3, 41, 50)
        assert degraded.isfinite().all()
        low, high = float(degraded.min()), float(degraded.max())
        assert (low >= -1e-5 and high <= 1 + 1e-5) or name in MAY_LEAVE_RANGE, (low, high)


@every_kind
def test_it_does_something(name: str) -> None:
    clean = _photo()
    if name == "fit":  # back to where the chain began
        clean = degrade(clean, parse_chain("downscale(scale=2)"), seed=0).pictures
        again = degrade(clean, parse_chain("downscale(scale=2) | fit"), seed=0).pictures
        assert again.shape == clean.shape
        assert not torch.equal(again, clean)
        return
    changed = [
        o.shape[2:] != c.shape[1:] or not torch.equal(o[0], c)
        for o, c in zip(_each(clean, _plans(KINDS[name], 3, (41, 50))), clean, strict=True)
    ]
    assert all(changed) or (any(changed) and name in MAY_KEEP_SOME)


@every_kind
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 1), (7, 13), (64, 33)])
def test_pictures_of_any_size(name: str, size: tuple[int, int]) -> None:
    clean = _photo(2, 64, 64)[..., : size[0], : size[1]]
    for one in _each(clean, _plans(KINDS[name], 2, size)):
        assert one.isfinite().all()
        assert min(one.shape) >= 1
        if not KINDS[name].settled:
            assert one.shape[2:] == size


@every_kind
def test_the_same_seed_gives_the_same_damage_and_another_another(name: str) -> None:
    chain = parse_chain(name)
    clean = _photo(1)
    one, again, other = (degrade(clean, chain, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.pictures, again.pictures)
    assert one.plans == again.plans
    if _varies(KINDS[name]):
        assert one.plans != other.plans


@every_kind
def test_neither_sampling_nor_applying_touches_the_global_generator(name: str) -> None:
    state = torch.random.get_rng_state()
    degrade(_photo(1), parse_chain(name), seed=0)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_kind
def test_each_picture_is_damaged_by_its_own_parameters_whatever_is_beside_it(name: str) -> None:
    clean = _photo(4)
    plans = _plans(KINDS[name], 4, (41, 50))
    assert not _varies(KINDS[name]) or len({json.dumps(to_record(p)) for p in plans}) > 1
    for row, alone in enumerate(_each(clean, plans)):
        alike = [
            i for i in range(4) if KINDS[name].group(plans[i][0].params) == KINDS[name].group(plans[row][0].params)
        ]
        together = perform(clean[alike], [plans[i] for i in alike])
        difference = (together.pictures[alike.index(row)] - alone[0]).abs()
        # Rounding to levels may fall to either side where sums are added up in another order.
        assert float((difference > 1e-4).float().mean()) < 0.01, float(difference.max())


@every_kind
def test_a_record_repeats_the_damage(name: str) -> None:
    clean = _photo(2)
    first = perform(clean[:1], _plans(KINDS[name], 1, (41, 50)))
    record = json.loads(json.dumps(to_record(first.plans[0])))
    again = perform(clean[:1], [from_record(record)])
    assert torch.equal(first.pictures, again.pictures)
    assert (first.missing is None) == (again.missing is None)
    for spoilt in ([{**record[0], "surplus": 1}], [{"kind": name + "x"}], "noise", [3]):
        with pytest.raises(UsageError):
            from_record(spoilt)
    if len(record[0]) > 1:
        with pytest.raises(UsageError, match="lacks"):
            from_record([dict(list(record[0].items())[:-1])])


@every_kind
def test_gradients_reach_the_picture_where_the_kind_says_so(name: str) -> None:
    clean = _photo(1).requires_grad_()
    degraded = perform(clean, _plans(KINDS[name], 1, (41, 50), seed=1)).pictures
    assert degraded.requires_grad == KINDS[name].differentiable
    if KINDS[name].differentiable:
        (gradient,) = torch.autograd.grad(degraded.square().sum(), clean)
        assert gradient.isfinite().all()
        assert float((gradient != 0).float().mean()) > 0.02


@every_kind
def test_pictures_in_other_layouts_and_types_are_the_same_pictures(name: str) -> None:
    clean = _photo(1)
    plans = _plans(KINDS[name], 1, (41, 50))
    plain = perform(clean, plans).pictures
    last = perform(clean.contiguous(memory_format=torch.channels_last), plans).pictures
    assert float(((plain - last).abs() > 1e-4).float().mean()) < 0.01
    assert perform(clean.double(), plans).pictures.dtype == torch.float64


@every_kind
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_pictures_stay_on_their_device(name: str) -> None:
    clean = _photo(2)
    plans = _plans(KINDS[name], 1, (41, 50))
    there = perform(clean[:1].cuda(), plans)
    assert there.pictures.device.type == "cuda"
    if not KINDS[name].seeded:
        here = perform(clean[:1], plans).pictures
        assert float(((there.pictures.cpu() - here).abs() > 1e-3).float().mean()) < 0.01


@every_kind
def test_damage_that_came_before_is_taken_as_it_is(name: str) -> None:
    """Values outside [0, 1], as unclipped noise leaves them, give finite results."""
    wild = _photo(1) * 3 - 1
    assert perform(wild, _plans(KINDS[name], 1, (41, 50))).pictures.isfinite().all()


@every_kind
def test_grey_pictures_stay_grey_where_they_are_named(name: str) -> None:
    clean = _photo(2)[:, :1].expand(2, 3, 41, 50)
    plans = _plans(KINDS[name], 1, (41, 50)) * 2
    degraded = perform(clean, plans, gray=torch.tensor([True, False])).pictures
    assert torch.equal(degraded[0, 0], degraded[0, 1])
    assert torch.equal(degraded[0, 0], degraded[0, 2])


@every_kind
def test_values_out_of_range_and_unknown_names_are_refused(name: str) -> None:
    kind = KINDS[name]
    for key, parameter in declared(kind).items():
        if isinstance(parameter, Number):
            for wrong in (parameter.low - 1, parameter.high + 1, float("nan"), "much", (1, 2, 3)):
                with pytest.raises(UsageError, match=f"{name}: {key}="):
                    kind(**{key: wrong})
        elif isinstance(parameter, Name):
            with pytest.raises(UnknownNameError, match=f"unknown value of {name}: {key}"):
                kind(**{key: "nonsense"})
    with pytest.raises(UnknownNameError, match=f"unknown parameter of {name} 'surplus'"):
        parse_chain(f"{name}(surplus=1)")


@every_kind
def test_both_ends_of_each_range_work(name: str) -> None:
    clean = _photo(1, 24, 20)
    for key, parameter in declared(KINDS[name]).items():
        values = [parameter.low, parameter.high] if isinstance(parameter, Number) else list(parameter.names)
        for value in values:
            chain = parse_chain(
                f"{name}({key}={value:g})" if isinstance(value, float | int) else f"{name}({key}={value})"
            )
            try:
                degraded = degrade(clean, chain, seed=1)
            except PixelmendError as error:
                pytest.fail(f"{name}: {key}={value}: {error}")
            assert degraded.pictures.isfinite().all(), f"{key}={value}"


@every_kind
def test_parameters_survive_being_taken_apart_and_put_together(name: str) -> None:
    params = KINDS[name]().sample(5, torch.Generator().manual_seed(0))
    if params:
        again = batch(unbatch(name, params, 5))
        assert again.keys() == params.keys()
        assert all(torch.equal(again[key].double(), params[key].double()) for key in params)


@every_kind
def test_it_says_what_it_is(name: str) -> None:
    kind = KINDS[name]
    assert kind.kind == name
    assert kind.__doc__
    for key in declared(kind):
        assert f"{key}:" in kind.__doc__ or f"{key}," in kind.__doc__, f"{name} does not explain {key}"
