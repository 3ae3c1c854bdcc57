"""The perceptual loss: how far apart two pictures are for a network that learnt to recognize things.

J. Johnson, A. Alahi and L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016;
features before activation, which are denser and keep the brightness, as in ESRGAN (X. Wang et al. 2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pixelmend.errors import ModelError
from pixelmend.metrics.pretrained import ALEXNET_FILE, hub_features, read_features

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VGG16_FILE = "vgg16_features_to_relu2_2.safetensors"
VGG19_FILE = "vgg19_features.safetensors"

# Which outputs are looked at, by torchvision's number of the layer, and how much each counts.
_VGG19_TAPS = {2: 0.1, 7: 0.1, 16: 1.0, 25: 1.0, 34: 1.0}  # Real-ESRGAN (Wang et al. 2021)

# For the smaller pair, weights that let every layer have an equal say. On 16 photographs of 128×128 pixels, damaged by
# noise of sigma 5 and 15, blur of 0.7 and 1.5 pixels, fourfold reduction, and WebP at quality 20, the features differ
# by 23 and 87, and 13, 68, 94, 82 and 71 times ``l1`` (geometric mean of the six kinds). The weights are in inverse
# proportion, and conv2_2 keeps the 0.1 that it has above: the whole loss is then about 60 times ``l1``.
_VGG16_TAPS = {2: 0.37, 7: 0.1}
_ALEXNET_TAPS = {0: 0.67, 3: 0.13, 6: 0.09, 8: 0.11, 10: 0.12}


class FeatureNetwork(nn.Module):
    """One or more pretrained networks, frozen, and which of their layers are looked at.

    Attributes:
        described: The layers in words, for the card of weights that were trained with them.
        minimum: Pixels that a picture needs at its shorter side.
        weights: How much the difference in each layer counts, in the order of ``forward``.
    """

    def __init__(self, trunks: list[Trunk], *, described: str, minimum: int) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.described = described
        self.minimum = minimum
        self.weights = tuple(weight for trunk in trunks for weight in trunk.taps.values())
        # What torchvision's networks were trained on: the mean and deviation of ImageNet's channels.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)
        self.mean: Tensor
        self.std: Tensor
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Look at pictures.

        Args:
            pictures: (N, 3, H, W) float RGB in [0, 1], which restored ones may leave; H and W at least ``minimum``.

        Returns:
            One (N, C, H', W') for each layer, before its activation; float32, under autocast in its type.

        Raises:
            ModelError: The shape is another.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3 or min(pictures.shape[2:]) < self.minimum:
            raise ModelError(
                f"perceptual features need (N, 3, H, W) with H and W of at least {self.minimum}, got "
                f"{tuple(pictures.shape)}: train on larger patches"
            )
        normalized = (pictures.float() - self.mean) / self.std
        return [features for trunk in self.trunks for features in trunk(normalized)]


class Trunk(nn.Module):
    """The convolutions of one network up to the last layer that is looked at.

    Args:
        build: Makes the layers, numbered as torchvision numbers ``features``.
        taps: Which outputs are looked at, by number, and how much each counts.
        load: Gives the tensors for names and shapes.
    """

    def __init__(
        self,
        build: Callable[[], nn.Sequential],
        taps: dict[int, float],
        load: Callable[[dict[str, torch.Size]], dict[str, Tensor]],
    ) -> None:
        super().__init__()
        self.taps = taps
        with torch.device("meta"):  # shapes without values: nothing is drawn, so no random number is used up
            self.layers = build()
        tensors = load({name: tensor.shape for name, tensor in self.layers.state_dict().items()})
        self.layers.load_state_dict(tensors, assign=True)

    def forward(self, normalized: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in, one (N, C, H', W') for each layer that is looked at."""
        found = []
        features = normalized
        for number, layer in enumerate(self.layers):
            features = layer(features)
            if number in self.taps:
                found.append(features)
        return found


