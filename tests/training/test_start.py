"""A network goes on from another task's weights: what fits is taken by name, what is frozen stays until it thaws."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pixelmend import catalog
from pixelmend.errors import UsageError
from pixelmend.export import export
from pixelmend.export.from_onnx import rebuild
from pixelmend.models import Hybrid, HybridConfig, Network, save_model
from pixelmend.training import lessons
from pixelmend.training.module import RestorationModule
from pixelmend.training.schedule import Budget
from pixelmend.training.start import first_network
from tests.export.networks import stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.training.recipe import Recipe

    Make = Callable[..., Recipe]

INPAINT = {"task": "inpaint", "damage__chain": "missing_pixels(share=0.2)"}
ENLARGE = {"task": "super-resolve", "damage__chain": "downscale(scale=2)", "model__scale": 2}


def _stored(path: Path, recipe: Recipe, **changes: Any) -> Hybrid:
    """Weights on disk, all of them random."""
    config = HybridConfig.model_validate({**recipe.model.model_dump(), **changes})
    with torch.random.fork_rng():
        torch.manual_seed(9)
        model = Hybrid(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
    save_model(model, path, {})
    return model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "start.safetensors"


def _hybrid(recipe: Recipe, tell: Callable[[str], None] = lambda _: None) -> Hybrid:
    model = first_network(recipe, tell)
    assert isinstance(model, Hybrid)
    return model


def _differ(one: Network, other: Network) -> set[str]:
    """Names that only one has, or whose values differ."""
    mine, theirs = one.state_dict(), other.state_dict()
    return {n for n in mine.keys() | theirs.keys() if n not in mine or n not in theirs or not _same(mine[n], theirs[n])}


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def test_weights_of_the_same_network_are_taken_whole_and_silently(recipe: Make, path: Path) -> None:
    old = _stored(path, recipe())
    told: list[str] = []
    assert _differ(_hybrid(recipe(start=path), told.append), old) == set()
    assert told == []


def test_a_relative_path_is_seen_from_where_training_runs(
    recipe: Make, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _stored(path, recipe())
    monkeypatch.chdir(path.parent)
    assert _differ(_hybrid(recipe(start="start.safetensors")), old) == set()


def test_a_model_that_ships_is_a_start_by_its_name(recipe: Make) -> None:
    told: list[str] = []
    new = _hybrid(recipe(start="denoise-small", model={}, data__patch=64), told.append)
    assert told == []
    assert _differ(new, rebuild(catalog.by_name("denoise-small"))) == set()
    with pytest.raises(UsageError, match=r"unknown model 'denoise-smal': did you mean 'denoise-small'\?"):
        _hybrid(recipe(start="denoise-smal"))


@pytest.mark.parametrize("suffix", [".onnx", ".json"])
def test_what_was_exported_is_a_start(recipe: Make, tmp_path: Path, suffix: str) -> None:
    config = recipe().model
    assert isinstance(config, HybridConfig)
    card = export(stored(config, tmp_path), tmp_path, tile=64, overlap=32).card
    assert _differ(_hybrid(recipe(start=card.path.with_suffix(suffix))), rebuild(card)) == set()
    inpaint = _hybrid(recipe(start=card.path.with_suffix(suffix), **INPAINT))
    assert _differ(inpaint, rebuild(card)) == {"stem.weight"}


def test_random_weights_are_a_function_of_the_seed(recipe: Make) -> None:
    one = _hybrid(recipe(seed=3))
    torch.rand(5)
    assert _differ(one, _hybrid(recipe(seed=3))) == set()
    assert "stem.weight" in _differ(one, _hybrid(recipe(seed=4)))
    assert one.training
    assert one.stem.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("unshuffle", [1, 2])
def test_from_denoising_to_inpainting_the_mask_takes_the_place_of_the_level(
    recipe: Make, path: Path, unshuffle: int
) -> None:
    old = _stored(path, recipe(model__unshuffle=unshuffle))
    told: list[str] = []
    new = _hybrid(recipe(start=path, model__unshuffle=unshuffle, **INPAINT), told.append)
    assert new.config.conditions == ("mask",)
    assert _differ(new, old) == {"stem.weight"}
    colors = 3 * unshuffle**2
    assert torch.equal(new.stem.weight[:, :colors], old.stem.weight[:, :colors])
    assert not new.stem.weight[:, colors:].any()
    assert new.stem.weight.shape == old.stem.weight.shape
    assert told == []  # the shape is the same: all of it was taken


@pytest.mark.parametrize("unshuffle", [1, 2])
def test_conditions_find_their_channels_by_name(recipe: Make, path: Path, unshuffle: int) -> None:
    old = _stored(path, recipe(model__unshuffle=unshuffle, model__conditions=("noise_level", "mask")))
    new = _hybrid(recipe(start=path, model__unshuffle=unshuffle, model__conditions=("mask", "noise_level")))
    folded = unshuffle**2
    order = [0, 1, 2, 4, 3]
    for place, source in enumerate(order):
        mine, theirs = (slice(n * folded, (n + 1) * folded) for n in (place, source))
        assert torch.equal(new.stem.weight[:, mine], old.stem.weight[:, theirs])
    # So its first layer does the very same when told the same.
    picture, level, mask = torch.rand(3, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = []
    for network, told in ((new, (mask, level)), (old, (level, mask))):
        given = torch.cat([picture, *(each[:, :1] for each in told)], dim=1)
        found.append(network.stem(torch.nn.functional.pixel_unshuffle(given, unshuffle)))
    assert torch.allclose(found[0], found[1], atol=1e-4)


def test_more_conditions_than_before_begin_at_zero(recipe: Make, path: Path) -> None:
    old = _stored(path, recipe(model__conditions=()))
    new = _hybrid(recipe(start=path, model__conditions=("mask", "noise_level")))
    assert torch.equal(new.stem.weight[:, :3], old.stem.weight)
    assert not new.stem.weight[:, 3:].any()


def test_from_denoising_to_enlarging_the_head_is_new(recipe: Make, path: Path) -> None:
    old = _stored(path, recipe())
    told: list[str] = []
    new = _hybrid(recipe(start=path, **ENLARGE), told.append)
    assert _differ(new, old) == {"stem.weight", "head.weight", "head.bias"}
    assert torch.equal(new.stem.weight, old.stem.weight[:, :3])
    assert not new.head.weight.any()
    (line,) = told
    count = len(new.state_dict())
    assert line == f"from {path}: {count - 2} of {count} tensors; new: head"


def test_a_head_goes_by_its_shape_and_a_stem_that_folds_otherwise_is_new(recipe: Make, path: Path) -> None:
    """Twice as large from the full resolution, or as large from half of it: both heads give 2×2 pixels."""
    old = _stored(path, recipe(model__unshuffle=2))
    told: list[str] = []
    new = _hybrid(recipe(start=path, model__unshuffle=1, **ENLARGE), told.append)
    assert _differ(new, old) == {"stem.weight"}
    assert told[0].endswith("; new: stem")


def test_of_a_partly_equal_shape_the_equal_part_is_taken(recipe: Make, path: Path) -> None:
    old = _stored(path, recipe(), encoder_blocks=(1, 2), context=("window",))
    told: list[str] = []
    wanted = recipe(start=path, model__encoder_blocks=(2, 1), model__context=("window",), **ENLARGE)
    new = _hybrid(wanted, told.append)
    taken = {n for n, value in new.state_dict().items() if n in old.state_dict() and _same(value, old.state_dict()[n])}
    assert {"encoder.0.0.conv1.weight", "encoder.1.0.conv2.bias", "context.0.attention.qkv.weight"} <= taken
    assert not any(name.startswith(("encoder.0.1.", "head.")) for name in taken)
    assert told[0].endswith("; new: encoder, head")


def test_weights_of_which_nothing_fits_are_refused(recipe: Make, path: Path) -> None:
    _stored(path, recipe(), widths=(24, 40))
    with pytest.raises(UsageError, match=r"nothing of .*start\.safetensors fits the network of \[model\]") as caught:
        _hybrid(recipe(start=path))
    assert "\n" not in str(caught.value)


def test_what_is_to_be_frozen_must_be_there(recipe: Make) -> None:
    _hybrid(recipe(optimizer__freeze=("stem", "encoder.0", "context")))
    with pytest.raises(UsageError, match=r"freeze names 'encoder\.7', which is no part of the network: stem, encoder"):
        _hybrid(recipe(optimizer__freeze=("stem", "encoder.7")))


def _moved(module: RestorationModule, optimizers: list[torch.optim.Optimizer]) -> set[str]:
    before = copy.deepcopy(module.model.state_dict())
    module.take_step(optimizers)
    return {name for name, value in module.model.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("kind", ["muon", "adamw", "adam"])
def test_frozen_parts_stay_to_the_bit_and_thaw(recipe: Make, path: Path, kind: str) -> None:
    _stored(path, recipe())
    wanted = recipe(
        start=path, optimizer__kind=kind, optimizer__freeze=("stem", "encoder.1"), optimizer__freeze_steps=2,
        optimizer__decay=0.1,
    )  # fmt: skip
    made = lessons.load(wanted, torch.device("cpu"), tell=lambda _: None)
    module = RestorationModule(wanted, made, Budget(10, None))
    optimizers = module.configure_optimizers()
    everything = set(module.model.state_dict())
    frozen = {name for name in everything if name.startswith(("stem.", "encoder.1."))}
    assert len(frozen) > 4
    for _ in range(2):
        assert _moved(module, optimizers) == everything - frozen
    assert _moved(module, optimizers) == everything
    again = recipe(start=path, optimizer__kind=kind, optimizer__freeze=("stem", "encoder.1"))
    module = RestorationModule(again, made, Budget(10, None))
    optimizers = module.configure_optimizers()
    assert [_moved(module, optimizers) == everything - frozen for _ in range(4)] == [True] * 4
    assert torch.equal(module.ema.get_parameter("stem.weight"), module.model.get_parameter("stem.weight"))


def test_what_never_learns_is_not_thawed(recipe: Make) -> None:
    wanted = recipe(
        model={"architecture": "unet", "widths": (8, 16)}, optimizer__freeze=("downs",), optimizer__freeze_steps=1
    )
    made = lessons.load(wanted, torch.device("cpu"), tell=lambda _: None)
    module = RestorationModule(wanted, made, Budget(10, None))
    module._learnable.discard("downs.0.0.bias")
    optimizers = module.configure_optimizers()
    assert not any(name.startswith("downs.") for name in _moved(module, optimizers))
    module.take_step(optimizers)
    assert not module.model.get_parameter("downs.0.0.bias").requires_grad
    assert module.model.get_parameter("downs.0.0.weight").requires_grad


def test_one_published_kind_does_not_start_another(recipe: Make, path: Path) -> None:
    nafnet = {"architecture": "nafnet", "width": 4, "blocks": (1,) * 9}
    save_model(first_network(recipe(model=nafnet)), path, {})
    drunet = {"architecture": "drunet", "width": 4, "blocks": (1,)}
    with pytest.raises(UsageError, match="holds a nafnet network, and the recipe asks for drunet"):
        first_network(recipe(model=drunet, start=path))


def test_a_baseline_starts_from_its_own_kind_and_no_other(recipe: Make, path: Path) -> None:
    unet = {"architecture": "unet", "widths": (8, 16)}
    old = first_network(recipe(model=unet, seed=5))
    save_model(old, path, {})
    new = first_network(recipe(model=unet, seed=6, start=path, optimizer__freeze=["downs.0"]))
    assert all(torch.equal(value, old.state_dict()[name]) for name, value in new.state_dict().items())
    wider = first_network(recipe(model={**unet, "widths": (8, 24)}, start=path))
    assert torch.equal(wider.get_parameter("downs.0.0.weight"), old.get_parameter("downs.0.0.weight"))
    with pytest.raises(UsageError, match=r"holds a unet network, and the recipe asks for hybrid"):
        first_network(recipe(start=path))
    with pytest.raises(UsageError, match=r"names 'stem', which is no part of the network: downs, ups, joins, last"):
        first_network(recipe(model=unet, optimizer__freeze=["stem"]))


@pytest.mark.parametrize(
    "model",
    [
        {"architecture": "tnrd", "stages": 2},
        {"architecture": "unet", "widths": (8, 16)},
        {"architecture": "dncnn", "depth": 4, "width": 8},
        {"architecture": "drunet", "width": 4, "blocks": (1,)},
    ],
    ids=lambda model: model["architecture"],
)
def test_a_baseline_learns_by_the_same_steps(recipe: Make, model: dict[str, Any]) -> None:
    wanted = recipe(model=model, damage__sigma_min=50, damage__sigma_max=50, schedule__warmup_steps=0)
    made = lessons.load(wanted, torch.device("cpu"), tell=lambda _: None)
    module = RestorationModule(wanted, made, Budget(1000, None))
    optimizers = module.configure_optimizers()
    losses = []
    for _ in range(3):
        for _ in range(8):
            module.take_step(optimizers)
        losses.append(module.means()["pixel"])
        module.forget_means()
    assert losses[-1] < 0.98 * losses[0]
