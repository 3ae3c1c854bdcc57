"""LPIPS, the learned distance between two pictures.

R. Zhang, P. Isola, A. Efros, E. Shechtman and O. Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018. This file needs PyTorch; ``pixelmend.metrics`` does not load it.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from pixelmend.errors import MissingExtraError
from pixelmend.metrics.pretrained import ALEXNET_FILE, check_pictures, hub_features, read_features

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

MINIMUM = 31
"""Pixels at the shorter side, below which AlexNet has no fifth layer."""


class Lpips:
    """LPIPS with AlexNet, version 0.1: the form that tables quote. 0 is equal, lower is nearer.

    The heads come from the ``lpips`` package, and so does the computation; AlexNet's features come from a file, or
    from torchvision's hub (a download of 233 MB, once).

    Args:
        features: A safetensors file of torchvision's AlexNet (``0.weight``, ``0.bias``, ``3.weight`` and so on to
            ``10.bias``, or the same after ``features.``), or a folder that holds it as
            ``alexnet_features.safetensors``; None for torchvision's hub.

    Raises:
        MissingExtraError: The ``lpips`` package is not installed.
        ModelError: The file is missing, broken, or does not hold AlexNet's features.
        UsageError: No file is named and the hub cannot be reached.
    """

    def __init__(self, features: Path | None = None) -> None:
        self._network = _without_features()
        # The package cuts AlexNet into slices but keeps the layers' numbers: slice1.0.weight is 0.weight.
        names = {name: name.partition(".")[2] for name in self._network.net.state_dict()}
        wanted = {names[name]: tensor.shape for name, tensor in self._network.net.state_dict().items()}
        if features is None:
            held = hub_features("AlexNet_Weights", wanted, instead=f"name {ALEXNET_FILE} or the folder that holds it")
        else:
            held = read_features(features / ALEXNET_FILE if features.is_dir() else features, wanted)
        self._network.net.load_state_dict({name: held[short] for name, short in names.items()})

    @torch.no_grad()
    def __call__(self, restored: Tensor, clean: Tensor) -> Tensor:
        """The distance of each pair.

        Args:
            restored: (N, 3, H, W) float RGB on the scale [0, 1], to which it is clamped; H, W ≥ 31; on any device.
            clean: The reference, of the same shape, scale and device.

        Returns:
            (N,) float32 on the same device, computed in float32 also under autocast; it carries no gradient.

        Raises:
            DataError: The shapes differ or do not fit, or a value is not finite.
        """
        check_pictures("LPIPS", MINIMUM, restored, clean)
        network = self._network.to(restored.device)
        with torch.autocast(restored.device.type, enabled=False):
            first, second = (picture.float().clamp(0, 1) * 2 - 1 for picture in (restored, clean))
            distances: Tensor = network(first, second)
        return distances.flatten()


def _without_features() -> Any:
    """The package's network (which has no types) in evaluation mode: its heads as published, its AlexNet random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls torchvision in a way that is deprecated
        try:
            lpips = import_module("lpips")
        except ModuleNotFoundError as error:
            raise MissingExtraError("lpips") from error
        # Building draws random numbers: whoever measures in the middle of a training run must not change the run.
        with torch.random.fork_rng(devices=[]):
            network: nn.Module = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    return network.eval().requires_grad_(requires_grad=False)
