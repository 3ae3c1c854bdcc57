"""ONNX Runtime: what every installation has, on whatever chip it finds."""

from __future__ import annotations

import contextlib
import io
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.engines.arena import give_back, share
from pixelmend.inference.engines.base import (
    check_file,
    check_int8,
    check_ports,
    check_threads,
    checked,
    failure,
    one_line,
)
from pixelmend.inference.engines.ort import ort
from pixelmend.inference.hardware import cores, look, sums_saturate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pixelmend.catalog import Card

# Our names for ONNX Runtime's providers, the preferred first; "auto" takes the first that is there.
_DEVICES = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_INT8 = {"cpu", "openvino"}
"""Devices that compute pairs of QuantizeLinear and DequantizeLinear in int8; others only round where they stand."""

_KEEPING = ("ReluQuantRewrite", "ClipQuantRewrite", "CommonSubexpressionElimination")
"""What must not be done where pairs are to be dropped: a Relu or Clip before QuantizeLinear, which clips as well, would
go, and without the pair nothing would clip; and several pairs for one value become one, which is then not dropped."""


_LANES = 4
"""At most so many pieces at once, since each takes memory of its own."""
_LITTLE = 3 * 2**20
"""Bytes of a result (512×512 pixels) up to which memory is kept, since it is needed for the next picture as well."""


class OnnxEngine:
    """A network in an ONNX file.

    On a processor, several pieces at once, each in one thread, are done sooner than one after the other in all threads:
    many operators run in one thread alone, and others wait for the slowest part.

    Args:
        path: The file; inputs `degraded` and the conditions, output `restored`.
        device: "auto", or one of `devices()`.
        threads: How many, 0 for as many as the machine has cores.
        precision: "auto", "int8" or "float32"; see `pixelmend.inference.engines.Wish`.
        lanes: On a processor, so many pieces at once, each in one thread, also where there is only one; 0 for as many
            as there are threads, at most 4, and all threads for one piece.

    Attributes:
        title: "ONNX Runtime".
        device: The one in use.
        precision: "int8" or "float32", as it is computed.
        lanes: How many pieces at once; 1 on another chip than a processor.
        inputs: Names of what goes in.

    Raises:
        UsageError: A device that is not known or not there; int8 where the file or the device has none.
        ModelError: The file is missing, is not an ONNX model, or is no restorer.
    """

    title = "ONNX Runtime"

    def __init__(
        self, path: str | Path, device: str = "auto", threads: int = 0, precision: str = "auto", *, lanes: int = 0
    ) -> None:
        path = Path(path)
        name = _named(device)
        threads = 1 if lanes else threads
        check_threads(threads)
        check_file(path)
        self.precision = _precision(path, name, precision)
        self._session = _session(path, name, threads, floats=self.precision == "float32")
        self.device = self._check_device(device)
        if self.device != name and _precision(path, self.device, precision) != self.precision:
            self.precision = _precision(path, self.device, precision)
            self._session = _session(path, self.device, threads, floats=self.precision == "float32")
        self._path, self._threads = path, threads or cores()
        self.lanes = min(lanes or self._threads, _LANES) if self.device == "cpu" else 1
        self.inputs = frozenset(each.name for each in self._session.get_inputs())
        check_ports(path, set(self.inputs), {each.name for each in self._session.get_outputs()})

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Self:
        """The engine for the file of a card."""
        return cls(card.path, device, precision=precision, lanes=lanes)

    @staticmethod
    def devices() -> tuple[str, ...]:
        """See `devices`."""
        return devices()

    def run(
        self, degraded: NDArray[np.float32], conditions: Mapping[str, NDArray[np.float32]], *, left: int = 0
    ) -> NDArray[np.float32]:
        """See `Engine.run`."""
        session = self._lane if left and 1 < self.lanes <= self._threads else self._session
        try:
            restored: NDArray[np.float32] = session.run(["restored"], {"degraded": degraded, **conditions})[0]
        except Exception as error:  # noqa: BLE001  (ONNX Runtime raises a dozen kinds, not all exported)
            give_back()
            raise failure(error, degraded.shape) from None
        # Any of the last pieces, which run at the same time, may be the last that ends.
        if left < self.lanes and restored.nbytes > _LITTLE:
            restored = restored.copy()  # it lies in what is given back
            give_back()
        return checked(restored)

    @cached_property
    def _lane(self) -> Any:
        """What runs one of several pieces: those who ask share what threads there are beside their own."""
        return _session(self._path, self.device, self._threads - self.lanes + 1, floats=self.precision == "float32")

    def _check_device(self, device: str) -> str:
        """The device in use: ONNX Runtime goes to the CPU silently where a driver is missing."""
        used = self._session.get_providers()[0]
        name = next((key for key, provider in _DEVICES.items() if provider == used), used)
        if device not in {"auto", name}:
            raise UsageError(f"device {device!r} could not be started (is its driver installed?): try 'auto' or 'cpu'")
        return name


def devices() -> tuple[str, ...]:
    """The devices that this installation of ONNX Runtime offers, the preferred first."""
    there = ort.get_available_providers()
    return tuple(name for name, provider in _DEVICES.items() if provider in there)


def _named(device: str) -> str:
    known = devices()
    if device == "auto":
        return known[0]
    if device not in known:
        raise UsageError(f"device {device!r} is not available here: choose one of: auto, {', '.join(known)}")
    return device


def _precision(path: Path, device: str, wanted: str) -> str:
    """What the file is computed in on this device.

    Raises:
        UsageError: int8 where the file or the device has none.
    """
    quantizes = check_int8(path, wanted)
    if wanted == "int8" and device not in _INT8:
        raise UsageError(f"device {device!r} takes no int8 files: leave precision at 'auto', or add device 'cpu'")
    return "int8" if quantizes and wanted != "float32" and device in _INT8 else "float32"


def _session(path: Path, device: str, threads: int, *, floats: bool) -> Any:
    """What runs a file.

    Raises:
        ModelError: The file is no model.
    """
    if device == "cuda" and hasattr(ort, "preload_dlls"):
        # CUDA's libraries may have come with pip; what is not found is printed, and then said by us in our words
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()
    options = _options(threads)
    kept: list[str] = []
    if floats:
        # An int8 file is run as the float network that it was made from: pairs that only round are dropped.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
        kept = list(_KEEPING)
    elif device == "cpu" and sums_saturate(look()):
        # Computes with unsigned weights, whose sums are exact; twice as slow where it is not needed.
        options.add_session_config_entry("session.x64quantprecision", "1")
    providers = _with_cpu(_DEVICES[device])
    try:
        return ort.InferenceSession(str(path), options, providers=providers, disabled_optimizers=kept)
    except Exception as error:  # noqa: BLE001  (ONNX Runtime raises a dozen kinds, not all exported)
        raise ModelError(f"{path} is not a model that can be run: {one_line(error)}") from None


def _with_cpu(provider: str) -> list[str]:
    """An operator that a chip lacks runs on the CPU."""
    return list(dict.fromkeys([provider, _DEVICES["cpu"]]))


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    # Only what is fatal: everything else reaches the caller as an error, and stderr is not ours.
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    share(options)
    return options
