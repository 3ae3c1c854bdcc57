"""What every network keeps to, whatever its shape: a size added to ``SIZES`` is tested by being listed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pixelmend.degradations.resample import resize
from pixelmend.errors import ModelError
from pixelmend.models import SIZES, Hybrid, HybridConfig, load_hybrid, read_metadata, save_model, sized
from pixelmend.models.blocks import Enlarge
from tests.export.networks import TINY

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CONFIGS = {
    **SIZES,
    "tiny": TINY,
    "no context": TINY.model_copy(update={"context": ()}),
    "no blocks": TINY.model_copy(update={"encoder_blocks": (0, 0), "decoder_blocks": (0,)}),
    "three levels, one head": TINY.model_copy(
        update={"widths": (8, 8, 16), "encoder_blocks": (0, 1, 2), "decoder_blocks": (1, 0), "head_width": 16}
    ),
    **{f"scale {scale}": TINY.model_copy(update={"scale": scale, "conditions": ()}) for scale in (2, 3, 4)},
    "small at scale 4": sized("small", 4, ()),
    "told nothing": TINY.model_copy(update={"conditions": ()}),
    "told a mask": TINY.model_copy(update={"conditions": ("mask",)}),
    "told both": TINY.model_copy(update={"conditions": ("noise_level", "mask")}),
    "unshuffled": TINY.model_copy(update={"unshuffle": 2}),
    "unshuffled, told both, enlarging": TINY.model_copy(
        update={"unshuffle": 2, "conditions": ("mask", "noise_level"), "scale": 2}
    ),
    "gated": TINY.model_copy(update={"encoder": "gated", "decoder": "gated"}),
    "gated decoder alone": TINY.model_copy(update={"decoder": "gated"}),
    "no skips": TINY.model_copy(update={"skips": "none"}),
    "concatenated skips": TINY.model_copy(update={"skips": "concatenate"}),
    "gelu": TINY.model_copy(update={"activation": "gelu"}),
    "windows alone": TINY.model_copy(update={"context": ("window",) * 3}),
    "channels alone": TINY.model_copy(update={"context": ("channel",) * 3}),
    "convolutions alone": TINY.model_copy(update={"context": ("convolution",) * 3}),
}
LIMITS = {"nano": 300_000, "small": 2_000_000, "base": 8_000_000}


@pytest.fixture(params=list(CONFIGS))
def config(request: pytest.FixtureRequest) -> HybridConfig:
    name: str = request.param
    return HybridConfig.model_validate(CONFIGS[name].model_dump())


def _build(config: HybridConfig, *, seed: int = 0) -> Hybrid:
    """A network whose gains and last layer are not zero, so that all of it takes part."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Hybrid(config)
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    return model


def _picture(config: HybridConfig, *, tall: int = 1, wide: int = 1, pictures: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    side = config.multiple_of
    return torch.rand(pictures, 3, tall * side, wide * side, generator=generator) * 1.4 - 0.2


def _told(config: HybridConfig, degraded: Tensor, *, sigma: float = 25, lost: float = 0.3) -> list[Tensor]:
    """What the network wants to be told: the same level everywhere, and pixels lost here and there."""
    pictures, _, height, width = degraded.shape
    mask = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(2)) < lost
    known = {
        "noise_level": torch.full((pictures, 1, 1, 1), sigma / 255),
        "mask": mask.float().expand(pictures, 1, height, width),
    }
    return [known[name] for name in config.conditions]


def _run(model: Hybrid, degraded: Tensor) -> Tensor:
    restored: Tensor = model(degraded, *_told(model.config, degraded))
    return restored


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SIZES)
def test_a_size_with_a_name_keeps_its_limit_at_every_scale(name: str, scale: int) -> None:
    config = sized(name, scale, ("noise_level", "mask"))
    assert (config.scale, config.conditions) == (scale, ("noise_level", "mask"))
    assert sum(p.numel() for p in Hybrid(config).parameters()) <= LIMITS[name]


def test_at_scale_one_a_size_is_the_one_that_is_listed() -> None:
    assert all(sized(name) == config for name, config in SIZES.items())


