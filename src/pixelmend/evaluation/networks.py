"""Methods that run in PyTorch: published networks, and ours before it is exported. Float32 throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pixelmend.errors import ModelError, UsageError
from pixelmend.evaluation.methods import GRAY, RGB, Needs, Pixels, Setup, is_told_noise
from pixelmend.models import load_model
from pixelmend.models.baselines import load_dncnn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pixelmend.models import Hybrid


class DnCNNMethod:
    """DnCNN with the weights of a file; it is not told the noise level, its weights know theirs."""

    name = "dncnn"

    def __init__(self, path: Path, setup: Setup, weights: str) -> None:
        model = load_dncnn(path)
        self.label = self.name
        self.weights = weights
        self.colors = GRAY if model.channels == 1 else RGB
        self.parameters = _count(model)
        self._runner = _Runner(model, setup)

    def restore(self, degraded: Pixels, sigma: float) -> Pixels:  # noqa: ARG002
        """Restore one whole picture; see ``Method.restore``."""
        gray = degraded.ndim == 2
        planes = degraded[np.newaxis] if gray else degraded.transpose(2, 0, 1)
        restored: Pixels = self._runner(planes[np.newaxis])[0].transpose(1, 2, 0)
        return np.squeeze(restored, axis=2) if gray else restored


class TorchEngine:
    """A checkpoint of ours, run as the exported network would be; see ``Engine``."""

    def __init__(self, model: Hybrid, setup: Setup) -> None:
        self._runner = _Runner(model, setup)
        self._conditions = model.config.conditions

    def run(self, degraded: Pixels, conditions: Mapping[str, Pixels]) -> Pixels:
        """See ``Engine.run``."""
        if conditions.keys() != set(self._conditions):
            raise ModelError(
                f"the network got {sorted(conditions)}, wanted {sorted(self._conditions)} beside a picture"
            )
        return self._runner(degraded, *(conditions[name] for name in self._conditions))


def hybrid_engine(path: Path, setup: Setup) -> tuple[TorchEngine, Needs, int]:
    """What ``Pixelmend`` needs of a checkpoint: an engine, what it needs of its input, its parameters.

    Raises:
        ModelError: The file cannot be read or does not hold our network.
        UsageError: It enlarges, or has to be told more than a noise level.
    """
    model = load_model(path)
    noise_level = is_told_noise(str(path), model.config.scale, model.config.conditions)
    return TorchEngine(model, setup), Needs(model.config.multiple_of, noise_level=noise_level), _count(model)


class _Runner:
    """Arrays in, arrays out, on the device and with the threads of a setup."""

    def __init__(self, model: torch.nn.Module, setup: Setup) -> None:
        try:
            self._device = torch.device(setup.device)
            # Channels last is what the processor's convolutions are fastest in; the numbers are the same.
            self._model = model.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        except (RuntimeError, AssertionError) as error:
            raise UsageError(f"PyTorch has no device {setup.device!r} here: choose 'cpu'") from error
        self._threads = setup.threads

    def __call__(self, *inputs: Pixels) -> Pixels:
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
                tensors = [torch.from_numpy(np.ascontiguousarray(each)).to(self._device) for each in inputs]
                output: torch.Tensor = self._model(*tensors)
                restored: Pixels = output.float().cpu().numpy()
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"the network failed on an input of {inputs[0].shape}: {reason}") from error
        if not np.isfinite(restored).all():
            raise ModelError("the network gave values that are not finite: its weights are broken")
        return restored


def _count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
