"""Methods that run in PyTorch: networks of others, and ours before it is exported. Float32 throughout."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import ModelError
from pixelmend.evaluation.method import GRAY, RGB, Method, as_color
from pixelmend.evaluation.methods.own import Pixelmend, Shape, checksum, condition_maps, tasks_of
from pixelmend.evaluation.problem import TASKS
from pixelmend.export.torch_engine import TorchEngine
from pixelmend.inference.sizes import crop, pad
from pixelmend.models import load_model, read_metadata
from pixelmend.models.baselines import load_dncnn
from pixelmend.models.measure import count_parameters, macs_per_pixel
from pixelmend.models.peers import load_published
from pixelmend.models.weights import is_ours

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from pixelmend.evaluation.method import Setup
    from pixelmend.evaluation.problem import Pixels, Problem, Task

_COUNTED_ON = 256
"""Side of the picture that multiplications are counted on, pixels, rounded up to what a network takes."""
ANY = "published"
"""The method that takes any network that spandrel knows."""
PEERS = {
    "rrdb": "ESRGAN",
    "swinir": "SwinIR",
    "ipt": "IPT",
    "restormer": "Restormer",
    "nafnet": "NAFNet",
    "drunet": "DRUNet",
    "scunet": "SCUNet",
    "uformer": "Uformer",
}
"""What spandrel calls the kinds that have a method of their own."""
_PICKLES = (".pth", ".pt", ".ckpt", ".bin", ".pkl")


class NetworkMethod(Method):
    """A network with the weights of a file: one of ours (as our recipes train them), or a published one.

    Gray pictures go through a colour network of ours as three equal channels, whose results are averaged.

    Args:
        name: A key of ``METHODS``, and of the architecture that the file must hold.
        path: A safetensors file.
        setup: What it runs on.

    Raises:
        ModelError: The file cannot be read, is a pickle, or holds another network.
    """

    def __init__(self, name: str, path: Path, setup: Setup) -> None:
        self.name = self.label = name
        self.weights = checksum(path)
        if path.suffix.lower() in _PICKLES:
            raise ModelError(
                f"{path} is a pickle, which can run code when it is read: convert it to safetensors and name that file"
            )
        model, self._shape, channels, self.tasks = self._load(path)
        # Three equal channels of noise are no noise to a network that learned from colour alone: 20.75 dB on BSD68 at
        # sigma 25 by DnCNN's colour weights, which is what goes in. Our recipes show gray crops as well.
        self.colors = GRAY if channels == 1 else RGB | GRAY if is_ours(path) else RGB
        self.scales = frozenset({self._shape.scale})
        self.parameters = count_parameters(model)
        self._channels = channels
        self._engine = _engine(model, self._shape.conditions, setup)

    def _load(self, path: Path) -> tuple[nn.Module, Shape, int, frozenset[Task]]:
        """The network, what goes in and out, channels, and what it may be asked to do."""
        if is_ours(path):
            model, header = load_model(path), read_metadata(path)
            config = model.config
            if config.architecture != self.name:
                raise ModelError(f"{path} holds a {config.architecture}, wanted a {self.name}: name another file")
            self.note = trained(header)
            shape = Shape(config.multiple_of, scale=config.scale, conditions=tuple(config.conditions))
            return model, shape, 3, tasks_of(str(header.get("recipe", {}).get("task", "denoise")))
        self.note = "published weights"
        if self.name == "dncnn":
            published = load_dncnn(path)
            return published, Shape(1, conditions=()), int(published.channels), tasks_of("denoise")
        if self.name not in (*PEERS, ANY):
            raise ModelError(
                f"{path} was not trained by a recipe for {self.name}: name weights that `pixelmend train` left"
            )
        peer = load_published(path, self.name)
        if self.name != ANY and peer.architecture != PEERS[self.name]:
            raise ModelError(
                f"{path} holds a {peer.architecture}, wanted a {self.name}: measure it with --methods {ANY} "
                f"--weights {ANY}={path}"
            )
        self.label = peer.architecture if self.name == ANY else self.label
        shape = Shape(peer.multiple_of, peer.minimum, peer.scale, peer.conditions, square=peer.square)
        enlarging: frozenset[Task] = frozenset({"super-resolve"})
        keeping: frozenset[Task] = frozenset(TASKS) - {"super-resolve", "deconvolve", "inpaint"}
        return peer, shape, peer.channels, enlarging if peer.scale > 1 else keeping

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``."""
        height, width = self._shape.padded(*problem.degraded.shape[:2])
        conditions = condition_maps(self._shape.conditions, problem, height, width)

        def run(pixels: Pixels) -> Pixels:
            planes = pad(pixels, height, width).transpose(2, 0, 1)[np.newaxis]
            restored = self._engine.run(planes, conditions)[0].transpose(1, 2, 0)
            return crop(restored, *problem.wanted_shape[:2])

        if self._channels == 1:
            return np.ascontiguousarray(run(problem.degraded[..., np.newaxis])[..., 0])
        return as_color(run, problem.degraded)

    def count_macs(self, problem: Problem) -> int | None:
        """See ``Method.count_macs``."""
        return replace(self._shape, macs_per_pixel=self._macs_per_pixel).macs(problem)

    @cached_property
    def _macs_per_pixel(self) -> float:
        return _work(self._engine.model, self._shape, self._channels)


def _engine(model: nn.Module, conditions: tuple[str, ...], setup: Setup) -> TorchEngine:
    """What runs a network as its exported form would be."""
    return TorchEngine(model, conditions, device=setup.device, precision="float32", threads=setup.threads)


def own_checkpoint(path: Path, setup: Setup) -> Pixelmend:
    """A checkpoint of our network as the method ``pixelmend``.

    Raises:
        ModelError: The file cannot be read or does not hold our network.
    """
    model, header = load_model(path), read_metadata(path)
    config = model.config
    if config.architecture != "hybrid":
        kind = config.architecture
        raise ModelError(f"{path} holds a {kind}: measure it with --methods {kind} --weights {kind}={path}")
    shape = Shape(config.multiple_of, scale=config.scale, conditions=tuple(config.conditions))
    shape = replace(shape, macs_per_pixel=_work(model, shape, 3))
    method = Pixelmend(
        _engine(model, shape.conditions, setup),
        shape,
        task=str(header.get("recipe", {}).get("task", "denoise")),
        parameters=count_parameters(model),
        weights=checksum(path),
    )
    method.note = trained(header)
    return method


def trained(header: Mapping[str, Any]) -> str:
    """How briefly or long weights of ours were trained, in words."""
    recipe = header.get("recipe", {})
    if not all(key in header for key in ("step", "mpx", "minutes", "device")):
        return f"trained by the recipe {recipe.get('name', 'of an earlier version')}"
    return (
        f"trained here by the recipe {recipe.get('name')}: {header['minutes']:.0f} minutes, {header['step']} steps, "
        f"{header['mpx']:.0f} megapixels, on {header['device']}"
    )


def _work(model: nn.Module, shape: Shape, channels: int) -> float:
    """Multiplications for each pixel that goes in."""
    size = shape.padded(_COUNTED_ON, _COUNTED_ON)
    return macs_per_pixel(model, channels=channels, conditions=len(shape.conditions), size=size)
