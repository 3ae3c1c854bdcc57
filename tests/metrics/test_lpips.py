"""LPIPS against its formula on torchvision's AlexNet, its properties on published weights, and its refusals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import lpips
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import AlexNet, AlexNet_Weights

from pixelmend.errors import DataError, MissingExtraError, ModelError, UsageError
from pixelmend.metrics.lpips import Lpips

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

NAME = "alexnet_features.safetensors"
HEADS = Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth"


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Pictures so small are faster on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _alexnet() -> nn.Sequential:
    """The layers as torchvision builds them, without values."""
    with torch.device("meta"):
        layers = AlexNet().features
    assert isinstance(layers, nn.Sequential)
    return layers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds AlexNet with random values which keep the size of what goes through."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, tensor in _alexnet().state_dict().items():
        deviation = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim == 4 else 0.1
        tensors[name] = deviation * torch.randn(tensor.shape, generator=generator)
    path = tmp_path_factory.mktemp("features")
    save_file(tensors, path / NAME)
    return path


@pytest.fixture(scope="module")
def metric(folder: Path) -> Lpips:
    return Lpips(folder)


@pytest.fixture(scope="module")
def published(shared: Path) -> Lpips:
    path = shared / "weights" / "lpips"
    if not (path / NAME).is_file():
        pytest.skip(f"no published weights at {path}")
    return Lpips(path)


def _pair(height: int = 48, width: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(2, 3, height, width, generator=generator)
    return clean + 0.1 * torch.randn(clean.shape, generator=generator), clean


@torch.no_grad()
def _zhang(restored: torch.Tensor, clean: torch.Tensor, features: Path) -> list[float]:
    """Equation 1 of the paper in float64, on torchvision's layers and with the heads of the package."""
    heads = torch.load(HEADS, map_location="cpu", weights_only=True)
    layers = _alexnet()[:12]  # the last pooling is not looked at
    layers.load_state_dict({name: tensor.double() for name, tensor in load_file(features).items()}, assign=True)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    found: list[list[torch.Tensor]] = []
    for pictures in (restored, clean):
        values = (pictures.double().clamp(0, 1) - mean[:, None, None].double()) / std[:, None, None].double()
        found.append([])
        for layer in layers:
            values = layer(values)
            if isinstance(layer, nn.ReLU):
                found[-1].append(values / values.norm(dim=1, keepdim=True))
    distance = torch.zeros(len(clean), dtype=torch.float64)
    for number, (ours, theirs) in enumerate(zip(*found, strict=True)):
        head = heads[f"lin{number}.model.1.weight"].double().flatten()
        distance += ((ours - theirs).square() * head[:, None, None]).sum(dim=1).mean(dim=(1, 2))
    return distance.tolist()


@pytest.mark.parametrize("size", [(48, 40), (31, 31), (33, 70)])
def test_it_is_its_formula(metric: Lpips, folder: Path, size: tuple[int, int]) -> None:
    restored, clean = _pair(*size)
    scores = metric(restored, clean)
    assert scores.dtype == torch.float32
    assert scores.tolist() == pytest.approx(_zhang(restored, clean, folder / NAME), rel=1e-3)


def test_a_file_may_be_named_in_place_of_its_folder(metric: Lpips, folder: Path, tmp_path: Path) -> None:
    prefixed = {f"features.{name}": tensor for name, tensor in load_file(folder / NAME).items()}
    save_file(prefixed, tmp_path / "any.safetensors")
    assert torch.equal(Lpips(tmp_path / "any.safetensors")(*_pair()), metric(*_pair()))


def test_equal_pictures_score_zero_and_the_order_does_not_count(metric: Lpips) -> None:
    restored, clean = _pair()
    assert metric(clean, clean.clone()).tolist() == [0, 0]
    assert torch.allclose(metric(clean, restored), metric(restored, clean), rtol=1e-5)
    assert torch.allclose(metric(restored.flip(0), clean.flip(0)), metric(restored, clean).flip(0), rtol=1e-4)
    alone = torch.cat([metric(a[None], b[None]) for a, b in zip(restored, clean, strict=True)])
    assert torch.allclose(alone, metric(restored, clean), rtol=1e-4)


def test_pictures_are_clamped(metric: Lpips) -> None:
    restored, clean = _pair()
    assert restored.max() > 1
    assert torch.equal(metric(restored, clean), metric(restored.clamp(0, 1), clean))


