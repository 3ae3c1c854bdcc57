"""PyTorch as an engine: for those who have it anyway, and for networks that were not exported.

It belongs to the learn half, so the run half knows it by name only (``pixelmend.inference.engines.table``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch

from pixelmend.errors import ModelError, UsageError
from pixelmend.export.from_onnx import rebuild
from pixelmend.inference.engines.base import checked, failure
from pixelmend.inference.hardware import look

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from pixelmend.catalog import Card


class TorchEngine:
    """A network in PyTorch, run as its exported form would be.

    Where it is computed in bfloat16, convolutions and matrix products are; what goes in, what comes out and the sum of
    both stay float32.

    Args:
        model: Takes a picture, and conditions in order; it is moved to the device.
        conditions: Their names.
        device: "auto", or one that PyTorch knows by that name.
        precision: "float32"; or "auto", which is bfloat16 where the chip has units for it.
        threads: How many, for all of PyTorch; 0 leaves them as they are.

    Attributes:
        title: "PyTorch".
        model: The network.
        device: The one in use.
        precision: "bfloat16" or "float32".

    Raises:
        UsageError: A device that is not there, or int8.
    """

    title = "PyTorch"
    lanes = 1

    def __init__(
        self,
        model: nn.Module,
        conditions: tuple[str, ...],
        device: str = "auto",
        *,
        precision: str = "auto",
        threads: int = 0,
    ) -> None:
        if precision == "int8":
            raise UsageError("PyTorch runs no int8 here: leave precision at 'auto', or name another engine")
        self.device = self.devices()[0] if device == "auto" else device
        try:
            self._device = torch.device(self.device)
            # Channels last is what the processor's convolutions are fastest in; the numbers are the same.
            self.model: nn.Module = model.to(self._device).to(memory_format=torch.channels_last)
        except (RuntimeError, AssertionError) as error:
            known = ", ".join(self.devices())
            raise UsageError(f"PyTorch has no device {device!r} here: choose one of: auto, {known}") from error
        self.precision = "bfloat16" if precision == "auto" and _has_bfloat16(self._device.type) else "float32"
        self._conditions, self._threads = conditions, threads

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Self:
        """The engine for the model of a card; with lanes, it takes one piece after the other in one thread.

        Raises:
            UsageError: See the class.
            ModelError: The file is missing, damaged, or not one that a network can be built from again.
        """
        return cls(rebuild(card), card.conditions, device, precision=precision, threads=1 if lanes else 0)

    @staticmethod
    def devices() -> tuple[str, ...]:
        """The devices that this installation of PyTorch offers, the preferred first."""
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        return tuple(name for name, available in there.items() if available)

    def run(
        self,
        degraded: NDArray[np.float32],
        conditions: Mapping[str, NDArray[np.float32]],
        *,
        left: int = 0,  # noqa: ARG002  (PyTorch keeps what it wants)
    ) -> NDArray[np.float32]:
        """See ``Engine.run``."""
        if conditions.keys() != set(self._conditions):
            raise ModelError(
                f"the network got {sorted(conditions)}, wanted {sorted(self._conditions)} beside a picture"
            )
        if self._threads:
            torch.set_num_threads(self._threads)
        try:
            with (
                torch.inference_mode(),
                # No TF32, and no algorithm that sums in another order the next time.
                torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
                torch.autocast(self._device.type, torch.bfloat16, enabled=self.precision == "bfloat16"),
            ):
                told = [self._given(conditions[name]) for name in self._conditions]
                output: Tensor = self.model(self._given(degraded), *told)
                restored: NDArray[np.float32] = output.float().cpu().contiguous().numpy()
        except Exception as error:  # noqa: BLE001  (PyTorch raises RuntimeError and kinds of its own)
            raise failure(error, degraded.shape) from None
        return checked(restored)

    def _given(self, values: NDArray[np.float32]) -> Tensor:
        return torch.tensor(values, device=self._device).contiguous(memory_format=torch.channels_last)


def _has_bfloat16(device: str) -> bool:
    """Whether a chip computes in bfloat16, rather than emulate it, which is slower than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and "bf16" in (look().features or ())
