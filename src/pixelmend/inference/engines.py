"""What runs a network: ONNX Runtime on whatever chip it finds."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnxruntime as ort

from pixelmend.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Our names for ONNX Runtime's providers, the preferred first; "auto" takes the first that is there.
_DEVICES = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


class Engine(Protocol):
    """Runs one network. Deterministic; no state that a run changes."""

    def run(self, degraded: NDArray[np.float32], conditions: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Restore a batch.

        Args:
            degraded: (N, 3, H, W) float32 RGB, [0, 1] or beyond where noise was not clipped; H and W as the
                card says.
            conditions: By name, (N, 1, H, W) float32 each: "noise_level" is sigma / 255, "mask" is 1 where pixels
                are lost (they are black in `degraded`), else 0.

        Returns:
            (N, 3, H·scale, W·scale) float32, finite, not clamped.

        Raises:
            ModelError: The network failed, or gave a value that is not finite.
        """


class OnnxEngine:
    """A network in an ONNX file.

    Args:
        path: The file; inputs `degraded` and the conditions, output `restored`.
        device: "auto", or one of `devices()`.
        threads: How many, 0 for as many as the machine has cores.

    Raises:
        UsageError: A device that is not known or not there.
        ModelError: The file is missing, is not an ONNX model, or is no restorer.
    """

    def __init__(self, path: str | Path, device: str = "auto", threads: int = 0) -> None:
        provider = _provider(device)
        if threads < 0:
            raise UsageError(f"got {threads} threads, wanted 0 (as many as there are cores) or more")
        if not Path(path).is_file():
            raise ModelError(f"there is no model at {path}: install or export it again")
        try:
            self._session = ort.InferenceSession(str(path), _options(threads), providers=_with_cpu(provider))
        except Exception as error:  # noqa: BLE001  (ONNX Runtime raises a dozen kinds, not all exported)
            raise ModelError(f"{path} is not a model that can be run: {_one_line(error)}") from None
        self.device = self._check_device(device)
        self.inputs = frozenset(each.name for each in self._session.get_inputs())
        outputs = {each.name for each in self._session.get_outputs()}
        if "degraded" not in self.inputs or "restored" not in outputs:
            got = f"inputs {sorted(self.inputs)} and outputs {sorted(outputs)}"
            raise ModelError(f"{path} is no restorer: got {got}, wanted 'degraded' in and 'restored' out")

    def run(self, degraded: NDArray[np.float32], conditions: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """See `Engine.run`."""
        try:
            outputs: list[Any] = self._session.run(["restored"], {"degraded": degraded, **conditions})
        except Exception as error:  # noqa: BLE001  (ONNX Runtime raises a dozen kinds, not all exported)
            if "allocate" in str(error).lower():
                raise MemoryError(f"no room for a piece of {max(degraded.shape[2:])} pixels") from None
            raise ModelError(f"the model failed on an input of {degraded.shape}: {_one_line(error)}") from None
        restored: NDArray[np.float32] = outputs[0]
        if not np.isfinite(restored).all():
            raise ModelError("the model gave values that are not finite: its weights are broken")
        return restored

    def _check_device(self, device: str) -> str:
        """The device in use: ONNX Runtime goes to the CPU silently where a driver is missing."""
        used = self._session.get_providers()[0]
        name = next((key for key, provider in _DEVICES.items() if provider == used), used)
        if device not in {"auto", name}:
            raise UsageError(f"device {device!r} could not be started (is its driver installed?): try 'auto' or 'cpu'")
        return name


@lru_cache(maxsize=4)
def _cached(path: str, stamp: tuple[int, int], device: str) -> OnnxEngine:  # noqa: ARG001  (a part of the key)
    return OnnxEngine(path, device)


def cached_engine(path: str | Path, device: str = "auto") -> OnnxEngine:
    """An engine that is kept for the next call with the same file and device; changed files are read anew.

    Raises:
        UsageError: See `OnnxEngine`.
        ModelError: See `OnnxEngine`.
    """
    path = Path(path)
    _provider(device)
    if not path.is_file():
        raise ModelError(f"there is no model at {path}: install or export it again")
    stat = path.stat()
    return _cached(str(path.resolve()), (stat.st_mtime_ns, stat.st_size), device)


def devices() -> tuple[str, ...]:
    """The devices that this installation of ONNX Runtime offers, the preferred first."""
    there = ort.get_available_providers()
    return tuple(name for name, provider in _DEVICES.items() if provider in there)


def _provider(device: str) -> str:
    known = devices()
    if device == "auto":
        return _DEVICES[known[0]]
    if device not in known:
        raise UsageError(f"device {device!r} is not available here: choose one of: auto, {', '.join(known)}")
    return _DEVICES[device]


def _with_cpu(provider: str) -> list[str]:
    """An operator that a chip lacks runs on the CPU."""
    return list(dict.fromkeys([provider, _DEVICES["cpu"]]))


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    # Only what is fatal: everything else reaches the caller as an error, and stderr is not ours.
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # The arena would keep the largest piece's memory for as long as the session lives.
    options.enable_cpu_mem_arena = False
    return options


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