def test_it_starts_as_the_identity_or_the_bicubic_enlargement(config: HybridConfig) -> None:
    degraded = _picture(config, tall=2, wide=2)
    restored = _run(Hybrid(config), degraded)
    if config.scale == 1:
        assert torch.equal(restored, degraded)
        return
    height, width = (side * config.scale for side in degraded.shape[2:])
    enlarged = resize(degraded, height, width, method="bicubic")
    inside = slice(2 * config.scale, -2 * config.scale)  # edges are repeated here, mirrored there
    assert restored.shape == enlarged.shape
    assert torch.allclose(restored[..., inside, inside], enlarged[..., inside, inside], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_enlargement_repeats_edges(scale: int) -> None:
    picture = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    enlarged = Enlarge(scale)(picture)
    wider = torch.nn.functional.pad(picture, (4, 4, 4, 4), mode="replicate")
    expected = resize(wider, *(scale * side for side in wider.shape[2:]), method="bicubic")
    assert torch.allclose(enlarged, expected[:, :, 4 * scale : -4 * scale, 4 * scale : -4 * scale], atol=1e-5)
    assert torch.allclose(Enlarge(scale)(torch.full((1, 1, 3, 3), 0.7)), torch.tensor(0.7), atol=1e-6)


def test_shape_and_type_are_kept_from_the_smallest_size_on(config: HybridConfig) -> None:
    model = _build(config)
    for tall, wide, pictures in ((1, 1, 1), (1, 2, 2)):
        degraded = _picture(config, tall=tall, wide=wide, pictures=pictures)
        restored = _run(model, degraded)
        height, width = degraded.shape[2:]
        assert restored.shape == (pictures, 3, config.scale * height, config.scale * width)
        assert restored.dtype == torch.float32
        assert restored.isfinite().all()


def test_other_sizes_are_refused(config: HybridConfig) -> None:
    side = config.multiple_of + config.multiple_of // 2
    with pytest.raises(RuntimeError, match=r"shape|size|divisible"):
        _run(Hybrid(config), torch.zeros(1, 3, side, side))


def test_each_condition_counts_and_may_be_a_map(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config)
    told, other = (_told(config, degraded, sigma=s, lost=lost) for s, lost in ((25, 0.3), (50, 0.6)))
    restored = model(degraded, *told)
    assert torch.equal(restored, model(degraded, *(each.expand_as(degraded[:, :1]).clone() for each in told)))
    for number in range(len(told)):
        assert not torch.allclose(restored, model(degraded, *told[:number], other[number], *told[number + 1 :]))


def test_conditions_too_many_or_too_few_are_refused(config: HybridConfig) -> None:
    degraded = _picture(config)
    told = _told(config, degraded)
    wrong = [[*told, torch.zeros(1, 1, 1, 1)], *([told[1:]] if told else [])]
    for each in wrong:
        with pytest.raises(ModelError, match=f"got {len(each)} conditions, wanted"):
            Hybrid(config)(degraded, *each)


def test_values_outside_the_range_are_not_clipped(config: HybridConfig) -> None:
    restored = _run(Hybrid(config), _picture(config) * 10)
    assert restored.max() > 5
    assert restored.min() < -1


def test_the_gradient_reaches_every_parameter(config: HybridConfig) -> None:
    model = _build(config)
    torch.autograd.backward(_run(model, _picture(config, pictures=2)).square().mean())
    missed = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert missed == []


def test_pictures_of_a_batch_do_not_mix(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config, pictures=2)
    alone = torch.cat([_run(model, one[None]) for one in degraded])
    assert torch.allclose(_run(model, degraded), alone, atol=1e-5)


@torch.no_grad()
def test_the_same_seed_and_input_give_the_same_bits(config: HybridConfig) -> None:
    degraded = _picture(config)
    model, again = _build(config, seed=3), _build(config, seed=3)
    restored = _run(model, degraded)
    assert torch.equal(restored, _run(model, degraded))
    assert torch.equal(restored, _run(again, degraded))
    assert not torch.equal(restored, _run(_build(config, seed=4), degraded))


@torch.no_grad()
def test_the_memory_format_does_not_count(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config, wide=2)
    plain = _run(model, degraded)
    model.to(memory_format=torch.channels_last)
    assert torch.allclose(_run(model, degraded.contiguous(memory_format=torch.channels_last)), plain, atol=1e-5)


@torch.no_grad()
def test_bfloat16_autocast_changes_it_by_rounding_only(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config)
    start = _run(Hybrid(config), degraded)
    exact = _run(model, degraded) - start
    with torch.autocast("cpu", torch.bfloat16):
        restored = _run(model, degraded)
    assert restored.dtype == torch.float32
    assert (restored - start - exact).norm() < 0.03 * exact.norm()


@torch.no_grad()
def test_weights_come_back_from_disk(config: HybridConfig, tmp_path: Path) -> None:
    model, degraded = _build(config), _picture(config)
    save_model(model, tmp_path / "weights.safetensors", {"step": 7})
    loaded = load_hybrid(tmp_path / "weights.safetensors")
    assert torch.equal(_run(loaded, degraded), _run(model, degraded))
    assert loaded.config == config
    assert not loaded.training
    assert read_metadata(tmp_path / "weights.safetensors")["step"] == 7


@torch.no_grad()
@pytest.mark.parametrize("name", ["tiny", "gated", "scale 2", "convolutions alone", "unshuffled"])
def test_what_is_far_away_does_not_matter(name: str) -> None:
    """The opposite border, above all: windows that wrap around would carry a change there at once."""
    model = _build(CONFIGS[name])
    scale, folded = model.config.scale, model.config.unshuffle
    degraded = torch.rand(1, 3, 64 * folded, 128 * folded, generator=torch.Generator().manual_seed(0))
    restored = _run(model, degraded)
    changed = degraded.clone()
    changed[:, :, :2, :2] += 1
    difference = (_run(model, changed) - restored).abs().amax(dim=(0, 1))
    assert difference[:2, :2].max() > 0.1
    assert not difference[:, 64 * folded * scale :].any()
    assert not difference[48 * folded * scale :].any()
