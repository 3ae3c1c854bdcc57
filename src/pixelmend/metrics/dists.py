"""DISTS, a learned distance between two pictures that forgives another sample of the same texture.

K. Ding, K. Ma, S. Wang and E. Simoncelli, "Image Quality Assessment: Unifying Structure and Texture Similarity",
IEEE Transactions on Pattern Analysis and Machine Intelligence, 2020. This file needs PyTorch; ``pixelmend.metrics``
does not load it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import torch
from torch import nn
from torchmetrics.functional.image.dists import DISTSNetwork, L2pooling

from pixelmend.errors import MissingExtraError
from pixelmend.metrics.pretrained import VGG16_FILE, check_pictures, hub_features, read_features

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

MINIMUM = 17
"""Pixels at the shorter side, below which the deepest layer has a single value, which has no variance to compare."""

# Torchvision's numbers of the layers between VGG16's five poolings, each of which becomes an L2 pooling, and the
# channels that are pooled.
_STAGES = {"stage1": (0, 4), "stage2": (5, 9), "stage3": (10, 16), "stage4": (17, 23), "stage5": (24, 30)}
_POOLED = {"stage2": 64, "stage3": 128, "stage4": 256, "stage5": 512}


class Dists:
    """DISTS with VGG16, on the whole picture at its own size. 0 is equal, lower is nearer.

    The weights of the layers come from the ``torchmetrics`` package, and so does the computation; VGG16's features come
    from a file, or from torchvision's hub (a download of 528 MB, once). The authors' own program first shrinks larger
    pictures to 256 pixels at the shorter side, as their data were; this does not, as most tables do not.

    Args:
        features: A safetensors file of torchvision's VGG16 (``0.weight``, ``0.bias``, ``2.weight`` and so on to
            ``28.bias``, or the same after ``features.``), or a folder that holds it as
            ``vgg16_features.safetensors``; None for torchvision's hub.

    Raises:
        MissingExtraError: Torchvision is not installed.
        ModelError: The file is missing, broken, or does not hold all of VGG16's features.
        UsageError: No file is named and the hub cannot be reached.
    """

    def __init__(self, features: Path | None = None) -> None:
        layers = _without_features()
        wanted = {name: tensor.shape for name, tensor in layers.state_dict().items()}
        if features is None:
            held = hub_features("VGG16_Weights", wanted, instead=f"name {VGG16_FILE} or the folder that holds it")
        else:
            held = read_features(features / VGG16_FILE if features.is_dir() else features, wanted)
        layers.load_state_dict(held, assign=True)
        self._network = _Network(layers).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        """The distance of each pair.

        Args:
            restored: (N, 3, H, W) float RGB on the scale [0, 1], to which it is clamped; H, W ≥ 17; on any device.
            clean: The reference, of the same shape, scale and device.

        Returns:
            (N,) float32 on the same device, computed in float32 also under autocast; it carries no gradient.

        Raises:
            DataError: The shapes differ or do not fit, or a value is not finite.
        """
        check_pictures("DISTS", MINIMUM, restored, clean)
        network = self._network.to(restored.device)
        with torch.autocast(restored.device.type, enabled=False):
            first, second = (picture.float().clamp(0, 1) for picture in (restored, clean))
            distances: Tensor = network(first, second)
        return distances.reshape(-1).clamp_min(0)  # rounding may put equal pictures a hair below 0


class _Network(DISTSNetwork):
    """The package's network around VGG16's layers that are given: its own constructor would download them.

    Args:
        layers: Torchvision's ``features`` of VGG16, with their values.
    """

    def __init__(self, layers: nn.Sequential) -> None:
        nn.Module.__init__(self)
        for stage, (first, end) in _STAGES.items():
            pooling = [L2pooling(channels=_POOLED[stage])] if stage in _POOLED else []
            self.add_module(stage, nn.Sequential(*pooling, *layers[first:end]))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.chns = [3, 64, 128, 256, 512, 512]
        with as_file(files("torchmetrics.functional.image") / "dists_models" / "weights.pt") as path:
            heads = torch.load(path, map_location="cpu", weights_only=True)
        self.register_buffer("alpha", heads["alpha"].detach())
        self.register_buffer("beta", heads["beta"].detach())


def _without_features() -> nn.Sequential:
    """VGG16's layers as torchvision numbers them; their shapes without values, so that nothing is drawn."""
    try:
        vgg16 = import_module("torchvision.models").vgg16
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchvision") from error
    with torch.device("meta"):
        layers: nn.Sequential = vgg16().features
    return layers