def test_it_carries_no_gradient_and_ignores_autocast(metric: Lpips) -> None:
    restored, clean = _pair()
    with torch.autocast("cpu", torch.bfloat16):
        scores = metric(restored.clone().requires_grad_(), clean)
    assert not scores.requires_grad
    assert torch.equal(scores, metric(restored, clean))


def test_building_it_is_silent_and_uses_up_no_random_numbers(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = torch.get_rng_state()
    Lpips(folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("shapes", "finding"),
    [
        (((1, 3, 40, 40), (1, 3, 40, 41)), "one shape"),
        (((1, 3, 30, 40), (1, 3, 30, 40)), "at least 31"),
        (((1, 1, 40, 40), (1, 1, 40, 40)), "needs"),
        (((3, 40, 40), (3, 40, 40)), "needs"),
    ],
)
def test_shapes_that_do_not_fit(metric: Lpips, shapes: tuple[tuple[int, ...], ...], finding: str) -> None:
    with pytest.raises(DataError, match=finding):
        metric(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(metric: Lpips, value: float) -> None:
    restored, clean = _pair()
    restored[0, 0, 0, 0] = value
    with pytest.raises(DataError, match="restored pictures hold values that are not finite"):
        metric(restored, clean)
    with pytest.raises(DataError, match="clean pictures hold"):
        metric(clean, restored)


def test_files_that_do_not_fit_are_named(folder: Path, tmp_path: Path) -> None:
    good = load_file(folder / NAME)
    path = tmp_path / NAME
    with pytest.raises(ModelError, match=r"alexnet_features\.safetensors cannot be read"):
        Lpips(tmp_path)
    path.write_text("not weights")
    with pytest.raises(ModelError, match=r"alexnet_features\.safetensors cannot be read"):
        Lpips(tmp_path)
    save_file({name: tensor for name, tensor in good.items() if name != "8.bias"}, path)
    with pytest.raises(ModelError, match=r"holds no 8\.bias or features\.8\.bias"):
        Lpips(path)
    save_file({**good, "3.weight": torch.zeros(2, 3)}, path)
    with pytest.raises(ModelError, match=r"3\.weight .* is \(2, 3\), wanted \(192, 64, 5, 5\)"):
        Lpips(path)


def test_without_a_connection_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UsageError, match=r"alexnet-.*no route to host.*name alexnet_features\.safetensors") as caught:
        Lpips()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"not weights", b"PK\x03\x04 cut short"])
def test_a_broken_download_is_told(data: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = tmp_path / "hub" / "checkpoints" / AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)
    with pytest.raises(UsageError, match=r"alexnet-.* cannot be had") as caught:
        Lpips()
    assert "\n" not in str(caught.value)


def test_nothing_named_takes_alexnet_from_the_hub(metric: Lpips, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {f"features.{name}": tensor for name, tensor in load_file(folder / NAME).items()}
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda _, **__: tensors)
    assert torch.equal(Lpips()(*_pair()), metric(*_pair()))


def test_without_the_package_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(MissingExtraError, match="needs lpips"):
        Lpips(folder)


@pytest.mark.shared
def test_published_weights_agree_with_the_formula(published: Lpips, shared: Path, photo: np.ndarray) -> None:
    clean = torch.from_numpy(photo).permute(2, 0, 1)[None]
    restored = nn.functional.avg_pool2d(clean, 5, 1, 2, count_include_pad=False)
    expected = _zhang(restored, clean, shared / "weights" / "lpips" / NAME)
    assert published(restored, clean).tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.shared
def test_more_damage_scores_higher_with_published_weights(published: Lpips, photo: np.ndarray) -> None:
    clean = torch.from_numpy(photo).permute(2, 0, 1)[None]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noisy = [float(published(clean + noise * sigma / 255, clean)) for sigma in (0, 5, 15, 25, 50)]
    assert noisy == sorted(noisy)
    assert noisy[0] == 0
    blurred = [
        float(published(nn.functional.avg_pool2d(clean, side, 1, side // 2, count_include_pad=False), clean))
        for side in (1, 3, 7, 15)
    ]
    assert blurred == sorted(blurred)
    # A known weakness of plain error, and the reason to measure with LPIPS: brightness costs little, texture much.
    shifted = float(published(clean * 0.9 + 0.05, clean))
    assert shifted < noisy[2]
