"""What every network keeps to, whatever its shape: a size added to ``SIZES`` is tested by being listed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pixelmend.models import SIZES, Hybrid, HybridConfig, load_model, read_metadata, save_model

if TYPE_CHECKING:
    from pathlib import Path

TINY = HybridConfig(
    widths=(8, 16),
    encoder_blocks=(1, 1),
    decoder_blocks=(1,),
    context=("window", "shifted", "channel"),
    window=4,
    head_width=8,
)
CONFIGS = {
    **SIZES,
    "tiny": TINY,
    "no context": TINY.model_copy(update={"context": ()}),
    "no blocks": TINY.model_copy(update={"encoder_blocks": (0, 0), "decoder_blocks": (0,)}),
    "three levels, one head": TINY.model_copy(
        update={"widths": (8, 8, 16), "encoder_blocks": (0, 1, 2), "decoder_blocks": (1, 0), "head_width": 16}
    ),
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


def _level(sigma: float = 25, pictures: int = 1) -> torch.Tensor:
    return torch.full((pictures, 1, 1, 1), sigma / 255)


@pytest.mark.parametrize("name", SIZES)
def test_a_size_with_a_name_keeps_its_limit(name: str) -> None:
    assert sum(p.numel() for p in Hybrid(SIZES[name]).parameters()) <= LIMITS[name]


def test_it_starts_as_the_identity(config: HybridConfig) -> None:
    degraded = _picture(config)
    assert torch.equal(Hybrid(config)(degraded, _level()), degraded)


def test_shape_and_type_are_kept_from_the_smallest_size_on(config: HybridConfig) -> None:
    model = _build(config)
    for tall, wide, pictures in ((1, 1, 1), (1, 2, 2)):
        degraded = _picture(config, tall=tall, wide=wide, pictures=pictures)
        restored = model(degraded, _level(25, pictures))
        assert restored.shape == degraded.shape
        assert restored.dtype == torch.float32
        assert restored.isfinite().all()


def test_other_sizes_are_refused(config: HybridConfig) -> None:
    side = config.multiple_of + config.multiple_of // 2
    with pytest.raises(RuntimeError, match=r"shape|size"):
        Hybrid(config)(torch.zeros(1, 3, side, side), _level())


def test_the_noise_level_counts_and_may_be_a_map(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config)
    restored = model(degraded, _level(25))
    assert torch.equal(restored, model(degraded, torch.full_like(degraded[:, :1], 25 / 255)))
    assert not torch.allclose(restored, model(degraded, _level(50)))


def test_values_outside_the_range_are_not_clipped(config: HybridConfig) -> None:
    degraded = _picture(config) * 10
    restored = Hybrid(config)(degraded, _level())
    assert restored.max() > 5
    assert restored.min() < -1


def test_the_gradient_reaches_every_parameter(config: HybridConfig) -> None:
    model = _build(config)
    model(_picture(config, pictures=2), _level(25, 2)).square().mean().backward()
    missed = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert missed == []


def test_pictures_of_a_batch_do_not_mix(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config, pictures=2)
    alone = torch.cat([model(one[None], _level()) for one in degraded])
    assert torch.allclose(model(degraded, _level(25, 2)), alone, atol=1e-5)


@torch.no_grad()
def test_the_same_seed_and_input_give_the_same_bits(config: HybridConfig) -> None:
    degraded = _picture(config)
    model, again = _build(config, seed=3), _build(config, seed=3)
    restored = model(degraded, _level())
    assert torch.equal(restored, model(degraded, _level()))
    assert torch.equal(restored, again(degraded, _level()))
    assert not torch.equal(restored, _build(config, seed=4)(degraded, _level()))


@torch.no_grad()
def test_the_memory_format_does_not_count(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config, wide=2)
    plain = model(degraded, _level())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's own annotation lacks it
    assert torch.allclose(model(degraded.contiguous(memory_format=torch.channels_last), _level()), plain, atol=1e-5)


@torch.no_grad()
def test_bfloat16_autocast_changes_it_by_rounding_only(config: HybridConfig) -> None:
    model, degraded = _build(config), _picture(config)
    exact = model(degraded, _level()) - degraded
    with torch.autocast("cpu", torch.bfloat16):
        restored = model(degraded, _level())
    assert restored.dtype == torch.float32
    assert (restored - degraded - exact).norm() < 0.03 * exact.norm()


@torch.no_grad()
def test_weights_come_back_from_disk(config: HybridConfig, tmp_path: Path) -> None:
    model, degraded = _build(config), _picture(config)
    save_model(model, tmp_path / "weights.safetensors", {"step": 7})
    loaded = load_model(tmp_path / "weights.safetensors")
    assert torch.equal(loaded(degraded, _level()), model(degraded, _level()))
    assert loaded.config == config
    assert not loaded.training
    assert read_metadata(tmp_path / "weights.safetensors")["step"] == 7


@torch.no_grad()
def test_what_is_far_away_does_not_matter() -> None:
    """The opposite border, above all: windows that wrap around would carry a change there at once."""
    model, degraded = _build(TINY), torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))
    restored = model(degraded, _level())
    changed = degraded.clone()
    changed[:, :, :2, :2] += 1
    difference = (model(changed, _level()) - restored).abs().amax(dim=(0, 1))
    assert difference[:2, :2].max() > 0.1
    assert not difference[:, 64:].any()
    assert not difference[48:].any()
