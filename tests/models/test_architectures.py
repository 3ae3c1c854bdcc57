"""What every kind of network keeps to, ours or another's: a kind that is listed is tested by being listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError

from pixelmend.errors import ModelError
from pixelmend.inference import padded_length
from pixelmend.models import (
    ARCHITECTURES,
    HybridConfig,
    Network,
    NetworkConfig,
    build,
    load_hybrid,
    load_model,
    save_model,
)
from pixelmend.models.architectures import read_config
from pixelmend.training.optimizers import make_optimizer
from pixelmend.training.recipe import OptimizerSection

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

TINY: dict[str, dict[str, Any]] = {
    "hybrid": {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "window": 4, "head_width": 8},
    "srcnn": {"widths": (8, 4)},
    "vdsr": {"depth": 4, "width": 8},
    "dncnn": {"depth": 4, "width": 8},
    "unet": {"widths": (8, 16, 16), "conditions": ("noise_level", "mask")},
    "tnrd": {"stages": 2},
    "deblurgan": {"width": 8, "blocks": 1},
    "rrdb": {"width": 8, "blocks": (1,)},
    "swinir": {"width": 12, "blocks": (1, 2, 1, 1)},
    "ipt": {"width": 4, "blocks": (1,)},
    "restormer": {"width": 8, "blocks": (1, 1, 1, 1, 1)},
    "nafnet": {"width": 4, "blocks": (1,) * 9},
    "drunet": {"width": 4, "blocks": (1,)},
    "scunet": {"blocks": (1,) * 7},
    "uformer": {"width": 16, "blocks": (1,) * 9},
}
SLOW = {"scunet", "uformer"}
"""Cannot be made small; their shapes and files are tested, gradients of one picture suffice."""


@pytest.fixture(params=list(ARCHITECTURES))
def config(request: pytest.FixtureRequest) -> NetworkConfig:
    return read_config({"architecture": request.param, **TINY[request.param]})


def _build(config: NetworkConfig, *, seed: int = 0) -> Network:
    """A network of which all takes part: what starts at zero is drawn."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(config)
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


def _inputs(config: NetworkConfig, height: int = 1, width: int = 1, *, pictures: int = 1) -> tuple[Tensor, ...]:
    """A picture of the least size that holds this, and what the network is told."""
    generator = torch.Generator().manual_seed(1)
    # Deblurgan's norm needs more than one pixel at the coarsest level.
    sides = [padded_length(side, multiple_of=config.multiple_of, minimum=16) for side in (height, width)]
    picture = torch.rand(pictures, 3, *sides, generator=generator)
    known = {"noise_level": torch.full((pictures, 1, 1, 1), 0.1), "mask": (picture[:, :1] < 0.2).float()}
    return picture, *(known[name] for name in config.conditions)


@torch.no_grad()
def test_shape_files_and_repetition(config: NetworkConfig, tmp_path: Path) -> None:
    model, inputs = _build(config), _inputs(config, 17, 9, pictures=1 if config.architecture in SLOW else 2)
    restored = model(*inputs)
    n, _, height, width = inputs[0].shape
    assert restored.shape == (n, 3, config.scale * height, config.scale * width)
    assert restored.isfinite().all()
    assert torch.equal(restored, model(*inputs))
    save_model(model, tmp_path / "w.safetensors", {"step": 1})
    again = load_model(tmp_path / "w.safetensors")
    assert type(again) is type(model)
    assert again.config == config
    assert torch.equal(again(*inputs), restored)
    if config.architecture != "hybrid":
        with pytest.raises(ModelError, match=f"holds a {config.architecture} network.*name weights of the hybrid"):
            load_hybrid(tmp_path / "w.safetensors")


# NAFNet's own backward pass in spandrel asks PyTorch by an old name.
@pytest.mark.filterwarnings("ignore:'saved_variables' is deprecated:DeprecationWarning")
def test_the_gradient_reaches_every_parameter_that_learns(config: NetworkConfig) -> None:
    model = _build(config)
    model(*_inputs(config)).square().mean().backward()
    missed = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert missed == []


@torch.no_grad()
def test_another_number_of_conditions_is_refused(config: NetworkConfig) -> None:
    model = build(config)
    picture, *told = _inputs(config)
    with pytest.raises(ModelError, match=f"got {len(told) + 1} conditions, wanted"):
        model(picture, *told, torch.zeros(1, 1, 1, 1))


