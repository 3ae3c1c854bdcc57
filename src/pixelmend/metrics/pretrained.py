"""Features of pretrained networks, which metrics and losses look through: from a file, or from torchvision's hub.

Nothing is unpickled from a file that a user names: it holds safetensors. This file needs PyTorch;
``pixelmend.metrics`` does not load it.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from http.client import HTTPException
from importlib import import_module
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open

from pixelmend.errors import DataError, MissingExtraError, ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from torch import Tensor

ALEXNET_FILE = "alexnet_features.safetensors"
"""The name of AlexNet's features inside a folder of features."""
VGG16_FILE = "vgg16_features.safetensors"
"""The name of all of VGG16's features inside a folder of features."""


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


def check_pictures(metric: str, minimum: int, restored: Tensor, clean: Tensor) -> None:
    """Refuse what a network cannot compare.

    Args:
        metric: Its name, for the error's text.
        minimum: Pixels that it needs at the shorter side.
        restored: Wanted as (N, 3, H, W).
        clean: Wanted of the same shape.

    Raises:
        DataError: The shapes differ or do not fit, or a value is not finite.
    """
    if restored.shape != clean.shape:
        raise DataError(
            f"restored is {tuple(restored.shape)} and clean is {tuple(clean.shape)}: give two batches of one shape"
        )
    if clean.ndim != 4 or clean.shape[1] != 3 or min(clean.shape[2:]) < minimum:
        raise DataError(f"{metric} needs (N, 3, H, W) with H and W of at least {minimum}, got {tuple(clean.shape)}")
    for name, pictures in (("restored", restored), ("clean", clean)):
        if not pictures.isfinite().all():
            raise DataError(f"the {name} pictures hold values that are not finite: no score can be given for them")


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
