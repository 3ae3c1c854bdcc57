"""The perceptual loss against torchvision's own networks, the weights files good and bad, and what training needs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import AlexNet
from torchvision.models.vgg import cfgs, make_layers

from pixelmend.errors import ModelError, UsageError
from pixelmend.images.decode import read_float
from pixelmend.losses import PerceptualLoss, find_features

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelmend.losses import FeatureNetwork

VGG16, ALEXNET = "vgg16_features_to_relu2_2.safetensors", "alexnet_features.safetensors"
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Pictures so small are faster on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _reference(name: str) -> nn.Sequential:
    """The layers as torchvision builds them, without values."""
    with torch.device("meta"):
        layers = AlexNet().features if name == "alexnet" else make_layers(cfgs[{"vgg16": "D", "vgg19": "E"}[name]])
    assert isinstance(layers, nn.Sequential)
    return layers


def _random_tensors(layers: nn.Sequential) -> dict[str, torch.Tensor]:
    """Values for every convolution that keep the size of what goes through."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, tensor in layers.state_dict().items():
        deviation = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim == 4 else 0.1
        tensors[name] = deviation * torch.randn(tensor.shape, generator=generator)
    return tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of VGG16's first layers and AlexNet's, random."""
    path = tmp_path_factory.mktemp("features")
    save_file(_random_tensors(_reference("vgg16")[:9]), path / VGG16)
    save_file(_random_tensors(_reference("alexnet")), path / ALEXNET)
    return path


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of VGG19's layers, random, in half precision, with a tensor that is none of them."""
    path = tmp_path_factory.mktemp("vgg") / "of-any-name.safetensors"
    tensors = {f"features.{name}": tensor.half() for name, tensor in _random_tensors(_reference("vgg19")).items()}
    save_file({**tensors, "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


def _pair(side: int = 64, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(count, 3, side, side, generator=generator)
    return clean + 0.1 * torch.randn(clean.shape, generator=generator), clean


@torch.no_grad()
def _before_activation(name: str, path: Path, taps: list[int], pictures: torch.Tensor) -> list[torch.Tensor]:
    """Outputs of torchvision's layers, in float64."""
    held = {key.removeprefix("features."): tensor.double() for key, tensor in load_file(path).items()}
    layers = _reference(name)[: taps[-1] + 1]
    layers.load_state_dict({key: held[key] for key in layers.state_dict()}, assign=True)
    features, found = ((pictures - MEAN) / STD).double(), []
    for number, layer in enumerate(layers):
        features = layer(features)
        if number in taps:
            found.append(features.clone())  # torchvision's ReLU works in place
    return found


@torch.no_grad()
def _check(network: FeatureNetwork, expected: list[torch.Tensor], pictures: torch.Tensor) -> None:
    found = network(pictures)
    assert [f.shape for f in found] == [e.shape for e in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours.double(), theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))
        assert ours.min() < 0  # before activation


def test_vgg19s_layers_are_torchvisions(vgg19: Path) -> None:
    pictures = _pair(side=24, count=1)[0]
    network = find_features(vgg19)
    _check(network, _before_activation("vgg19", vgg19, [2, 7, 16, 25, 34], pictures), pictures)
    assert network.weights == (0.1, 0.1, 1.0, 1.0, 1.0)
    assert network.described == (
        "VGG19 conv1_2, conv2_2, conv3_4, conv4_4, conv5_4 before activation (torchvision, ImageNet)"
    )


def test_the_smaller_pairs_layers_are_torchvisions(folder: Path) -> None:
    pictures = _pair()[0]
    network = find_features(folder)
    expected = _before_activation("vgg16", folder / VGG16, [2, 7], pictures)
    expected += _before_activation("alexnet", folder / ALEXNET, [0, 3, 6, 8, 10], pictures)
    _check(network, expected, pictures)
    assert network.described == (
        "VGG16 conv1_2, conv2_2 and AlexNet conv1–conv5 before activation (torchvision, ImageNet)"
    )


def test_a_folder_that_holds_vgg19_gives_vgg19(vgg19: Path, folder: Path, tmp_path: Path) -> None:
    for name, source in ((VGG16, folder / VGG16), (ALEXNET, folder / ALEXNET), ("vgg19_features.safetensors", vgg19)):
        (tmp_path / name).symlink_to(source)
    assert find_features(tmp_path).described.startswith("VGG19")


@torch.no_grad()
def test_the_loss_is_its_formula(folder: Path) -> None:
    restored, clean = _pair()
    network = find_features(folder)
    expected = torch.zeros(2, dtype=torch.float64)
    for weight, ours, theirs in zip(network.weights, network(restored), network(clean), strict=True):
        expected += weight * (ours.double() - theirs.double()).abs().flatten(1).mean(dim=1)
    loss = PerceptualLoss(network)(restored, clean)
    assert loss.dtype == torch.float32
    assert loss.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@torch.no_grad()
def test_equal_pictures_cost_nothing_and_more_noise_more(folder: Path) -> None:
    loss = PerceptualLoss(find_features(folder))
    restored, clean = _pair()
    assert not loss(clean, clean.clone()).any()
    costs = torch.stack([loss(clean + gain * (restored - clean), clean) for gain in (0.1, 0.5, 1, 2)])
    assert bool((costs.diff(dim=0) > 0).all())
    assert torch.allclose(loss(restored.flip(0), clean.flip(0)), costs[2].flip(0), rtol=1e-4)


def test_the_gradient_goes_to_the_restored_picture_alone(folder: Path) -> None:
    loss = PerceptualLoss(find_features(folder)).train()
    restored, clean = (pictures.requires_grad_() for pictures in _pair())
    before = loss(restored, clean)
    torch.autograd.backward(before.sum())
    assert clean.grad is None
    assert restored.grad is not None
    assert [name for name, p in loss.named_parameters() if p.requires_grad or p.grad is not None] == []
    step = 0.01 * restored.grad / restored.grad.abs().amax(dim=(1, 2, 3), keepdim=True)
    assert bool((loss(restored - step, clean) < before).all())


def test_bfloat16_autocast_changes_it_by_rounding_only(folder: Path) -> None:
    loss = PerceptualLoss(find_features(folder))
    restored, clean = _pair()
    exact = loss(restored, clean)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss(restored.bfloat16().requires_grad_(), clean)
    assert rounded.dtype == torch.float32
    assert torch.allclose(rounded, exact, rtol=0.03)
    torch.autograd.backward(rounded.sum())


@torch.no_grad()
def test_the_memory_format_does_not_count(folder: Path) -> None:
    loss = PerceptualLoss(find_features(folder))
    restored, clean = _pair()
    plain = loss(restored, clean)
    loss.to(memory_format=torch.channels_last)
    last = (pictures.contiguous(memory_format=torch.channels_last) for pictures in (restored, clean))
    assert torch.allclose(loss(*last), plain, rtol=1e-4)


@pytest.mark.parametrize("which", ["folder", "vgg19"])
def test_the_smallest_picture_is_what_the_network_says(which: str, request: pytest.FixtureRequest) -> None:
    network = find_features(request.getfixturevalue(which))
    loss = PerceptualLoss(network)
    restored, clean = _pair(side=network.minimum, count=1)
    assert float(loss(restored, clean)) > 0
    for shape in ((1, 3, network.minimum, network.minimum - 1), (1, 1, 64, 64), (3, 64, 64)):
        with pytest.raises(ModelError, match=rf"at least {network.minimum}") as caught:
            loss(torch.zeros(shape), torch.zeros(shape))
        assert "\n" not in str(caught.value)


def test_loading_uses_up_no_random_numbers(folder: Path) -> None:
    before = torch.get_rng_state()
    find_features(folder)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", [VGG16, ALEXNET])
def test_a_file_that_does_not_fit_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    for good in (VGG16, ALEXNET):
        (tmp_path / good).write_bytes((folder / good).read_bytes())
    (tmp_path / name).write_text("not weights")
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        find_features(tmp_path)


def test_a_path_that_holds_nothing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors cannot be read"):
        find_features(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match=r"holds no features"):
        find_features(tmp_path)
    with pytest.raises(ModelError, match=r"holds no 10\.weight or features\.10\.weight"):
        find_features(folder / VGG16)  # a file is taken for VGG19's


def test_without_a_connection_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UsageError, match=r"vgg19-.*no route to host.*loss\.features=PATH") as caught:
        find_features(None)
    assert "\n" not in str(caught.value)


def test_nothing_named_takes_vgg19_from_the_hub(vgg19: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def hub(url: str, **_: object) -> dict[str, torch.Tensor]:
        asked.append(url)
        return load_file(vgg19)

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", hub)
    network = find_features(None)
    assert ["vgg19" in url for url in asked] == [True]
    expected = find_features(vgg19).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


@pytest.mark.shared
@torch.no_grad()
def test_every_layer_of_the_published_pair_has_its_say(shared: Path) -> None:
    weights, pictures = shared / "weights" / "lpips", sorted((shared / "data" / "val" / "clic").glob("*"))[:6]
    if not ((weights / VGG16).is_file() and pictures):
        pytest.skip(f"no published weights or photographs at {shared}")
    network = find_features(weights)
    crops = [read_float(path, color="rgb")[40:136, 40:136] for path in pictures]
    clean = torch.stack([torch.from_numpy(crop.copy()).permute(2, 0, 1) for crop in crops])
    noisy = clean + 15 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    for restored in (noisy, nn.functional.avg_pool2d(clean, 3, 1, 1, count_include_pad=False)):
        pairs = zip(network.weights, network(restored), network(clean), strict=True)
        says = torch.tensor([weight * float((a - b).abs().mean()) for weight, a, b in pairs])
        assert float(says.max() / says.min()) < 3, says
        assert 30 < float(says.sum() / (restored - clean).abs().mean()) < 120