def test_the_convolutions_at_the_ends_are_those_of_colours(config: NetworkConfig) -> None:
    model = build(config)
    if not model.ends:
        assert config.architecture == "tnrd"
        return
    first, last = (model.get_submodule(name) for name in model.ends)
    assert isinstance(first, torch.nn.Conv2d)
    assert isinstance(last, torch.nn.Conv2d)
    luminance = config.architecture in {"srcnn", "vdsr"}
    assert first.in_channels == (1 if luminance else 3 + len(config.conditions))
    # Where pixels are shuffled apart in the end, one channel for each place.
    assert last.out_channels in {1 if luminance else 3, 3 * config.scale**2}


def test_the_optimizer_takes_each_parameter_once_and_the_ends_not_as_matrices(config: NetworkConfig) -> None:
    model = build(config)
    groups = make_optimizer(model, OptimizerSection(), "fp32").param_groups
    taken = [id(p) for group in groups for p in group["params"]]
    assert sorted(taken) == sorted(id(p) for p in model.parameters())
    matrices = {id(p) for group in groups if group["kind"] == "muon" for p in group["params"]}
    assert not matrices & {id(model.get_submodule(name).weight) for name in model.ends}
    assert bool(matrices) is (config.architecture != "tnrd")


def test_hidden_widths_are_those_of_the_level_where_none_are_given() -> None:
    usual = HybridConfig(widths=(8, 128), encoder_blocks=(1, 2), decoder_blocks=(1,))
    told = {"encoder_hidden": ((8,), (128, 128)), "decoder_hidden": ((8,),), "context_hidden": (192, 192, 192)}
    same = HybridConfig.model_validate({**usual.model_dump(), **told})
    shapes = [{name: p.shape for name, p in build(config).named_parameters()} for config in (usual, same)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encoder_hidden": ((8,), (8, 8, 8), (8,), (8,))}, r"gives \[1, 3, 1, 1\] numbers, wanted \[1, 3, 2, 1\]"),
        ({"decoder_hidden": ((8,), (8,))}, r"decoder_hidden gives \[1, 1\] numbers, wanted \[1, 3, 2\]"),
        ({"context_hidden": (8, 8)}, "context_hidden gives 2 numbers, wanted 3"),
        ({"decoder": "gated", "decoder_hidden": ((8,), (8, 8, 8), (8, 8))}, "is for residual blocks, and decoder is"),
        ({"context_hidden": (8, 8, 0)}, "greater than or equal to 1"),
    ],
)
def test_hidden_widths_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HybridConfig.model_validate(fields)


def test_a_description_without_a_kind_is_the_hybrid_and_an_unknown_kind_is_refused() -> None:
    assert read_config({}).architecture == "hybrid"
    for wrong in ({"architecture": "resnet"}, {"architecture": "vdsr", "widths": (1, 2)}, {"architecture": ["vdsr"]}):
        with pytest.raises(ValidationError):
            read_config(wrong)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("srcnn", 57_281),
        ("vdsr", 665_921),
        ("dncnn", 668_227),
        ("rrdb", 16_697_987),
        ("restormer", 26_111_668),
        ("nafnet", 29_159_715),
        ("drunet", 32_640_960),
    ],
)
def test_a_network_is_as_large_as_it_was_published(name: str, parameters: int) -> None:
    """Papers: 57 k, 665 k, 668 k, 16.70 M, 26.11 M, 29.16 M, 32.64 M."""
    with torch.device("meta"):
        assert sum(p.numel() for p in build(read_config({"architecture": name})).parameters()) == parameters


@pytest.mark.parametrize(("name", "millions"), [("swinir", 0.930), ("scunet", 17.946)])
def test_those_that_cannot_be_made_without_memory_are_as_large_too(name: str, millions: float) -> None:
    """SwinIR's lightweight form is 897 k in its paper and 930 k in its authors' code, biases of positions counted."""
    count = sum(p.numel() for p in build(read_config({"architecture": name})).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.001)


def test_nafnet_for_deblurring_is_as_large_as_it_was_published() -> None:
    with torch.device("meta"):
        model = build(read_config({"architecture": "nafnet", "blocks": (1, 1, 1, 28, 1, 1, 1, 1, 1)}))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(17.11, abs=0.01)
