"""DISTS against the paper's formula on torchvision's VGG16, its properties, and its refusals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest
import torch
import torchmetrics
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from torchvision.models.vgg import cfgs, make_layers

from pixelmend.errors import DataError, MissingExtraError, ModelError, UsageError
from pixelmend.metrics.dists import Dists
from tests.metrics.features_file import write_random

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

NAME = "vgg16_features.safetensors"
HEADS = Path(torchmetrics.__file__).parent / "functional" / "image" / "dists_models" / "weights.pt"


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Pictures so small are faster on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _vgg16() -> nn.Sequential:
    """The layers as torchvision builds them, without values."""
    with torch.device("meta"):
        layers = make_layers(cfgs["D"])
    assert isinstance(layers, nn.Sequential)
    return layers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds VGG16 with random values which keep the size of what goes through."""
    path = tmp_path_factory.mktemp("features")
    write_random(_vgg16(), path / NAME)
    return path


@pytest.fixture(scope="module")
def metric(folder: Path) -> Dists:
    return Dists(folder)


def _pair(height: int = 40, width: int = 36) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(2, 3, height, width, generator=generator)
    return clean + 0.1 * torch.randn(clean.shape, generator=generator), clean


@torch.no_grad()
def _ding(restored: torch.Tensor, clean: torch.Tensor, features: Path) -> list[float]:
    """Equations 5 to 7 of the paper in float64, on torchvision's layers with L2 poolings in place of the maxima."""
    heads = torch.load(HEADS, map_location="cpu", weights_only=True)
    layers = _vgg16()[:30]  # the last pooling is not looked at
    layers.load_state_dict({name: tensor.double() for name, tensor in load_file(features).items()}, assign=True)
    hann = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    window = torch.outer(hann, hann) / 16
    mean, std = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()
    found: list[list[torch.Tensor]] = []
    for pictures in (restored, clean):
        raw = pictures.double().clamp(0, 1)
        values = (raw - mean[:, None, None]) / std[:, None, None]
        found.append([raw])
        for layer in layers:
            if isinstance(layer, nn.MaxPool2d):
                found[-1].append(values.clone())
                kernel = window.expand(values.shape[1], 1, 3, 3)
                squares = F.conv2d(values.square(), kernel, stride=2, padding=1, groups=values.shape[1])
                values = (squares + 1e-12).sqrt()
            else:
                values = layer(values)
        found[-1].append(values)
    alpha, beta = (heads[name].double().flatten() for name in ("alpha", "beta"))
    similarity, total = torch.zeros(len(clean), dtype=torch.float64), alpha.sum() + beta.sum()
    start = 0
    for ours, theirs in zip(*found, strict=True):
        x, y = ours.flatten(2), theirs.flatten(2)
        end = start + x.shape[1]
        covariance = ((x - x.mean(2, keepdim=True)) * (y - y.mean(2, keepdim=True))).mean(2)
        texture = (2 * x.mean(2) * y.mean(2) + 1e-6) / (x.mean(2) ** 2 + y.mean(2) ** 2 + 1e-6)
        structure = (2 * covariance + 1e-6) / (x.var(2, correction=0) + y.var(2, correction=0) + 1e-6)
        similarity += (alpha[start:end] * texture + beta[start:end] * structure).sum(1) / total
        start = end
    assert start == len(alpha) == len(beta)
    return (1 - similarity).tolist()


@pytest.mark.parametrize("size", [(40, 36), (17, 17), (21, 50)])
def test_it_is_its_formula(metric: Dists, folder: Path, size: tuple[int, int]) -> None:
    restored, clean = _pair(*size)
    scores = metric(restored, clean)
    assert scores.dtype == torch.float32
    assert scores.tolist() == pytest.approx(_ding(restored, clean, folder / NAME), abs=1e-5)


def test_equal_pictures_score_zero_and_the_order_does_not_count(metric: Dists) -> None:
    restored, clean = _pair()
    assert metric(clean, clean.clone()).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert torch.allclose(metric(clean, restored), metric(restored, clean), rtol=1e-4)
    assert torch.allclose(metric(restored.flip(0), clean.flip(0)), metric(restored, clean).flip(0), rtol=1e-4)
    alone = torch.cat([metric(a[None], b[None]) for a, b in zip(restored, clean, strict=True)])
    assert torch.allclose(alone, metric(restored, clean), rtol=1e-4)


def test_more_noise_is_farther(metric: Dists, photo: np.ndarray) -> None:
    clean = torch.from_numpy(photo).permute(2, 0, 1)[None, :, :48, :48]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    distances = [float(metric(clean + noise * sigma / 255, clean)) for sigma in (0, 5, 15, 25, 50)]
    assert distances == sorted(set(distances))
    assert distances[0] < 1e-5
    assert all(0 <= distance <= 1 for distance in distances)


def test_pictures_are_clamped(metric: Dists) -> None:
    restored, clean = _pair()
    assert restored.max() > 1
    assert torch.equal(metric(restored, clean), metric(restored.clamp(0, 1), clean))


def test_it_carries_no_gradient_and_ignores_autocast(metric: Dists) -> None:
    restored, clean = _pair()
    with torch.autocast("cpu", torch.bfloat16):
        scores = metric(restored.clone().requires_grad_(), clean)
    assert not scores.requires_grad
    assert torch.equal(scores, metric(restored, clean))


def test_building_it_is_silent_and_uses_up_no_random_numbers(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = torch.get_rng_state()
    Dists(folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


def test_a_file_may_be_named_in_place_of_its_folder(metric: Dists, folder: Path, tmp_path: Path) -> None:
    prefixed = {f"features.{name}": tensor for name, tensor in load_file(folder / NAME).items()}
    save_file({**prefixed, "classifier.0.bias": torch.zeros(2)}, tmp_path / "any.safetensors")
    assert torch.equal(Dists(tmp_path / "any.safetensors")(*_pair()), metric(*_pair()))


def test_nothing_named_takes_vgg16_from_the_hub(metric: Dists, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def hub(url: str, **_: object) -> dict[str, torch.Tensor]:
        asked.append(url)
        return {f"features.{name}": tensor for name, tensor in load_file(folder / NAME).items()}

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", hub)
    assert torch.equal(Dists()(*_pair()), metric(*_pair()))
    assert ["vgg16-" in url for url in asked] == [True]


def test_a_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"vgg16_features\.safetensors cannot be read"):
        Dists(tmp_path)
    shallow = {name: torch.zeros(tensor.shape) for name, tensor in _vgg16()[:9].state_dict().items()}
    save_file(shallow, tmp_path / NAME)
    with pytest.raises(ModelError, match=r"holds no 10\.weight or features\.10\.weight"):
        Dists(tmp_path)


def test_without_a_connection_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UsageError, match=r"vgg16-.*no route to host.*name vgg16_features\.safetensors") as caught:
        Dists()
    assert "\n" not in str(caught.value)


def test_without_torchvision_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(MissingExtraError, match="needs torchvision"):
        Dists(folder)


def test_pictures_that_do_not_fit_are_refused(metric: Dists) -> None:
    restored, clean = _pair()
    with pytest.raises(DataError, match=r"DISTS needs .* at least 17"):
        metric(restored[..., :16], clean[..., :16])
    restored[0, 0, 0, 0] = float("nan")
    with pytest.raises(DataError, match="restored pictures hold values that are not finite"):
        metric(restored, clean)
