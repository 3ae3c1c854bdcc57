"""OpenVINO: int8 and bfloat16 on processors that have them. Imported only where it was chosen."""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pixelmend.errors import ModelError, UsageError
from pixelmend.inference.engines.base import (
    check_file,
    check_int8,
    check_ports,
    check_threads,
    checked,
    failure,
    one_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pixelmend.catalog import Card

_TELEMETRY = "openvino_telemetry"
_SHAPES = 4
"""How many sizes of pieces stay compiled: a picture needs one, and its neighbours are often as large."""


def _import_quietly() -> Any:
    """OpenVINO without its telemetry, which sends an event to a web service whenever ``openvino`` is imported.

    It does without where the package that sends is absent; None in ``sys.modules`` is Python's way of saying so.
    """
    hidden = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        if hidden is None:
            del sys.modules[_TELEMETRY]
        else:
            sys.modules[_TELEMETRY] = hidden


ov = _import_quietly()


class OpenVinoEngine:
    """A network in an ONNX file, compiled for each size of piece; weights are read once.

    Args:
        path: The file; inputs `degraded` and the conditions, output `restored`.
        device: "auto" or "cpu".
        threads: How many, 0 for as many as OpenVINO finds right.
        precision: "auto", "int8" or "float32"; see `pixelmend.inference.engines.Wish`. What is not int8 is computed in
            bfloat16 where the processor has it, unless float32 is asked for.

    Attributes:
        title: "OpenVINO".
        device: "cpu".
        precision: "int8", "bfloat16" or "float32", as convolutions are computed.
        lanes: 1: two pieces at once were never sooner done than one after the other.
        inputs: Names of what goes in.

    Raises:
        UsageError: Another device; int8 of a file that has none, or float32 of one that has.
        ModelError: The file is missing, is not an ONNX model, or is no restorer.
    """

    title = "OpenVINO"
    device = "cpu"
    lanes = 1

    def __init__(self, path: str | Path, device: str = "auto", threads: int = 0, precision: str = "auto") -> None:
        path = Path(path)
        if device not in {"auto", *self.devices()}:
            raise UsageError(f"device {device!r} is not one that this engine runs on: choose 'cpu' or another engine")
        check_threads(threads)
        check_file(path)
        quantizes = check_int8(path, precision)
        if quantizes and precision == "float32":
            raise UsageError(
                f"OpenVINO runs the int8 file {path.name} in int8 only: choose precision 'auto', or the engine "
                "'onnxruntime', which also runs it in float32"
            )
        half = precision != "float32" and _has_bfloat16()
        self.precision = "int8" if quantizes else "bfloat16" if half else "float32"
        self._settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            # without it, some of "f32" is computed in fewer bits: 71 dB from ONNX Runtime's result, with it 144 dB
            "EXECUTION_MODE_HINT": "PERFORMANCE" if half else "ACCURACY",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        try:
            self._model = _core().read_model(path)
        except Exception as error:  # noqa: BLE001  (OpenVINO raises RuntimeError and kinds of its own)
            raise ModelError(f"{path} is not a model that can be run: {one_line(error)}") from None
        ports = [{port.any_name for port in side} for side in (self._model.inputs, self._model.outputs)]
        check_ports(path, ports[0], ports[1])
        self.inputs = frozenset(ports[0])
        # a cache for each engine, which a decorated method would not be
        self._compiled = lru_cache(maxsize=_SHAPES)(self._compile)

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Self:
        """The engine for the file of a card; with lanes, it takes one piece after the other in one thread."""
        return cls(card.path, device, threads=1 if lanes else 0, precision=precision)

    @staticmethod
    def devices() -> tuple[str, ...]:
        """The devices that this engine runs on."""
        return ("cpu",)

    def run(
        self,
        degraded: NDArray[np.float32],
        conditions: Mapping[str, NDArray[np.float32]],
        *,
        left: int = 0,  # noqa: ARG002  (it keeps nothing)
    ) -> NDArray[np.float32]:
        """See `Engine.run`."""
        given = {"degraded": degraded, **conditions}
        if given.keys() != self.inputs:  # it would run with whatever lies in its memory
            got = f"got {sorted(given)}, wanted {sorted(self.inputs)}"
            raise ModelError(f"the model failed on an input of {degraded.shape}: {got}")
        try:
            compiled = self._compiled(tuple((name, each.shape) for name, each in given.items()))
            # A request for each run: it holds the memory of its results, and must not be shared by threads.
            restored: NDArray[np.float32] = compiled.create_infer_request().infer(given)["restored"]
        except Exception as error:  # noqa: BLE001  (OpenVINO raises RuntimeError and kinds of its own)
            raise failure(error, degraded.shape) from None
        return checked(restored)

    def _compile(self, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Any:
        """What runs inputs of exactly these shapes."""
        model = self._model.clone()
        model.reshape({name: list(shape) for name, shape in shapes})
        return _core().compile_model(model, "CPU", self._settings)


@lru_cache(maxsize=1)
def _core() -> Any:
    return ov.Core()


def _has_bfloat16() -> bool:
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
