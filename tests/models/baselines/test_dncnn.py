"""DnCNN: its residual form, its sizes as published, and weights files good and bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from pixelmend.errors import ModelError
from pixelmend.models.baselines import DnCNN, load_dncnn

if TYPE_CHECKING:
    from pathlib import Path


def small(channels: int = 3) -> DnCNN:
    torch.manual_seed(3)
    return DnCNN(channels, depth=4, width=8).eval()


@torch.no_grad()
def test_a_network_that_finds_no_noise_changes_nothing() -> None:
    model = small()
    for parameter in model.model[-1].parameters():
        parameter.zero_()
    degraded = torch.rand(2, 3, 9, 7)
    assert torch.equal(model(degraded), degraded)


@torch.no_grad()
def test_the_stacks_output_is_taken_away() -> None:
    model = small(channels=1)
    degraded = torch.rand(1, 1, 5, 6)
    noise = degraded
    for i, layer in enumerate(layer for layer in model.model if isinstance(layer, torch.nn.Conv2d)):
        noise = torch.nn.functional.conv2d(noise, layer.weight, layer.bias, padding=1)
        noise = noise.clamp_min(0) if i < 3 else noise
    assert torch.allclose(model(degraded), degraded - noise, atol=1e-6)
    assert model(torch.rand(1, 1, 1, 1)).shape == (1, 1, 1, 1)


@pytest.mark.parametrize(("channels", "depth", "millions"), [(1, 17, 0.555), (3, 20, 0.668)])
def test_the_published_sizes(channels: int, depth: int, millions: float) -> None:
    count = sum(p.numel() for p in DnCNN(channels, depth).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.001)


@torch.no_grad()
def test_a_saved_network_comes_back_from_its_tensors_alone(tmp_path: Path) -> None:
    model = small()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    again = load_dncnn(tmp_path / "w.safetensors")
    degraded = torch.rand(1, 3, 8, 8)
    assert again.channels == 3
    assert not again.training
    assert torch.equal(again(degraded), model(degraded))


def test_files_that_hold_no_dncnn_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    good = small().state_dict()
    for wrong in (
        {"encoder.weight": torch.zeros(3)},
        {**good, "model.2.weight": torch.zeros(8, 8, 5, 5)},
        {("x" + name if name == "model.2.bias" else name): tensor for name, tensor in good.items()},
        {name: tensor for name, tensor in good.items() if name != "model.4.bias"},
    ):
        save_file(wrong, path)
        with pytest.raises(ModelError, match=r"other\.safetensors does not hold a DnCNN") as caught:
            load_dncnn(path)
        assert "\n" not in str(caught.value)


def test_files_that_are_no_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("not weights")
    for name in ("text.safetensors", "absent.safetensors"):
        with pytest.raises(ModelError, match="cannot be read"):
            load_dncnn(tmp_path / name)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "channels", "depth"), [("gray_sigma25", 1, 17), ("color_blind", 3, 20)])
def test_published_weights_load(shared: Path, name: str, channels: int, depth: int) -> None:
    path = shared / "weights" / "peers" / f"dncnn_{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"no published weights at {path}")
    model = load_dncnn(path)
    assert model.channels == channels
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in model.model) == depth
