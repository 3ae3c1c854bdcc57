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
from torchvision.models import AlexNet

from pixelmend.errors import DataError, MissingExtraError, ModelError, UsageError
from pixelmend.images.decode import read_float
from pixelmend.metrics.lpips import Lpips
from tests.metrics.features_file import write_random

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
    path = tmp_path_factory.mktemp("features")
    write_random(_alexnet(), path / NAME)
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


def test_pictures_that_do_not_fit_are_refused(metric: Lpips) -> None:
    restored, clean = _pair()
    with pytest.raises(DataError, match=r"LPIPS needs .* at least 31"):
        metric(restored[..., :30], clean[..., :30])
    restored[0, 0, 0, 0] = float("nan")
    with pytest.raises(DataError, match="restored pictures hold values that are not finite"):
        metric(restored, clean)


def test_a_file_that_does_not_fit_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"alexnet_features\.safetensors cannot be read"):
        Lpips(tmp_path)
    save_file({name: t for name, t in load_file(folder / NAME).items() if name != "8.bias"}, tmp_path / NAME)
    with pytest.raises(ModelError, match=r"holds no 8\.bias or features\.8\.bias"):
        Lpips(tmp_path)


def test_without_a_connection_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UsageError, match=r"alexnet-.*no route to host.*name alexnet_features\.safetensors") as caught:
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


@pytest.mark.shared
@pytest.mark.parametrize(("name", "distance"), [("ex_p0", 0.722), ("ex_p1", 0.138)])
def test_the_authors_example_pictures_score_as_published(
    published: Lpips, shared: Path, name: str, distance: float
) -> None:
    """The README of github.com/richzhang/PerceptualSimilarity: "Distances: (0.722, 0.138)", version 0.1, AlexNet."""
    paths = [shared / "weights" / "lpips" / f"{picture}.png" for picture in (name, "ex_ref")]
    if missing := [str(path) for path in paths if not path.is_file()]:
        pytest.skip(f"no example pictures: put {' and '.join(missing)} there")
    restored, clean = (torch.from_numpy(read_float(path, color="rgb")).permute(2, 0, 1)[None] for path in paths)
    assert float(published(restored, clean)) == pytest.approx(distance, abs=0.002)
