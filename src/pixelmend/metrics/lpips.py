"""LPIPS, the learned distance between two pictures, and the pretrained features that it and a loss look through.

R. Zhang, P. Isola, A. Efros, E. Shechtman and O. Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018. This file needs PyTorch; ``pixelmend.metrics`` does not load it.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from http.client import HTTPException
from importlib import import_module
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from pixelmend.errors import DataError, MissingExtraError, ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from torch import Tensor, nn

ALEXNET_FILE = "alexnet_features.safetensors"
"""The name of AlexNet's features inside a folder of features."""
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
        _check(restored, clean)
        network = self._network.to(restored.device)
        with torch.autocast(restored.device.type, enabled=False):
            first, second = (picture.float().clamp(0, 1) * 2 - 1 for picture in (restored, clean))
            distances: Tensor = network(first, second)
        return distances.flatten()


def read_features(path: Path, wanted: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Convolutions of a pretrained network from a safetensors file.

    Args:
        path: The file; it may hold more than is wanted.
        wanted: Shapes by torchvision's numbering of a network's ``features`` ("0.weight"). The file may put
            ``features.`` before the number.

    Returns:
        The wanted tensors by the same names: float32, in memory of their own.

    Raises:
        ModelError: No such file, not a safetensors file, or one that does not hold what is wanted.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _picked(wanted, set(file.keys()), file.get_tensor, str(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors weights ({error}): give the path of such a file"
        ) from error


def hub_features(weights: str, wanted: Mapping[str, torch.Size], *, instead: str) -> dict[str, Tensor]:
    """Convolutions of a pretrained network from torchvision's hub, or from where it kept them after a download.

    Args:
        weights: Name of torchvision's list of weights ("VGG19_Weights"); the first set of ImageNet is taken. Its
            checksum is compared, and nothing but tensors is read from it.
        wanted: As for ``read_features``.
        instead: What a user without a connection can do, for the error's text.

    Raises:
        MissingExtraError: Torchvision is not installed.
        UsageError: The hub cannot be reached, or what came from it is broken.
    """
    try:
        published = getattr(import_module("torchvision.models"), weights).IMAGENET1K_V1
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchvision") from error
    try:
        with redirect_stdout(sys.stderr):  # the hub announces a download, and results go to standard output
            tensors = published.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, HTTPException, RuntimeError, EOFError, UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"no features were named, and {published.url} cannot be had ({reason}): {instead}") from error
    return _picked(wanted, set(tensors), tensors.__getitem__, published.url)


def _picked(
    wanted: Mapping[str, torch.Size], held: Collection[str], get: Callable[[str], Tensor], source: str
) -> dict[str, Tensor]:
    """The wanted tensors, or an error about the first that is missing or has another shape."""
    found = {}
    for short, shape in wanted.items():
        name = short if short in held else f"features.{short}"
        if name not in held:
            raise ModelError(
                f"{source} holds no {short} or features.{short}: name the features of the network in torchvision's "
                "numbering"
            )
        tensor = get(name)
        if tensor.shape != shape:
            raise ModelError(
                f"{name} in {source} is {tuple(tensor.shape)}, wanted {tuple(shape)}: it holds another network"
            )
        found[short] = tensor.to(torch.float32, copy=True)
    return found


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


def _check(restored: Tensor, clean: Tensor) -> None:
    """Refuse what AlexNet cannot compare."""
    if restored.shape != clean.shape:
        raise DataError(
            f"restored is {tuple(restored.shape)} and clean is {tuple(clean.shape)}: give two batches of one shape"
        )
    if clean.ndim != 4 or clean.shape[1] != 3 or min(clean.shape[2:]) < MINIMUM:
        raise DataError(f"LPIPS needs (N, 3, H, W) with H and W of at least {MINIMUM}, got {tuple(clean.shape)}")
    for name, pictures in (("restored", restored), ("clean", clean)):
        if not pictures.isfinite().all():
            raise DataError(f"the {name} pictures hold values that are not finite: no score can be given for them")