class PerceptualLoss(nn.Module):
    """The weighted sum, over the layers, of the mean absolute difference of features.

    The network is frozen, and no gradient goes to the clean pictures. Keep this outside of whatever training saves:
    its weights are those of a file that exists already.

    Args:
        network: From ``find_features``.
    """

    def __init__(self, network: FeatureNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Compare.

        Args:
            restored: (N, 3, H, W) float RGB on the scale [0, 1]; see ``FeatureNetwork`` for sizes.
            clean: The same.

        Returns:
            (N,) float32; under autocast the features are in its type, the differences in float32.

        Raises:
            ModelError: The pictures are too small for the network.
        """
        with torch.no_grad():
            wanted = self.network(clean)
        total = torch.zeros(len(restored), device=restored.device)
        for weight, found, aim in zip(self.network.weights, self.network(restored), wanted, strict=True):
            total = total + weight * (found.float() - aim.float()).abs().mean(dim=(1, 2, 3))
        return total


def find_features(named: Path | None) -> FeatureNetwork:
    """The network that a perceptual loss looks through.

    Args:
        named: A safetensors file of VGG19's convolutions (``0.weight`` or ``features.0.weight`` and so on, in
            torchvision's numbering); or a folder that holds ``vgg19_features.safetensors``, or else both
            ``vgg16_features_to_relu2_2.safetensors`` and ``alexnet_features.safetensors``. None for VGG19 from
            torchvision's hub (a download of 548 MB, once).

    Returns:
        The network on the CPU, in float32. VGG19 counts with the weights of Real-ESRGAN (Wang et al. 2021): 0.1, 0.1,
        1, 1, 1.

    Raises:
        ModelError: What was named is missing, broken, or does not hold these features.
        UsageError: Nothing was named and the hub cannot be reached.
    """
    if named is None:
        instead = "name a file of VGG19's features with loss.features=PATH"
        return _vgg19(lambda wanted: hub_features("VGG19_Weights", wanted, instead=instead))
    if not named.is_dir():
        return _vgg19(lambda wanted: read_features(named, wanted))
    if (named / VGG19_FILE).is_file():
        return _vgg19(lambda wanted: read_features(named / VGG19_FILE, wanted))
    if not ((named / VGG16_FILE).is_file() and (named / ALEXNET_FILE).is_file()):
        raise ModelError(f"{named} holds no features: put {VGG19_FILE} there, or {VGG16_FILE} and {ALEXNET_FILE}")
    return FeatureNetwork(
        [
            Trunk(lambda: _vgg((64,) * 2, (128,) * 2), _VGG16_TAPS, lambda w: read_features(named / VGG16_FILE, w)),
            Trunk(_alexnet, _ALEXNET_TAPS, lambda w: read_features(named / ALEXNET_FILE, w)),
        ],
        described="VGG16 conv1_2, conv2_2 and AlexNet conv1–conv5 before activation (torchvision, ImageNet)",
        minimum=31,
    )


def _vgg19(load: Callable[[dict[str, torch.Size]], dict[str, Tensor]]) -> FeatureNetwork:
    return FeatureNetwork(
        [Trunk(lambda: _vgg((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4), _VGG19_TAPS, load)],
        described=("VGG19 conv1_2, conv2_2, conv3_4, conv4_4, conv5_4 before activation (torchvision, ImageNet)"),
        minimum=16,
    )


def _vgg(*stages: tuple[int, ...]) -> nn.Sequential:
    """VGG (Simonyan and Zisserman 2015): 3×3 convolutions of these widths with ReLUs between, halved after a stage."""
    layers: list[nn.Module] = []
    last = 3
    for stage in stages:
        for width in stage:
            layers += [nn.Conv2d(last, width, 3, padding=1), nn.ReLU()]  # not in place: what goes in is looked at
            last = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-2])


def _alexnet() -> nn.Sequential:
    """AlexNet as torchvision has it (Krizhevsky 2014), to its fifth convolution."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
    )
